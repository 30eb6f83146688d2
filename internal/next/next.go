package next

import (
	"fmt"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// VersionMax is the highest version of the session's protocol.
const VersionMax = wire.VersionMax + 1

// The field that stands in every map of CBOR.
const (
	key   = uint64(99)
	value = "a field of tomorrow"
)

// Kind is a kind of message of the stream protocol.
const Kind = 77

// Unknown is a message of nothing but the new field: of a kind that this version
// does not know, where messages are CBOR.
func Unknown() []byte { return wire.MustMarshal(map[uint64]string{key: value}) }

// Extend gives the new form of a CBOR message. It panics if b is none.
func Extend(b []byte) []byte {
	var v any
	if err := wire.Unmarshal(b, len(b), &v); err != nil {
		panic(fmt.Sprintf("extend: %v", err))
	}
	return wire.MustMarshal(extend(v))
}

// extend adds the field to all maps in v.
func extend(v any) any {
	switch v := v.(type) {
	case map[any]any:
		//lint:ordered each value is changed by itself
		for k := range v {
			v[k] = extend(v[k])
		}
		v[key] = value
	case []any:
		for i := range v {
			v[i] = extend(v[i])
		}
	}
	return v
}

// Resign gives the new form of what was signed over domain and the body behind the
// signature: always the same bytes for the same raw.
func Resign(raw []byte, domain string, k ident.Key) []byte {
	body := Extend(raw[ident.SignatureSize:])
	return append(k.Sign(domain, body), body...)
}

// Extended tells whether a CBOR message has the new field.
func Extended(b []byte) bool {
	var m struct {
		Next string `cbor:"99,keyasint"`
	}
	return wire.Unmarshal(b, len(b), &m) == nil && m.Next == value
}

// Subscribe gives the new form of a consumer's first message, which says that it
// speaks a higher version.
func Subscribe(m []byte) []byte {
	var v map[uint64]any
	if err := wire.Unmarshal(m, len(m), &v); err != nil {
		panic(fmt.Sprintf("subscribe: %v", err))
	}
	v[1] = v[1].(uint64) + 1
	return Extend(wire.MustMarshal(v))
}

package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// ErrDecode is wrapped by every error of Unmarshal.
var ErrDecode = errors.New("malformed CBOR")

// The two modes are immutable: core deterministic encoding out (RFC 8949,
// section 4.2.1), and in neither duplicate keys, tags, indefinite lengths nor
// deep nesting, all of which would let two texts mean one thing or one text
// cost much.
var (
	encoding = must(cbor.CoreDetEncOptions().UserBufferEncMode())
	decoding = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  8,
		MaxArrayElements: 4096,
		MaxMapPairs:      4096,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Marshal encodes a control message deterministically: equal values give equal
// bytes on every machine.
func Marshal(v any) ([]byte, error) {
	b, err := encoding.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return b, nil
}

// MustMarshal is Marshal for messages of our own types, which always encode.
func MustMarshal(v any) []byte {
	b, err := Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// MustMarshalIn is MustMarshal for a message of about size bytes: it is written once, to
// where it stays.
func MustMarshalIn(size int, v any) []byte {
	var b bytes.Buffer
	b.Grow(size)
	if err := encoding.MarshalToBuffer(v, &b); err != nil {
		panic(fmt.Errorf("encode %T: %w", v, err))
	}
	return b.Bytes()
}

// Unmarshal decodes exactly one message of at most limit bytes into v. Unknown
// fields are passed over, so that a newer peer may add some.
func Unmarshal(data []byte, limit int, v any) error {
	if len(data) > limit {
		return fmt.Errorf("decode %T: %d bytes, at most %d allowed: %w", v, len(data), limit, ErrDecode)
	}
	if err := decoding.Unmarshal(data, v); err != nil {
		return fmt.Errorf("decode %T: %w: %w", v, ErrDecode, err)
	}
	return nil
}

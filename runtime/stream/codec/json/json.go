// Package json is a codec for streams whose datums are JSON (RFC 8259), as
// encoding/json writes and reads it.
package json

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/smalti/smalti/runtime/criteria"
	"github.com/smalti/smalti/runtime/stream"
)

// Codec encodes values of type T. The zero value is ready for use.
type Codec[T any] struct{}

var (
	_ stream.Codec[any] = Codec[any]{}
	_ criteria.Fielder  = Codec[any]{}
)

// Append implements stream.Codec. Text that is no UTF-8 is replaced, as
// encoding/json does; <, > and & are left as they are.
func (Codec[T]) Append(b []byte, v T) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	e := json.NewEncoder(buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode JSON: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Decode implements stream.Codec.
func (Codec[T]) Decode(data []byte) (T, error) {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("decode JSON: %w", err)
	}
	return v, nil
}

// Fields implements criteria.Fielder.
func (Codec[T]) Fields(data []byte) (any, error) { return criteria.DecodeJSON(data) }

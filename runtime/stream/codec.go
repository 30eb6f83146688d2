package stream

import (
	"github.com/smalti/smalti/runtime/criteria"
	"github.com/smalti/smalti/runtime/wire"
)

// Codec turns values into bytes and back. It must be safe for concurrent use.
type Codec[T any] interface {
	// Append appends the encoding of v to b.
	Append(b []byte, v T) ([]byte, error)
	// Decode reads a whole encoding. The result may alias data.
	Decode(data []byte) (T, error)
}

// CBOR is the default codec: deterministic CBOR (RFC 8949, section 4.2.1).
type CBOR[T any] struct{}

// Append implements Codec.
func (CBOR[T]) Append(b []byte, v T) ([]byte, error) {
	data, err := wire.Marshal(v)
	return append(b, data...), err
}

// Decode implements Codec.
func (CBOR[T]) Decode(data []byte) (T, error) {
	var v T
	err := wire.Unmarshal(data, wire.MaxDatum, &v)
	return v, err
}

// Fields implements criteria.Fielder.
func (CBOR[T]) Fields(data []byte) (any, error) { return criteria.DecodeCBOR(data) }

// Bytes is the codec of datums that are bytes already. Decode gives a view of
// the received message, which nobody else holds.
type Bytes struct{}

// Append implements Codec.
func (Bytes) Append(b, v []byte) ([]byte, error) { return append(b, v...), nil }

// Decode implements Codec.
func (Bytes) Decode(data []byte) ([]byte, error) { return data, nil }

// Package raw is a codec for streams whose datums are bytes or text already. They
// travel as they are; criteria cannot look into them.
package raw

import "github.com/smalti/smalti/runtime/stream"

// Codec passes strings and slices of bytes through. What Decode gives of a slice
// is a view of the received message, which nobody else holds. The zero value is
// ready for use.
type Codec[T ~string | ~[]byte] struct{}

var (
	_ stream.Codec[string] = Codec[string]{}
	_ stream.Codec[[]byte] = Codec[[]byte]{}
)

// Append implements stream.Codec.
func (Codec[T]) Append(b []byte, v T) ([]byte, error) { return append(b, v...), nil }

// Decode implements stream.Codec.
func (Codec[T]) Decode(data []byte) (T, error) { return T(data), nil }

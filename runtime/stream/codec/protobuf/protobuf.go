// Package protobuf is a codec for streams whose datums are protocol buffers,
// through the functions of whichever library made their types: it depends on
// none.
//
// With google.golang.org/protobuf and a generated message *pb.Reading:
//
//	protobuf.New(
//		func(b []byte, m *pb.Reading) ([]byte, error) {
//			return proto.MarshalOptions{Deterministic: true}.MarshalAppend(b, m)
//		},
//		func(b []byte) (*pb.Reading, error) {
//			m := &pb.Reading{}
//			return m, proto.Unmarshal(b, m)
//		})
//
// Criteria see the fields if the codec is told how to give them:
// criteria.DecodeJSON of the message's JSON form is one way.
package protobuf

import (
	"fmt"

	"github.com/smalti/smalti/runtime/criteria"
	"github.com/smalti/smalti/runtime/stream"
)

// Codec encodes values of type T. Make one with New.
type Codec[T any] struct {
	marshal   func(b []byte, v T) ([]byte, error)
	unmarshal func(data []byte) (T, error)
}

var _ stream.Codec[any] = (*Codec[any])(nil)

// New makes a codec of a library's functions, which must be safe for concurrent
// use: marshal appends the encoding of v to b.
func New[T any](marshal func(b []byte, v T) ([]byte, error), unmarshal func(data []byte) (T, error)) *Codec[T] {
	return &Codec[T]{marshal: marshal, unmarshal: unmarshal}
}

// Append implements stream.Codec.
func (c *Codec[T]) Append(b []byte, v T) ([]byte, error) {
	out, err := c.marshal(b, v)
	if err != nil {
		return nil, fmt.Errorf("encode protocol buffer: %w", err)
	}
	return out, nil
}

// Decode implements stream.Codec.
func (c *Codec[T]) Decode(data []byte) (T, error) {
	v, err := c.unmarshal(data)
	if err != nil {
		return v, fmt.Errorf("decode protocol buffer: %w", err)
	}
	return v, nil
}

// Seeing gives a codec that shows its fields to criteria.
func (c *Codec[T]) Seeing(fields func(v T) (any, error)) *Visible[T] {
	return &Visible[T]{Codec: c, fields: fields}
}

// Visible is a Codec whose fields criteria can see.
type Visible[T any] struct {
	*Codec[T]
	fields func(v T) (any, error)
}

var _ criteria.Fielder = (*Visible[any])(nil)

// Fields implements criteria.Fielder.
func (c *Visible[T]) Fields(data []byte) (any, error) {
	v, err := c.Decode(data)
	if err != nil {
		return nil, err
	}
	return c.fields(v)
}

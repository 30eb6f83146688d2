package protobuf_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/stream/codec/protobuf"
)

// counter stands for a generated message with one field, number 1, of type
// uint64.
type counter struct{ N uint64 }

var errMalformed = errors.New("malformed")

func marshal(b []byte, c *counter) ([]byte, error) {
	if c == nil {
		return nil, errMalformed
	}
	return binary.AppendUvarint(append(b, 1<<3), c.N), nil
}

func unmarshal(data []byte) (*counter, error) {
	if len(data) < 2 || data[0] != 1<<3 {
		return nil, errMalformed
	}
	n, _ := binary.Uvarint(data[1:])
	return &counter{n}, nil
}

func TestFunctionsOfALibraryMakeACodec(t *testing.T) {
	c := protobuf.New(marshal, unmarshal)
	b, err := c.Append([]byte("before"), &counter{300})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.Decode(b[6:]); err != nil || v.N != 300 {
		t.Errorf("got %+v, %v", v, err)
	}
	if _, err := c.Append(nil, nil); !errors.Is(err, errMalformed) {
		t.Errorf("encode: %v", err)
	}
	if _, err := c.Decode([]byte("x")); !errors.Is(err, errMalformed) {
		t.Errorf("decode: %v", err)
	}
	seen, err := c.Seeing(func(v *counter) (any, error) { return map[string]any{"n": v.N}, nil }).Fields(b[6:])
	if m, ok := seen.(map[string]any); err != nil || !ok || m["n"] != uint64(300) {
		t.Errorf("fields %v, %v", seen, err)
	}
}

func ExampleNew() {
	counters := stream.Define("counters", stream.WithCodec[*counter](protobuf.New(marshal, unmarshal)))
	fmt.Println(counters.Name())
	// Output: counters
}

package raw_test

import (
	"fmt"
	"testing"

	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/stream/codec/raw"
)

func TestBytesAndTextTravelAsTheyAre(t *testing.T) {
	for _, want := range []string{"", "plain", "\x00\xff\n"} {
		b, err := raw.Codec[string]{}.Append([]byte("before"), want)
		if err != nil || string(b) != "before"+want {
			t.Fatalf("got %q, %v", b, err)
		}
		if got, err := (raw.Codec[string]{}).Decode(b[6:]); got != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	data := []byte("shared")
	got, err := raw.Codec[[]byte]{}.Decode(data)
	if err != nil || &got[0] != &data[0] {
		t.Error("bytes are copied")
	}
}

func ExampleCodec() {
	lines := stream.Define("lines", stream.WithCodec[string](raw.Codec[string]{}))
	fmt.Println(lines.Name())
	// Output: lines
}

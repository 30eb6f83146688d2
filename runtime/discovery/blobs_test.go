package discovery

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime/wire"
)

func TestListsOfBytesReadWhatIsWritten(t *testing.T) {
	var all [][]byte
	for _, size := range []int{0, 1, 23, 24, 255, 256, 30_000} {
		all = append(all, make([]byte, size))
	}
	for len(all) < 300 {
		all = append(all, []byte{byte(len(all))})
	}
	for _, n := range []int{0, 1, 7, 23, 24, 255, 256, 300} {
		b := wire.MustMarshal(map[int][][]byte{2: all[:n]})
		m, err := parseMessage(b)
		if err != nil {
			t.Fatalf("%d items: %v", n, err)
		}
		if diff := cmp.Diff([][]byte(m.Entries), all[:n]); diff != "" {
			t.Errorf("%d items (-got +want):\n%s", n, diff)
		}
	}
	for what, v := range map[string]any{"a number": 1, "bytes": []byte{1}, "nothing": nil, "texts": []string{"a"}, "lists": [][]int{{1}}, "a map": map[int]int{1: 2}} {
		if _, err := parseMessage(wire.MustMarshal(map[int]any{2: v})); err == nil {
			t.Errorf("%s passes for a list of bytes", what)
		}
	}
	for _, b := range [][]byte{{}, {0x81}, {0x81, 0x58}, {0x81, 0x42, 1}, {0x9b, 1, 2}, {0xbf}, {0x9b, 255, 255, 255, 255, 255, 255, 255, 255}, {0x81, 0x5b, 255, 255, 255, 255, 255, 255, 255, 255}} {
		var l blobs
		if err := l.UnmarshalCBOR(b); err == nil {
			t.Errorf("%x passes for a list of bytes", b)
		}
	}
}

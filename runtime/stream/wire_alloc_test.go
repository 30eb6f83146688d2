package stream

import "testing"

func TestDecodingADatumAllocatesNothing(t *testing.T) {
	frame := append([]byte{frameDatum, 0, 0, 0, 0, 0, 0, 0, 7}, "payload"...)
	allocs := testing.AllocsPerRun(100, func() {
		if m, err := decodeMessage(frame); err != nil || m.from != 7 {
			t.Fatalf("decoded number %d, %v; want 7", m.from, err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per datum, want none", allocs)
	}
}

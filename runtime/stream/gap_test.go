package stream

import "testing"

func TestGapTakesInGapsThatWait(t *testing.T) {
	g := gap{from: 1, to: 3, count: 3}.with([][]byte{gap{from: 5, to: 9, count: 4}.frame()})
	if want := (gap{from: 1, to: 9, count: 7}); g != want {
		t.Errorf("got %+v, want %+v", g, want)
	}
}

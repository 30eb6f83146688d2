package stream

import (
	"slices"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

func TestFifoIsASliceThatForgets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q fifo[*int]
		var model []*int
		most := 0
		for range rapid.IntRange(1, 200).Draw(t, "turns") {
			if n := rapid.IntRange(0, 9).Draw(t, "push"); n > 0 {
				for range n {
					model = append(model, new(int))
				}
				q.push(model[len(model)-n:]...)
			}
			most = max(most, len(model))
			n := rapid.IntRange(0, len(model)).Draw(t, "pop")
			q.pop(n)
			model = model[n:]
			if len(model) > 0 && rapid.Bool().Draw(t, "remove") {
				i := rapid.IntRange(0, len(model)-1).Draw(t, "at")
				q.remove(i)
				model = slices.Delete(slices.Clone(model), i, i+1)
			}
			if q.len() != len(model) || !slices.Equal(q.all(), model) {
				t.Fatalf("holds %d elements, want %d, or others", q.len(), len(model))
			}
			for i, v := range q.items[:cap(q.items)] {
				if kept := i >= q.head && i < len(q.items); !kept && v != nil {
					t.Fatalf("slot %d still holds what was popped", i)
				}
			}
		}
		// append rounds up to less than twice what it is asked for.
		if bound := 4*most + 16; cap(q.items) > bound {
			t.Fatalf("capacity %d for at most %d elements, want at most %d", cap(q.items), most, bound)
		}
	})
}

func TestFifoInSteadyStateAllocatesNothing(t *testing.T) {
	var q fifo[int]
	batch := make([]int, 10)
	q.push(batch...)
	q.push(batch...)
	allocs := testing.AllocsPerRun(1000, func() {
		q.push(batch...)
		q.pop(10)
	})
	if allocs != 0 {
		t.Errorf("%v allocations per turn, want none", allocs)
	}
}

func TestRingHoldsItsBoundsAndOneDatumAlways(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := ring{depth: new(atomic.Int64), maxDatums: rapid.IntRange(1, 8).Draw(t, "datums"), maxBytes: rapid.IntRange(1, 40).Draw(t, "bytes")}
		for range rapid.IntRange(1, 50).Draw(t, "turns") {
			sizes := rapid.SliceOfN(rapid.IntRange(0, 50), 0, 12).Draw(t, "sizes")
			frames := make([][]byte, len(sizes))
			for i, n := range sizes {
				frames[i] = append([]byte{frameDatum}, make([]byte, n)...)
			}
			before := r.len()
			n := r.room().fits(frames)
			r.push(frames[:n])
			if before == 0 && n == 0 && len(frames) > 0 {
				t.Fatalf("nothing fits an empty ring")
			}
			bytes := 0
			for _, f := range r.all() {
				bytes += len(f)
			}
			if bytes != r.bytes {
				t.Fatalf("counts %d bytes, holds %d", r.bytes, bytes)
			}
			if r.len() > r.maxDatums || r.len() > 1 && bytes > r.maxBytes {
				t.Fatalf("%d datums of %d bytes in a ring of %d and %d", r.len(), bytes, r.maxDatums, r.maxBytes)
			}
			if n < len(frames) && r.len() > 0 && r.len() < r.maxDatums && bytes+len(frames[n]) <= r.maxBytes {
				t.Fatalf("refused a datum of %d bytes that fits", len(frames[n]))
			}
			r.pop(rapid.IntRange(0, r.len()).Draw(t, "pop"))
		}
	})
}

func TestWhatFitsSeveralRingsFitsEach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rings := make([]ring, 3)
		all := room{datums: maxBatch, bytes: 1 << 30, empty: true}
		for i := range rings {
			rings[i] = ring{depth: new(atomic.Int64), maxDatums: 6, maxBytes: 60}
			for range rapid.IntRange(0, 4).Draw(t, "have") {
				if f := [][]byte{make([]byte, rapid.IntRange(1, 70).Draw(t, "size"))}; rings[i].room().fits(f) == 1 {
					rings[i].push(f)
				}
			}
			all = all.and(rings[i].room())
		}
		var frames [][]byte
		for range 10 {
			frames = append(frames, make([]byte, rapid.IntRange(0, 70).Draw(t, "frame")))
		}
		n := all.fits(frames)
		for i := range rings {
			if got := rings[i].room().fits(frames[:n]); got != n {
				t.Fatalf("%d fit all rings, ring %d holds %d", n, i, got)
			}
		}
	})
}

package stream

import "sync/atomic"

// ring is the bounded queue of one subscription, on the worker's strand.
type ring struct {
	fifo[[]byte]
	bytes     int
	depth     *atomic.Int64 // how many datums there are, for everybody to see
	maxDatums int
	maxBytes  int
}

// room is how much a ring, or the fullest of several, can take.
type room struct {
	datums, bytes int
	empty         bool // one datum fits, however large
}

func (r *ring) room() room {
	return room{datums: r.maxDatums - r.len(), bytes: r.maxBytes - r.bytes, empty: r.len() == 0}
}

// and gives what fits both.
func (a room) and(b room) room {
	return room{datums: min(a.datums, b.datums), bytes: min(a.bytes, b.bytes), empty: a.empty && b.empty}
}

// fits tells how many of frames can be taken, from the first on.
func (a room) fits(frames [][]byte) int {
	bytes := 0
	for i, f := range frames {
		bytes += len(f)
		if i >= a.datums || bytes > a.bytes && !(a.empty && i == 0) {
			return i
		}
	}
	return len(frames)
}

func (r *ring) push(frames [][]byte) {
	r.count(frames, 1)
	r.fifo.push(frames...)
}

// pop removes the n oldest.
func (r *ring) pop(n int) {
	r.count(r.all()[:n], -1)
	r.fifo.pop(n)
}

// count adds frames to the books, or takes them out.
func (r *ring) count(frames [][]byte, sign int) {
	datums := 0
	for _, f := range frames {
		r.bytes += sign * len(f)
		if f[0] == frameDatum {
			datums++
		}
	}
	r.depth.Add(int64(sign * datums))
}

package stream

// ring is the bounded queue of one subscription, on the worker's strand.
type ring struct {
	fifo[[]byte]
	bytes     int
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
	for _, f := range frames {
		r.bytes += len(f)
	}
	r.fifo.push(frames...)
}

// pop removes the n oldest.
func (r *ring) pop(n int) {
	for _, f := range r.all()[:n] {
		r.bytes -= len(f)
	}
	r.fifo.pop(n)
}

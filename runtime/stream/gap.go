package stream

import "encoding/binary"

// gap is a run of datums that a subscription skips: count of those from from to
// to. The zero value is none.
type gap struct{ from, to, count uint64 }

func (g gap) empty() bool { return g.count == 0 }

// with gives the gap that takes in the datums of frames too, which come after it,
// and the gaps between them.
func (g gap) with(frames [][]byte) gap {
	for _, f := range frames {
		from, to, count := frameSeq(f), frameSeq(f), uint64(1)
		if f[0] == frameGap {
			g2 := readGap(f)
			from, to, count = g2.from, g2.to, g2.count
		}
		if g.empty() {
			g.from = from
		}
		g.to = to
		g.count += count
	}
	return g
}

// frame gives the message that tells of the gap.
func (g gap) frame() []byte {
	b := make([]byte, gapSize)
	b[0] = frameGap
	binary.BigEndian.PutUint64(b[1:], g.from)
	binary.BigEndian.PutUint64(b[9:], g.to)
	binary.BigEndian.PutUint64(b[17:], g.count)
	return b
}

func readGap(b []byte) gap {
	return gap{binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:]), binary.BigEndian.Uint64(b[17:])}
}

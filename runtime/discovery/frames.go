package discovery

import "bytes"

const (
	// maxFrames is how many messages are remembered at once: what a node tells several
	// neighbours reaches them one shortly after the other.
	maxFrames = 32
	// leastFrame is the least size, in bytes, of a message that is remembered: small ones
	// are read as fast.
	leastFrame = 1 << 10
)

// frames remembers rumours that were read, the last of those that are large.
type frames struct {
	list []frame
	next int // is overwritten
}

type frame struct {
	bytes []byte
	heard
}

// heard is a rumour that was read.
type heard struct {
	*rumour
	// signed are those of its entries that somebody verified, nil the others; nil if nobody
	// else is to know.
	signed []*Signed
}

// read gives what a message says. A message must not be modified any more.
func (f *frames) read(b []byte) (heard, error) {
	small := len(b) < leastFrame
	if !small {
		for _, x := range f.list {
			if bytes.Equal(x.bytes, b) {
				return x.heard, nil
			}
		}
	}
	r, err := parseRumour(b)
	if err != nil || small {
		return heard{rumour: r}, err
	}
	h := heard{r, make([]*Signed, len(r.Entries))}
	if len(f.list) < maxFrames {
		f.list = append(f.list, frame{})
	}
	f.list[f.next] = frame{b, h}
	f.next = (f.next + 1) % maxFrames
	return h, nil
}

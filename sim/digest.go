package sim

import (
	"math/bits"

	"github.com/smalti/smalti/runtime/event"
)

// digest is a rolling 64-bit hash over all steps and events. It is not
// cryptographic: it tells two runs apart, not two attackers. The mixing step is
// the folded multiplication of wyhash (Wang Yi, 2019).
type digest uint64

const (
	mix1 = 0xa0761d6478bd642f
	mix2 = 0xe7037ed1a0b428db
)

func newDigest() digest { return mix1 }

func (d *digest) word(x uint64) {
	high, low := bits.Mul64(uint64(*d)^x^mix1, x^mix2|1)
	*d = digest(high ^ low ^ bits.RotateLeft64(uint64(*d), 23))
}

func (d *digest) step(now int64, strand uint32, steps uint64) {
	d.word(uint64(now))
	d.word(uint64(strand)<<40 ^ steps)
}

func (d *digest) bytes(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		d.word(uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56)
	}
	var last uint64
	for i, c := range b {
		last |= uint64(c) << (8 * i)
	}
	d.word(last ^ uint64(len(b))<<56)
}

func (d *digest) event(host uint32, e event.Event) {
	d.word(uint64(host)<<32 | uint64(e.Kind)<<16 | uint64(e.Reason))
	d.word(uint64(e.Wall))
	d.word(uint64(e.Mono))
	d.bytes(e.Node[:])
	d.bytes(e.Peer[:])
	d.bytes(e.Stream[:])
	d.word(e.Sub)
	d.word(e.Incarnation)
	d.word(e.From)
	d.word(e.To)
	d.word(uint64(e.N))
	d.word(uint64(e.Bytes))
	if e.Text != "" {
		d.bytes([]byte(e.Text))
	}
}

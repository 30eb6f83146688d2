package sim

import (
	"encoding/binary"
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
	mix3 = 0x8ebc6af09c88c6e3 // what it begins with: none of the others, or a first word of 0 would hide the next
)

func newDigest() digest { return mix3 }

func (d *digest) word(x uint64) {
	high, low := bits.Mul64(uint64(*d)^x^mix1, x^mix2|1)
	*d = digest(high ^ low ^ bits.RotateLeft64(uint64(*d), 23))
}

// with takes two words for the price of one. The order of operations keeps short what each
// step waits for of the one before.
func (d digest) with(x, y uint64) digest {
	high, low := bits.Mul64(uint64(d)^(x^mix1), bits.RotateLeft64(uint64(d), 32)^(y^mix2))
	return digest(high ^ (low ^ bits.RotateLeft64(uint64(d), 23)))
}

func (d *digest) step(now int64, strand uint32, steps uint64) {
	*d = d.with(uint64(now), uint64(strand)<<40^steps)
}

// withID takes the 32 bytes of an identity.
func (d digest) withID(b *[32]byte) digest {
	return d.with(binary.LittleEndian.Uint64(b[0:]), binary.LittleEndian.Uint64(b[8:])).
		with(binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:]))
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

func (d *digest) event(host uint32, e *event.Event) {
	*d = d.with(uint64(host)<<32|uint64(e.Kind)<<16|uint64(e.Reason), uint64(e.Wall)).
		with(uint64(e.Mono), e.Sub).
		withID((*[32]byte)(&e.Node)).
		withID((*[32]byte)(&e.Peer)).
		withID((*[32]byte)(&e.Stream)).
		with(e.Incarnation, e.From).
		with(e.To, uint64(e.N)).
		with(uint64(e.Bytes), uint64(len(e.Text)))
	if e.Text != "" {
		d.bytes([]byte(e.Text))
	}
}

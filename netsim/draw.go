package netsim

import (
	"encoding/binary"
	"math/bits"

	"github.com/smalti/smalti/runtime"
)

// mixer constants: odd, from wyhash (https://github.com/wangyi-fudan/wyhash).
const (
	mix1 = 0xa0761d6478bd642f
	mix2 = 0xe7037ed1a0b428db
)

// mix folds the 128-bit product of its arguments: one round of wyhash.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^mix1, b^mix2)
	return high ^ low
}

// digestHead and digestTail bound what of a message is hashed, in bytes: two
// datums differ in their sequence number, at the front.
const (
	digestHead = 1024
	digestTail = 64
)

// digest hashes a message.
func digest(key uint64, m []byte) uint64 {
	h := mix(key, uint64(len(m)))
	if len(m) > digestHead+digestTail {
		h = digestOf(h, m[len(m)-digestTail:])
		m = m[:digestHead]
	}
	return digestOf(h, m)
}

func digestOf(h uint64, m []byte) uint64 {
	for len(m) >= 16 {
		h = mix(h^binary.LittleEndian.Uint64(m), binary.LittleEndian.Uint64(m[8:]))
		m = m[16:]
	}
	if len(m) > 0 {
		var last [16]byte
		copy(last[:], m)
		h = mix(h^binary.LittleEndian.Uint64(last[:]), binary.LittleEndian.Uint64(last[8:]))
	}
	return h
}

func keyOf(seed runtime.Seed, names ...string) uint64 {
	d := seed.Derive(names...)
	return binary.LittleEndian.Uint64(d[:])
}

func keyOfText(key uint64, text string) uint64 { return digest(key, []byte(text)) }

// below maps 64 random bits to [0, n).
func below(u uint64, n int64) int64 {
	high, _ := bits.Mul64(u, uint64(n))
	return int64(high)
}

// occurrence counts how often one digest was seen.
type occurrence struct {
	tag   uint32
	count uint32
}

// occurrences is how many digests are remembered: those that repeat are few
// (credit, keep-alive) and stay; one that is evicted by another begins again
// and shares the fate of its first time.
const occurrences = 1 << 13

// draw gives the random bits of what has this digest, this time.
func (n *Network) draw(digest uint64) uint64 {
	if n.seen == nil {
		n.seen = make([]occurrence, occurrences)
	}
	slot, tag := &n.seen[digest%occurrences], uint32(digest>>32)
	if slot.tag != tag {
		*slot = occurrence{tag: tag}
	}
	slot.count++
	return mix(digest^n.key, uint64(slot.count))
}

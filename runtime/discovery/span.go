package discovery

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Two catalogs are compared by ranges of peer ids: where the fingerprints of a
// range differ, it is cut into parts, until a part is small enough to be listed
// (A. Meyer, "Range-Based Set Reconciliation", SRDS 2023). What is equal costs
// one fingerprint, and what differs some for each step on the way to it.

const (
	// branching is into how many parts a range is cut. The paper finds 16 a good
	// middle between bytes and round trips.
	branching = 16
	// maxListed is up to how many peers a range is listed and not cut: a list of
	// so many costs about as much as the fingerprints of its parts.
	maxListed = 32
	// maxSpans is how many ranges in short one turn may name, and as many in full.
	// Where a sender would need more it lists ranges of up to mostListed peers,
	// which fit into one message, and leaves the rest to another exchange.
	maxSpans   = 256
	mostListed = 1000
)

// span is a range of peer ids. Lo is in it, Hi is not; without one it goes on to
// the end.
type span struct {
	Lo ident.PeerID  `cbor:"1,keyasint"`
	Hi *ident.PeerID `cbor:"2,keyasint,omitempty"`
}

// before tells whether s ends where lo begins or earlier.
func (s span) before(lo ident.PeerID) bool { return s.Hi != nil && s.Hi.Compare(lo) <= 0 }

// follows refuses a range that is empty, or that does not come after the one
// before it: so a turn costs its reader one walk over the catalog.
func (s span) follows(last *span) error {
	if s.Hi != nil && s.Lo.Compare(*s.Hi) >= 0 || last != nil && !last.before(s.Lo) {
		return fmt.Errorf("range out of order: %w", wire.ErrDecode)
	}
	return nil
}

// summary is what somebody holds in a range, in short.
type summary struct {
	span
	Count uint32 `cbor:"3,keyasint"`
	Print []byte `cbor:"4,keyasint"`
}

// listing is what somebody holds in a range, peer by peer in order.
type listing struct {
	span
	Held names `cbor:"3,keyasint,omitempty"`
}

// mark is the hash of a signed entry.
type mark [4]uint64

func markOf(raw []byte) (m mark) {
	h := sha256.Sum256(raw)
	for i := range m {
		m[i] = binary.LittleEndian.Uint64(h[8*i:])
	}
	return m
}

// printSize is the length of a fingerprint: an accident in 2^128 is none.
const printSize = 16

// tally is the sum of peers: the marks are added modulo 2^256, which unlike
// exclusive or cannot be undone by an equation (the source's security section).
type tally struct {
	sum mark
	n   int
}

func tallyOf(peers []*Peer) (t tally) {
	for _, p := range peers {
		if !p.unsigned {
			t.join(tally{p.mark, 1})
		}
	}
	return t
}

func (t *tally) join(u tally) {
	var carry uint64
	for i := range t.sum {
		t.sum[i], carry = bits.Add64(t.sum[i], u.sum[i], carry)
	}
	t.n += u.n
}

// leave takes out what was joined.
func (t *tally) leave(u tally) {
	var borrow uint64
	for i := range t.sum {
		t.sum[i], borrow = bits.Sub64(t.sum[i], u.sum[i], borrow)
	}
	t.n -= u.n
}

// fingerprint gives the sum in short.
func (t tally) fingerprint() []byte {
	var text [40]byte
	for i, v := range t.sum {
		binary.LittleEndian.PutUint64(text[8*i:], v)
	}
	binary.LittleEndian.PutUint64(text[32:], uint64(t.n))
	h := sha256.Sum256(text[:])
	return h[:printSize]
}

func summarize(s span, t tally) summary {
	return summary{span: s, Count: uint32(t.n), Print: t.fingerprint()}
}

func list(s span, peers []*Peer) listing {
	l := listing{span: s, Held: make(names, 0, len(peers)*nameSize)}
	for _, p := range peers {
		l.Held = l.Held.add(p.holding())
	}
	return l
}

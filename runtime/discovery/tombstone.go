package discovery

import (
	"time"

	"github.com/smalti/smalti/runtime/ident"
)

// tombstones remember departures, so that an old entry that turns up again
// stays ended.
//
// Departures of peers that this node never knew are kept apart, and fewer of them:
// anybody can make up peers and have them depart, and must not crowd out the others.
type tombstones struct {
	held  map[ident.PeerID]*tombstone
	known burials // of peers that were in the catalog
	heard burials // of others
}

// burials are tombstones by time of burial; one that is not held any more is skipped.
type burials struct {
	order []*tombstone
	limit int
}

type tombstone struct {
	departure *Departure
	until     time.Duration // Mono
}

func newTombstones(limit int) tombstones {
	return tombstones{held: map[ident.PeerID]*tombstone{}, known: burials{limit: limit}, heard: burials{limit: max(8, limit/8)}}
}

// ends tells whether a departure that is still remembered ends version v.
func (t *tombstones) ends(peer ident.PeerID, v Version, now time.Duration) bool {
	s, found := t.held[peer]
	return found && now < s.until && s.departure.Ends(v)
}

// put remembers d until left from now; known: the peer was in the catalog.
func (t *tombstones) put(d *Departure, now, left time.Duration, known bool) {
	s := &tombstone{departure: d, until: now + left}
	t.held[d.Peer] = s
	b := &t.heard
	if known {
		b = &t.known
	}
	b.order = append(b.order, s)
	t.fit(b, now)
}

// fit makes room: the oldest eighth goes, an eighth so that a flood does not sweep each
// time.
func (t *tombstones) fit(b *burials, now time.Duration) {
	if len(b.order) <= b.limit {
		return
	}
	t.sweepOne(b, now)
	for len(b.order) > b.limit-b.limit/8 {
		t.lift(b.order[0])
		b.order = b.order[1:]
	}
}

// lift forgets a tombstone, unless a later departure took its place.
func (t *tombstones) lift(s *tombstone) {
	if t.held[s.departure.Peer] == s {
		delete(t.held, s.departure.Peer)
	}
}

// sweep forgets what is over.
func (t *tombstones) sweep(now time.Duration) {
	t.sweepOne(&t.known, now)
	t.sweepOne(&t.heard, now)
}

func (t *tombstones) sweepOne(b *burials, now time.Duration) {
	kept := make([]*tombstone, 0, len(b.order))
	for _, s := range b.order {
		switch {
		case t.held[s.departure.Peer] != s:
		case now >= s.until:
			t.lift(s)
		default:
			kept = append(kept, s)
		}
	}
	b.order = kept
}

// news gives the departure as it is told to others.
func (s *tombstone) news(now time.Duration) oldNews {
	return oldNews{Raw: s.departure.raw, Left: uint32(max(0, s.until-now).Milliseconds())}
}

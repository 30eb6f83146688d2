package discovery

import (
	"time"

	"github.com/smalti/smalti/runtime/ident"
)

// tombstones remember departures, so that an old entry that turns up again
// stays ended.
type tombstones struct {
	held  map[ident.PeerID]*tombstone
	order []*tombstone // by time of burial; one that is not held any more is skipped
	limit int
}

type tombstone struct {
	departure *Departure
	until     time.Duration // Mono
}

// ends tells whether a departure that is still remembered ends version v.
func (t *tombstones) ends(peer ident.PeerID, v Version, now time.Duration) bool {
	s, found := t.held[peer]
	return found && now < s.until && s.departure.Ends(v)
}

// put remembers d until left from now. The oldest eighth makes room when there
// are too many, an eighth so that a flood does not sweep each time.
func (t *tombstones) put(d *Departure, now, left time.Duration) {
	s := &tombstone{departure: d, until: now + left}
	t.held[d.Peer] = s
	t.order = append(t.order, s)
	if len(t.order) <= t.limit {
		return
	}
	t.sweep(now)
	for len(t.order) > t.limit-t.limit/8 {
		delete(t.held, t.order[0].departure.Peer)
		t.order = t.order[1:]
	}
}

// sweep forgets what is over.
func (t *tombstones) sweep(now time.Duration) {
	kept := make([]*tombstone, 0, len(t.order))
	for _, s := range t.order {
		switch {
		case t.held[s.departure.Peer] != s: // a later departure took its place
		case now >= s.until:
			delete(t.held, s.departure.Peer)
		default:
			kept = append(kept, s)
		}
	}
	t.order = kept
}

// list gives what is remembered, in order of burial, with the time left.
func (t *tombstones) list(now time.Duration) []oldNews {
	t.sweep(now)
	news := make([]oldNews, len(t.order))
	for i, s := range t.order {
		news[i] = s.news(now)
	}
	return news
}

// news gives the departure as it is told to others.
func (s *tombstone) news(now time.Duration) oldNews {
	return oldNews{Raw: s.departure.raw, Left: uint32(max(0, s.until-now).Milliseconds())}
}

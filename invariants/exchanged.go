package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// exchangedRule: who compared catalogs with another knows what that one knew.
var exchangedRule = rule{
	Info:  Info{"exchanged", Safety, "an exchange of catalogs that was finished leaves neither node without an entry that the other had when it began, of a node that still runs and by a clock that it allows, nor with one that the other knew to have departed"},
	kinds: []event.Kind{event.SyncStarted, event.SyncEnded, event.EntryRefused},
	make: func(p reporter, b *book, o Options) Checker {
		return &exchanged{reporter: p, book: b, drift: o.MaxDrift.Milliseconds(), ttl: int64(o.TombstoneTTL - o.TombstoneTTL/clockDrift), meetings: map[meeting]*comparison{}, refused: map[refusal]bool{}}
	},
}

// mostCompared bounds the catalogs that are judged: one exchange of larger ones may
// leave a part to the next.
const mostCompared = 1 << 8

// exchanged judges the exchanges of which both sides report here.
type exchanged struct {
	reporter
	*book
	drift    int64 // milliseconds that an entry may be ahead
	ttl      int64 // nanoseconds for which a departure is remembered, on any clock
	meetings map[meeting]*comparison
	refused  map[refusal]bool
}

// meeting is two lives, the first of which opens exchanges with the second.
type meeting struct{ asking, answering int }

// The sides of an exchange, as SyncStarted and SyncEnded tell them in From.
const (
	askingSide    = 0
	answeringSide = 1
)

// comparison is the last exchange of a meeting.
type comparison struct {
	asking, answering *life
	offered           [2][]offer // by the role of whom it is told to
	looked, began     int64      // At when the asking side took its catalog for it, or before, and when it told so
	blurred           bool       // one before it was not over on the answering side, whose ends cannot be told apart
	accepted          int        // how many the answering side began since
	unfinished        int        // of all that the answering side began
}

// offer is an entry that the other side did not have, or a departure of which it did not know.
type offer struct {
	peer    ident.PeerID
	version version
	since   int64 // since when the entry was there
	left    bool
}

// refusal is an entry that a life did not take.
type refusal struct {
	life int
	peer ident.PeerID
}

func (c *exchanged) Event(r *event.Record) {
	if r.Kind == event.EntryRefused {
		c.refused[refusal{c.life.id, r.Peer}] = true
		return
	}
	asking, answering := c.life, c.runs(r.Peer)
	if answering == nil || c.runs(r.Node) != c.life {
		return
	}
	if r.From != askingSide {
		asking, answering = answering, asking
	}
	key := meeting{asking.id, answering.id}
	m := c.meetings[key]
	if m == nil {
		m = &comparison{asking: asking, answering: answering}
		c.meetings[key] = m
	}
	switch {
	case r.Kind == event.SyncStarted && r.From == askingSide:
		drift := r.N / 8
		m.looked = r.At - r.N - drift
		m.began, m.accepted, m.blurred = r.At, 0, m.unfinished > 0
		m.offered[answeringSide] = c.lacks(answering, r.At, asking, m.looked)
	case r.Kind == event.SyncStarted:
		m.accepted++
		m.unfinished++
		m.offered[askingSide] = c.lacks(asking, m.looked, answering, r.At)
	case r.From == askingSide:
		c.judge(r, m, m.asking, m.answering)
	default:
		c.judge(r, m, m.answering, m.asking)
		m.unfinished = max(0, m.unfinished-1) // it may have begun when the other was not known
	}
}

// runs gives the life of a node, nil if it is down or has stopped, if several hosts run it or if it
// is not known to be honest.
func (b *book) runs(node ident.PeerID) *life {
	h := b.homes[node]
	if h == nil || h.node != node || b.nodes[node] != honest {
		return nil
	}
	if l := b.living(h.name); l != nil && !l.stopped {
		return l
	}
	return nil
}

// lacks lists what one life, as it was at a moment, could learn of another, as that was.
func (c *exchanged) lacks(one *life, was int64, other *life, since int64) (offers []offer) {
	if len(other.known) > mostCompared {
		return nil
	}
	//lint:ordered they are sorted before anybody sees them
	for peer, e := range other.known {
		if peer == one.node {
			continue
		}
		switch has := one.known[peer]; {
		case e.present && max(e.since, e.changed) < since && !one.heard(peer, e.version):
			offers = append(offers, offer{peer: peer, version: e.version, since: e.since})
		case e.departed && !e.present && e.gone < since && since-e.leftAt < c.ttl && has.lives(e.departure, was):
			offers = append(offers, offer{peer: peer, version: e.departure, since: e.since, left: true})
		}
	}
	slices.SortFunc(offers, func(a, b offer) int { return a.peer.Compare(b.peer) })
	return offers
}

// heard tells whether a life knows of an entry, whatever became of it.
func (l *life) heard(peer ident.PeerID, v version) bool {
	e := l.known[peer]
	return e != nil && (e.version.compare(v) >= 0 || e.departed && e.departure.started >= v.started)
}

// lives tells whether an entry has been present since the moment since although a departure
// ends it.
func (e *entry) lives(departure version, since int64) bool {
	return e != nil && e.present && max(e.since, e.changed) < since && e.version.started <= departure.started
}

// judge looks what one side of an exchange that ended has of what the other offered.
func (c *exchanged) judge(r *event.Record, m *comparison, one, other *life) {
	offers := m.offered[r.From]
	m.offered[r.From] = nil
	if r.Reason != wire.Finished || m.blurred || m.accepted != 1 || one.host.stepped >= m.began {
		return
	}
	then := r.Wall - (r.At - m.looked) // what was too far ahead when it began is not asked for
	for _, o := range offers {
		ahead := int64(o.version.updated)-then/int64(time.Millisecond) > c.drift
		if e := other.known[o.peer]; e == nil || e.present == o.left || e.since != o.since || ahead || c.refused[refusal{one.id, o.peer}] {
			continue
		}
		if o.left {
			if c.nodes[o.peer] == honest && one.known[o.peer].lives(o.version, m.began) {
				c.fail(r, "%s, and %s still has %s, of which %s knew that it left", r.Event, one.host.name, o.peer.Short(), other.host.name)
			}
			continue
		}
		if subject := c.runs(o.peer); subject != nil && subject.hasPublished(o.version) && !one.heard(o.peer, o.version) {
			c.fail(r, "%s, and %s does not have %s as %v, which %s had before", r.Event, one.host.name, subject.host.name, o.version, other.host.name)
		}
	}
}

// hasPublished tells whether a life signed that version of its entry.
func (l *life) hasPublished(v version) bool {
	return slices.ContainsFunc(l.published, func(p publication) bool { return p.version == v })
}

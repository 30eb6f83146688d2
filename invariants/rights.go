package invariants

import (
	"maps"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// rightsRule: a ticket is worth what its issuer said, no more and no less.
var rightsRule = rule{
	Info:  Info{"rights", Safety, "by the producer's wall clock, no peer is admitted before it was given a ticket of each issuer that the stream demands, or the ticket begins to be valid, and nothing is enqueued for it at or after the end of the last; nothing is received seconds after it from a producer that needs one, by the consumer's; nor does a subscription end as expired while the producer has an entry of the peer with tickets that have not ended"},
	kinds: []event.Kind{event.AppIssued, event.EntryPublished, event.SubAccepted, event.Enqueued, event.SubDraining, event.Received, event.ClockStepped},
	make: func(p reporter, b *book, o Options) Checker {
		c := &rights{reporter: p, book: b, demands: map[ident.StreamID][]Demand{}, issued: map[issue][]term{}, slack: int64(o.WallSlack), given: map[ident.PeerID]map[int64]term{}, carries: map[ident.PeerID][]carried{}, stepped: map[string]int64{}}
		for _, d := range o.Demands {
			c.demands[d.Stream] = append(c.demands[d.Stream], d)
		}
		return c
	},
}

// Demand says that whoever subscribes to a stream needs a ticket of an issuer.
type Demand struct {
	Stream ident.StreamID
	Issuer int64 // as AppIssued calls it
	// MaxAge ends a ticket so long after it became valid; 0: it ends when it says.
	// Leeway is how much earlier and later it is accepted.
	MaxAge, Leeway time.Duration
	// Mutual: the producer needs one too.
	Mutual bool
}

type rights struct {
	reporter
	*book
	demands map[ident.StreamID][]Demand
	issued  map[issue][]term
	slack   int64
	given   map[ident.PeerID]map[int64]term // the newest ticket of each issuer
	carries map[ident.PeerID][]carried      // what entries have, by version
	stepped map[string]int64                // At of the last step of a host's clock
}

// carried is what tickets a peer has from an entry on.
type carried struct {
	version version
	host    string
	terms   map[int64]term
}

// heedMax is how long after the end of its producer's ticket a consumer that is not slow may
// still receive. Where the clock was stepped within lateMax it is not judged: a timer of the
// wall clock is late by a second where the clock is stepped over it.
const (
	heedMax = 200 * time.Millisecond
	lateMax = 2 * time.Second
)

// heardAfter is within what time a producer acts on an entry that its node has.
const heardAfter = 5 * time.Second

type issue struct {
	peer   ident.PeerID
	issuer int64
}

// term is for how long a ticket is valid: Unix nanoseconds, the second not in it, 0
// for ever.
type term struct{ from, to int64 }

func (c *rights) Event(r *event.Record) {
	if r.Kind == event.AppIssued {
		k := issue{r.Peer, r.N}
		t := term{int64(r.From), int64(r.To)}
		c.issued[k] = append(c.issued[k], t)
		if r.Text != "" {
			return // it has it not
		}
		if c.given[r.Peer] == nil {
			c.given[r.Peer] = map[int64]term{}
		}
		c.given[r.Peer][r.N] = t
		return
	}
	switch r.Kind {
	case event.EntryPublished:
		if g := c.given[r.Node]; g != nil {
			c.carries[r.Node] = append(c.carries[r.Node], carried{versionOf(r), r.Host, maps.Clone(g)})
		}
		return
	case event.SubDraining:
		c.ended(r)
		return
	case event.ClockStepped:
		c.stepped[r.Text] = r.At
		return
	}
	for _, d := range c.demands[r.Stream] {
		if r.Kind == event.Received && !(d.Mutual && c.host.brisk(r.At) && c.settled(r)) {
			continue
		}
		if !c.covered(r, c.issued[issue{r.Peer, d.Issuer}], d) {
			c.fail(r, "%s at %s, for which it has no ticket of issuer %d", r.Event, wall(r.Wall), d.Issuer)
		}
	}
}

// settled tells whether the timers of r's host had time to follow its clock.
func (c *rights) settled(r *event.Record) bool {
	at, stepped := c.stepped[r.Host]
	return !stepped || r.At-at > int64(lateMax)
}

// end is when a ticket ends that meets the demand, without leeway; 0: never.
func (d Demand) end(t term) int64 {
	if aged := t.from + int64(d.MaxAge); d.MaxAge > 0 && (t.to == 0 || aged < t.to) {
		return aged
	}
	return t.to
}

// covered tells whether one of some terms is that of a record. A clock that goes back does
// not undo an admission.
func (c *rights) covered(r *event.Record, terms []term, d Demand) bool {
	now, slack := r.Wall, int64(d.Leeway)+c.slack
	if r.Kind == event.Received {
		slack += int64(heedMax)
	}
	for _, t := range terms {
		to := d.end(t)
		begun := r.Kind != event.SubAccepted || now >= t.from-slack
		if begun && (to == 0 || now < to+slack) {
			return true
		}
	}
	return false
}

// ended judges the end of a subscription for its right. Who carries what is known when its
// entry says so, and not before it was given: a ticket may be given and withheld.
func (c *rights) ended(r *event.Record) {
	demands := c.demands[r.Stream]
	e := c.life.known[r.Peer]
	if r.Reason != wire.Expired || len(demands) == 0 || e == nil || !e.present || r.At-e.changed < int64(heardAfter) || c.nodes[r.Peer] != honest {
		return
	}
	var now carried
	for i, x := range c.carries[r.Peer] {
		if i > 0 && x.host != c.carries[r.Peer][0].host {
			return // two hosts have its key, and tickets of their own
		}
		if x.version == e.version {
			now = x
		}
	}
	for _, d := range demands {
		t, has := now.terms[d.Issuer]
		to := d.end(t)
		if !has || to != 0 && r.Wall >= to+int64(d.Leeway)-c.slack {
			return
		}
	}
	c.fail(r, "%s at %s, and the producer knows for %s that it has tickets which last longer", r.Event, wall(r.Wall), time.Duration(r.At-e.changed))
}

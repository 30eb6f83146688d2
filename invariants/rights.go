package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// rightsRule: a ticket is worth what its issuer said, and no more.
var rightsRule = rule{
	Info:  Info{"rights", Safety, "by the producer's wall clock, no peer is admitted before it was given a ticket of each issuer that the stream demands, or the ticket begins to be valid, and nothing is enqueued for it at or after the end of the last"},
	kinds: []event.Kind{event.AppIssued, event.SubAccepted, event.Enqueued},
	make: func(p reporter, b *book, o Options) Checker {
		c := &rights{reporter: p, book: b, demands: map[ident.StreamID][]Demand{}, issued: map[issue][]term{}, slack: int64(o.WallSlack)}
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
}

type rights struct {
	reporter
	*book
	demands map[ident.StreamID][]Demand
	issued  map[issue][]term
	slack   int64
}

type issue struct {
	peer   ident.PeerID
	issuer int64
}

// term is for how long a ticket is valid: Unix nanoseconds, the second not in it, 0
// for ever.
type term struct{ from, to int64 }

func (c *rights) Event(r event.Record) {
	if r.Kind == event.AppIssued {
		k := issue{r.Peer, r.N}
		c.issued[k] = append(c.issued[k], term{int64(r.From), int64(r.To)})
		return
	}
	for _, d := range c.demands[r.Stream] {
		if !c.covered(&r, c.issued[issue{r.Peer, d.Issuer}], d) {
			c.fail(&r, "%s at %s, for which it has no ticket of issuer %d", r.Event, wall(r.Wall), d.Issuer)
		}
	}
}

// covered tells whether one of some terms is that of a record. A clock that goes back does
// not undo an admission.
func (c *rights) covered(r *event.Record, terms []term, d Demand) bool {
	now, slack := r.Wall, int64(d.Leeway)+c.slack
	for _, t := range terms {
		to := t.to
		if aged := t.from + int64(d.MaxAge); d.MaxAge > 0 && (to == 0 || aged < to) {
			to = aged
		}
		begun := r.Kind == event.Enqueued || now >= t.from-slack
		if begun && (to == 0 || now < to+slack) {
			return true
		}
	}
	return false
}

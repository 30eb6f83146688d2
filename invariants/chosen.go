package invariants

import (
	"github.com/smalti/smalti/runtime/event"
)

// chosenRule: criteria choose, and nothing else does.
var chosenRule = rule{
	Info:  Info{"chosen", Safety, "of the datums that the workload describes, a subscription with criteria is given those that match, and of no other is it told that they do"},
	kinds: []event.Kind{event.AppSent, event.Enqueued, event.Unmatched},
	make: func(p reporter, b *book, o Options) Checker {
		return &chosen{reporter: p, book: b, match: o.Match, claims: map[datum][]claim{}}
	},
}

// chosen compares what producers say of datums with what the application says,
// whichever comes first.
type chosen struct {
	reporter
	*book
	match  func(criteria string, sent event.Event) bool
	claims map[datum][]claim // about datums that the application did not report yet, at most maxFollowed
}

// datum names one.
type datum struct {
	source *source
	number uint64
}

// claim is what a producer did with a datum.
type claim struct {
	criteria string
	enqueued bool
}

func (c *chosen) Event(r *event.Record) {
	switch {
	case c.match == nil:
	case r.Kind == event.AppSent:
		if r.Bytes != 0 { // of other workloads nothing is known
			c.sent(r)
		}
	case c.sub != nil && c.sub.criteria != "":
		c.claimed(r, claim{c.sub.criteria, r.Kind == event.Enqueued})
	}
}

func (c *chosen) sent(r *event.Record) {
	d := datum{c.sourceOf(r.Node, r.Incarnation), r.From}
	for _, a := range c.claims[d] {
		c.judge(r, a, r.Event)
	}
	delete(c.claims, d)
}

func (c *chosen) claimed(r *event.Record, a claim) {
	s := c.sourceOf(r.Node, r.Incarnation)
	for seq := r.From; seq <= r.To && seq-r.From < maxFollowed; seq++ {
		if x := s.about(seq); x.bytes != 0 {
			c.judge(r, a, event.Event{Kind: event.AppSent, Stream: r.Stream, Incarnation: r.Incarnation, From: seq, To: x.index, N: x.sum, Bytes: x.bytes})
		} else if d := (datum{s, seq}); len(c.claims) < maxFollowed {
			c.claims[d] = append(c.claims[d], a)
		}
	}
}

func (c *chosen) judge(r *event.Record, a claim, sent event.Event) {
	if c.match(a.criteria, sent) == a.enqueued {
		return
	}
	verb := "left out"
	if a.enqueued {
		verb = "given"
	}
	c.fail(r, "datum %d (%s) was %s for %s", sent.From, sent, verb, a.criteria)
}

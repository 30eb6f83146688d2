package invariants

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// completeRule: whoever misses a datum is told.
var completeRule = rule{
	Info: Info{"complete", Safety, "a subscription is given every datum that matches from its start on, without a hole, up to the last one if it ends in order; what a consumer receives and what it is told to miss have no hole either"},
	kinds: []event.Kind{
		event.Enqueued, event.Unmatched, event.SubDraining, event.Received, event.Skipped, event.Unsubscribed,
	},
	make: func(p reporter, b *book, _ Options) Checker { return &complete{p, b} },
}

type complete struct {
	reporter
	*book
}

func (c *complete) Event(r *event.Record) {
	switch r.Kind {
	case event.Enqueued:
		c.enqueued(r)
	case event.SubDraining:
		if s := c.sub; s != nil && r.Reason == wire.GracefulShutdown {
			if missing, ok := lacks(s.next, c.producer.highest, s.unmatched); ok {
				c.fail(r, "subscription %d of %s is drained without the datums from %d on; others had them up to %d", r.Sub, r.Peer.Short(), missing, c.producer.highest)
			}
		}
	case event.Unmatched:
		if s := c.sub; s != nil && s.criteria == "" {
			c.fail(r, "%s, which has no criteria", r.Event)
		}
	case event.Received:
		c.received(c.receiver, r)
	case event.Skipped:
		if v := c.receiver; v.up && r.From <= r.To && uint64(r.N) != r.To-r.From+1 && (!v.picky || r.N < 1 || uint64(r.N) > r.To-r.From+1) {
			c.fail(r, "%s does not count", r.Event)
		}
	case event.Unsubscribed:
		c.unsubscribed(c.receiver, r)
	}
}

func (c *complete) enqueued(r *event.Record) {
	s := c.sub
	if s == nil || s.draining || s.ended {
		return
	}
	switch {
	case r.From < s.next:
		c.fail(r, "%s, expected from %d on", r.Event, s.next)
	case r.From > r.To || uint64(r.N) != r.To-r.From+1:
		c.fail(r, "%s does not count", r.Event)
	default:
		if missing, ok := lacks(s.next, r.From-1, s.unmatched); ok {
			c.fail(r, "%s, expected from %d on", r.Event, missing)
		}
	}
}

// unsubscribed judges what came before the end of a subscription: up to the last datum that
// the producer gave to it, if it ended in order.
func (c *complete) unsubscribed(v *receiver, r *event.Record) {
	if !v.up || v.blurred {
		return
	}
	to := v.next - 1
	if n := len(v.ahead); n > 0 {
		to = v.ahead[n-1].to
	}
	if n := len(v.given()); n > 0 && r.Reason == wire.GracefulShutdown {
		to = max(to, v.given()[n-1].to)
	}
	if to < v.next {
		return
	}
	if missing, ok := c.hole(v, v.next, to); ok {
		c.fail(r, "%s: datum %d neither came nor was told to be missing", r.Event, missing)
	}
}

// hole gives the first number of from..to that v was not told to miss. What does
// not match its criteria it is not told.
func (c *complete) hole(v *receiver, from, to uint64) (uint64, bool) {
	if !v.picky {
		return lacks(from, to, v.ahead)
	}
	if v.source == nil || v.source.several {
		return 0, false
	}
	return lacks(from, to, v.ahead, v.source.unmatched)
}

func (c *complete) received(v *receiver, r *event.Record) {
	if v.blurred || !v.up || r.From < v.next || r.From > r.To || r.N < 1 {
		return // fifo's
	}
	missing := v.skippedWithin(r.From, r.To)
	hole, between := uint64(0), false
	if r.From > v.next {
		hole, between = c.hole(v, v.next, r.From-1)
	}
	switch {
	case between:
		c.fail(r, "%s, expected from %d on: what is between was not told", r.Event, hole)
	case uint64(r.N)+missing < r.To-r.From+1:
		c.fail(r, "%s lacks datums that the consumer was not told to miss", r.Event)
	}
}

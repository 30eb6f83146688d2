package invariants

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// completeRule: whoever misses a datum is told.
var completeRule = rule{
	Info: Info{"complete", Safety, "a subscription is given every datum from its start on, without a hole, up to the last one if it ends in order; what a consumer receives and what it is told to miss have no hole either"},
	kinds: []event.Kind{
		event.Enqueued, event.SubDraining, event.Received, event.Skipped, event.Unsubscribed,
	},
	make: func(p reporter, b *book, _ Options) Checker { return &complete{p, b} },
}

type complete struct {
	reporter
	*book
}

func (c *complete) Event(r event.Record) {
	switch r.Kind {
	case event.Enqueued:
		c.enqueued(&r)
	case event.SubDraining:
		if s := c.sub; s != nil && r.Reason == wire.GracefulShutdown && s.next <= c.producer.highest {
			c.fail(&r, "subscription %d of %s is drained without the datums from %d on; others had them up to %d", r.Sub, r.Peer.Short(), s.next, c.producer.highest)
		}
	case event.Received:
		c.received(c.receiver, &r)
	case event.Skipped:
		if v := c.receiver; v.up && r.From <= r.To && r.N != 0 && uint64(r.N) != r.To-r.From+1 {
			c.fail(&r, "%s does not count", r.Event)
		}
	case event.Unsubscribed:
		if v := c.receiver; v.up && !v.blurred && len(v.ahead) > 0 {
			c.fail(&r, "%s: datums %d..%d neither came nor were told to be missing", r.Event, v.next, v.ahead[0].from-1)
		}
	}
}

func (c *complete) enqueued(r *event.Record) {
	s := c.sub
	if s == nil || s.draining || s.ended {
		return
	}
	switch {
	case r.From != s.next:
		c.fail(r, "%s, expected from %d on", r.Event, s.next)
	case r.From > r.To || uint64(r.N) != r.To-r.From+1:
		c.fail(r, "%s does not count", r.Event)
	}
}

func (c *complete) received(v *receiver, r *event.Record) {
	if v.blurred || !v.up || r.From < v.next || r.From > r.To || r.N < 1 {
		return // fifo's
	}
	missing := v.skippedWithin(r.From, r.To)
	switch {
	case r.From > v.next && v.skippedWithin(v.next, r.From-1) != r.From-v.next:
		c.fail(r, "%s, expected from %d on: what is between was not told", r.Event, v.next)
	case uint64(r.N)+missing < r.To-r.From+1:
		c.fail(r, "%s lacks datums that the consumer was not told to miss", r.Event)
	}
}

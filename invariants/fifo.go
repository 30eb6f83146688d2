package invariants

import "github.com/smalti/smalti/runtime/event"

// fifoRule: what a consumer gets of one producer ascends, for ever.
var fifoRule = rule{
	Info: Info{"fifo", Safety, "numbers that a consumer receives or is told to miss only grow, within a subscription and across reconnects to the same incarnation; nothing comes before its start or after its end"},
	kinds: []event.Kind{
		event.Subscribed, event.Received, event.Skipped,
	},
	make: func(p reporter, b *book, _ Options) Checker { return &fifo{p, b} },
}

type fifo struct {
	reporter
	*book
}

func (c *fifo) Event(r *event.Record) {
	v := c.receiver
	if v.blurred {
		return
	}
	if r.Kind == event.Subscribed {
		c.subscribed(v, r)
		return
	}
	switch {
	case !v.up:
		c.fail(r, "%s while not subscribed", r.Event)
	case r.From > r.To:
		c.fail(r, "%s is no range", r.Event)
	case r.Incarnation != v.incarnation:
		c.fail(r, "%s of incarnation %d while subscribed to %d", r.Event, r.Incarnation, v.incarnation)
	case r.From < v.next:
		c.fail(r, "%s again or out of order: everything below %d came before", r.Event, v.next)
	case r.Kind == event.Received:
		c.received(v, r)
	case v.skippedWithin(r.From, r.To) > 0:
		c.fail(r, "%s, which was told before", r.Event)
	}
}

func (c *fifo) subscribed(v *receiver, r *event.Record) {
	switch {
	case v.up:
		c.fail(r, "%s while subscribed", r.Event)
	case v.resumes(r.Incarnation) && r.From < v.next:
		c.fail(r, "%s goes back: everything below %d came before", r.Event, v.next)
	}
}

func (c *fifo) received(v *receiver, r *event.Record) {
	missing := v.skippedWithin(r.From, r.To)
	width := r.To - r.From + 1
	switch {
	case r.From < v.from:
		c.fail(r, "%s before the subscription's start at %d", r.Event, v.from)
	case r.N < 1 || uint64(r.N) > width:
		c.fail(r, "%s does not count: %d datums in a range of %d", r.Event, r.N, width)
	case uint64(r.N)+missing > width || missing > 0 && v.skippedWithin(r.From, r.From)+v.skippedWithin(r.To, r.To) > 0:
		c.fail(r, "%s holds datums that the consumer was told to miss", r.Event)
	}
}

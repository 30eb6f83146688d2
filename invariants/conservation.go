package invariants

import "github.com/smalti/smalti/runtime/event"

// conservationRule: books balance.
var conservationRule = rule{
	Info: Info{"conservation", Safety, "a subscription that ended has enqueued = written - given back + dropped; each is accepted once and ended once, and none is open when its producer is closed"},
	kinds: []event.Kind{
		event.SubAccepted, event.SubExpiry, event.SubDraining, event.SubEnded, event.Enqueued, event.Written, event.Dropped, event.ProducerClosed,
	},
	make: func(p reporter, b *book, _ Options) Checker { return &conservation{p, b} },
}

type conservation struct {
	reporter
	*book
}

func (c *conservation) Event(r *event.Record) {
	s := c.sub
	switch {
	case r.Kind == event.ProducerClosed:
		if c.producer.open != 0 {
			c.fail(r, "producer closed with %d of %d subscriptions open", c.producer.open, c.producer.accepted)
		}
		return
	case r.Kind == event.SubAccepted:
		if s != nil || r.Sub == 0 {
			c.fail(r, "%s for the second time", r.Event)
		}
		return
	case s == nil:
		c.fail(r, "%s of a subscription that was not accepted", r.Event)
		return
	case s.ended:
		c.fail(r, "%s after its end", r.Event)
		return
	case r.N < 0:
		c.fail(r, "%s counts below nothing", r.Event)
		return
	}
	switch r.Kind {
	case event.Written:
		if s.written+r.N > s.enqueued {
			c.fail(r, "%s: %d written of %d enqueued", r.Event, s.written+r.N, s.enqueued)
		}
	case event.Dropped:
		if s.dropped+r.N > s.enqueued {
			c.fail(r, "%s: %d dropped of %d enqueued", r.Event, s.dropped+r.N, s.enqueued)
		}
	case event.SubEnded:
		if s.enqueued != s.written-r.N+s.dropped {
			c.fail(r, "subscription %d of %s ended with %d enqueued, %d written, %d given back, %d dropped", r.Sub, r.Peer.Short(), s.enqueued, s.written, r.N, s.dropped)
		}
	}
}

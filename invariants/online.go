package invariants

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// onlineRule: the condition that an application waits for is told right.
var onlineRule = rule{
	Info: Info{"online", Safety, "online and offline alternate and name the right number of subscriptions; nothing is online that drains for its close, or after it"},
	kinds: []event.Kind{
		event.ProducerOnline, event.ProducerOffline, event.ProducerClosed, event.SubDraining,
		event.ConsumerOnline, event.ConsumerOffline, event.ConsumerClosed,
	},
	make: func(p reporter, b *book, _ Options) Checker { return &online{p, b} },
}

type online struct {
	reporter
	*book
}

func (c *online) Event(r *event.Record) {
	switch r.Kind {
	case event.ProducerOnline, event.ProducerOffline, event.ProducerClosed:
		p := c.producer
		c.condition(r, p.online, p.closed)
		if r.Kind != event.ProducerClosed && r.N != p.active {
			c.fail(r, "%s: it has %d active subscriptions", r.Event, p.active)
		}
	case event.SubDraining:
		if r.Reason == wire.GracefulShutdown && c.producer.online {
			c.fail(r, "%s while the producer is online", r.Event)
		}
	default:
		// Two consumers of one stream report under one name.
		if s := c.life.consumersOf(r.Stream); !s.shared {
			c.condition(r, s.online, s.closed)
		}
	}
}

// condition judges a change of what was online, or closed, before.
func (c *online) condition(r *event.Record, online, closed bool) {
	switch r.Kind {
	case event.ProducerOnline, event.ConsumerOnline:
		switch {
		case closed:
			c.fail(r, "%s after its close", r.Event)
		case online:
			c.fail(r, "%s while online", r.Event)
		}
	case event.ProducerOffline, event.ConsumerOffline:
		if !online {
			c.fail(r, "%s while offline", r.Event)
		}
	default:
		if online {
			c.fail(r, "%s while online", r.Event)
		}
	}
}

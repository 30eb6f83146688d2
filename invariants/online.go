package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// onlineRule: the condition that an application waits for is told right.
var onlineRule = rule{
	Info: Info{"online", Safety, "online and offline alternate and name the right number of subscriptions; nothing that was not so before anybody came is online with nobody there, and nothing is online that drains for its close, or after it"},
	kinds: []event.Kind{
		event.ProducerOnline, event.ProducerOffline, event.ProducerClosed, event.SubDraining,
		event.ConsumerOnline, event.ConsumerOffline, event.ConsumerClosed,
		event.SyncStarted, event.SyncEnded, // by these a node shows that time passes
	},
	make: func(p reporter, b *book, o Options) Checker {
		return &online{p, b, int64(conditionMax + o.Lag)}
	},
}

// conditionMax is within what time a condition is judged anew when a subscription has ended.
const conditionMax = time.Second

type online struct {
	reporter
	*book
	within int64
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
		if (r.Reason == wire.GracefulShutdown || r.Reason == wire.DrainTimeout) && c.producer.online {
			c.fail(r, "%s while the producer is online", r.Event)
		}
	case event.SyncStarted, event.SyncEnded:
		c.alone(r)
	default:
		// Two consumers of one stream report under one name.
		if s := c.life.consumersOf(r.Stream); !s.shared {
			c.condition(r, s.online, s.closed)
			if r.Kind != event.ConsumerClosed && r.N != s.up {
				c.fail(r, "%s: it has %d subscriptions", r.Event, s.up)
			}
		}
	}
}

// alone judges who is online with nobody there, though it was not before anybody was.
func (c *online) alone(r *event.Record) {
	for _, p := range c.life.producers {
		if p.online && !p.lonely && p.active == 0 && r.At-p.changed > c.within {
			p.lonely = true // it is told once
			c.fail(r, "the producer of %s is online, and has no subscription since %s", r.Host, time.Duration(p.changed))
		}
	}
	var alone []ident.StreamID
	//lint:ordered they are sorted before anybody sees them
	for id, s := range c.life.streams {
		if s.online && !s.lonely && !s.shared && s.up == 0 && r.At-s.changed > c.within {
			alone = append(alone, id)
		}
	}
	slices.SortFunc(alone, ident.StreamID.Compare)
	for _, id := range alone {
		s := c.life.streams[id]
		s.lonely = true
		c.fail(r, "the consumer of %s on %s is online, and has no subscription since %s", id, r.Host, time.Duration(s.changed))
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

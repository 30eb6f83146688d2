package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// reconnectRule: once faults end, subscriptions come back.
var reconnectRule = rule{
	Info: Info{"reconnect", Liveness, "within a bound after the last fault every expected subscription exists at both ends, once, and stays"},
	kinds: []event.Kind{
		event.Quiesced, event.Subscribed, event.Unsubscribed, event.SubAccepted, event.SubDraining, event.SubEnded, event.ProducerClosed, event.ConsumerClosed,
		event.HostCrashed, event.HostRestarted,
	},
	after: true,
	make: func(p reporter, b *book, o Options) Checker {
		c := &reconnect{reporter: p, book: b, bound: int64(o.Reconnect)}
		c.pairs, c.byHost = expectations(o.Expect)
		return c
	},
}

type reconnect struct {
	reporter
	*book
	bound  int64
	pairs  []*expected
	byHost map[string][]*expected
	judged bool // the deadline has passed
	over   bool
}

func (c *reconnect) Event(r *event.Record) {
	if c.over {
		return
	}
	c.deadline(r.At)
	name := r.Host
	if r.Kind == event.HostCrashed || r.Kind == event.HostRestarted {
		name = r.Text
	}
	for _, x := range c.byHost[name] {
		up, why := c.connected(x.Pair)
		if c.judged && x.up && !up {
			c.failAt(time.Duration(r.At), x.Consumer, "%s lost its subscription to %s of stream %s, %s after the faults ended: %s",
				x.Consumer, x.Producer, x.Stream.Short(), time.Duration(r.At-c.quiesced), why)
		}
		if x.up != up {
			x.up, x.since = up, r.At
		}
		x.why = why
	}
}

// deadline judges every pair, once, as it was when the bound had passed.
func (c *reconnect) deadline(at int64) {
	if c.judged || c.quiesced < 0 || at <= c.quiesced+c.bound {
		return
	}
	c.judged = true
	for _, x := range c.pairs {
		if !x.up {
			c.failAt(time.Duration(c.quiesced+c.bound), x.Consumer, "%s is not subscribed to %s of stream %s %s after the faults ended, since %s: %s",
				x.Consumer, x.Producer, x.Stream.Short(), time.Duration(c.bound), time.Duration(x.since), x.why)
		}
	}
}

func (c *reconnect) settle(at time.Duration) {
	c.deadline(int64(at))
	c.over = true
	for _, x := range c.pairs {
		if n, most := c.twice(x.Pair); c.judged && n > most {
			c.failAt(at, x.Producer, "%s serves %d subscriptions of %s to stream %s, which has %d consumers", x.Producer, n, x.Consumer, x.Stream.Short(), most)
		}
	}
}

// recovered tells whether every pair is there, once.
func (c *reconnect) recovered(at time.Duration) bool {
	for _, x := range c.pairs {
		if n, most := c.twice(x.Pair); !x.up || x.since > int64(at-blink) || n > most {
			return false
		}
	}
	return true
}

// twice counts the subscriptions that a producer serves for a host, and the consumers
// that the host has.
func (c *reconnect) twice(p Pair) (subs, consumers int) {
	consumer, producer := c.living(p.Consumer), c.living(p.Producer)
	if consumer == nil || producer == nil {
		return 0, 0
	}
	for _, v := range consumer.receivers {
		if v.up && v.key.stream == p.Stream && v.key.peer == producer.node {
			if at := c.producers[producerKey{v.key.peer, v.key.stream, v.incarnation}]; at != nil && at.life == producer {
				subs = at.readerOf(consumer.node).active
			}
		}
	}
	return subs, max(1, consumer.consumersOf(p.Stream).open)
}

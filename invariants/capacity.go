package invariants

import "github.com/smalti/smalti/runtime/event"

// capacityRule: a producer serves no more than it may.
var capacityRule = rule{
	Info:  Info{"capacity", Safety, "a producer never has more active subscriptions than its capacity, nor one peer more than it may, and it counts them right"},
	kinds: []event.Kind{event.SubAccepted},
	make:  func(p reporter, b *book, _ Options) Checker { return &capacity{p, b} },
}

type capacity struct {
	reporter
	*book
}

func (c *capacity) Event(r *event.Record) {
	p := c.producer
	active := p.active + 1
	switch {
	case p.capacity > 0 && active > p.capacity:
		c.fail(r, "%s: %d active of at most %d", r.Event, active, p.capacity)
	case p.perPeer > 0 && int64(p.readerOf(r.Peer).active) >= p.perPeer:
		c.fail(r, "%s: the peer has %d active, which is all that it may", r.Event, p.readerOf(r.Peer).active)
	case r.N != active:
		c.fail(r, "%s: the producer counts %d active, it has %d", r.Event, r.N, active)
	}
}

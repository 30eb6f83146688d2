package invariants

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// deliveredRule: a link is reliable, and correct nodes speak its protocol.
var deliveredRule = rule{
	Info:  Info{"delivered", Safety, "while a subscription is up, its consumer misses only what the producer did not write to it, and neither side accuses the other of breaking the protocol"},
	kinds: []event.Kind{event.Skipped, event.Unsubscribed, event.SubEnded, event.SessionDown, event.SessionRefused},
	make:  func(p reporter, b *book, _ Options) Checker { return &delivered{p, b} },
}

type delivered struct {
	reporter
	*book
}

func (c *delivered) Event(r *event.Record) {
	if r.Kind != event.Skipped {
		if r.Reason == wire.ProtocolViolation && c.nodes[r.Peer] == honest {
			c.fail(r, "%s between nodes that report here", r.Event)
		}
		return
	}
	v := c.receiver
	if v.blurred || !v.up || v.source == nil || v.source.several || r.From < v.from {
		return // what was missed while it was away
	}
	if n := v.source.written.count(r.From, r.To); n > 0 {
		c.fail(r, "%s, but %d of these datums were written to it", r.Event, n)
	}
	if n := v.source.lagged.count(r.From, r.To); r.Reason == wire.Lagged && n != uint64(r.N) {
		c.fail(r, "%s, but the lag policy left out %d", r.Event, n)
	}
}

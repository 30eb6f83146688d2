package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// boundedRule: queues have bounds.
var boundedRule = rule{
	Info:  Info{"bounded", Safety, "no more datums wait for a subscription than its queue may hold"},
	kinds: []event.Kind{event.Enqueued},
	make:  func(p reporter, b *book, _ Options) Checker { return &bounded{p, b} },
}

// turnMax is within what time a producer tells all of one batch: what is enqueued in
// several parts, then what of it was sent, or dropped.
const turnMax = time.Millisecond

type bounded struct {
	reporter
	*book
}

// Event looks at what waited when a batch was told of.
func (c *bounded) Event(r *event.Record) {
	s := c.sub
	if s == nil || c.producer.queue == 0 {
		return
	}
	if waiting := s.enqueued - s.written - s.dropped; waiting > c.producer.queue && r.Mono-s.told >= int64(turnMax) {
		c.fail(r, "%d datums waited for subscription %d of %s, at most %d may", waiting, r.Sub, r.Peer.Short(), c.producer.queue)
	}
}

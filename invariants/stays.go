package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// staysRule: what a producer still has for a consumer is not thrown away.
var staysRule = rule{
	Info:  Info{"stays", Safety, "a consumer hangs up on a producer of its own accord only when it is closed"},
	kinds: []event.Kind{event.Unsubscribed, event.ConsumerClosed, event.Subscribing, event.Received},
	make:  func(p reporter, b *book, _ Options) Checker { return &stays{reporter: p, book: b} },
}

type stays struct {
	reporter
	*book
	left []departure // not explained yet by the close of a consumer
}

// closing is more than a consumer takes to close, which it does in one turn: hanging up on
// one producer after the other, it may still tell what it received from the next.
const closing = time.Second

// departure is a consumer that hung up.
type departure struct {
	life *life
	why  event.Record
}

func (c *stays) Event(r *event.Record) {
	if r.Kind == event.Unsubscribed {
		if r.Reason == wire.Cancelled && c.receiver.up && !c.receiver.blurred {
			c.left = append(c.left, departure{c.life, *r})
		}
		return
	}
	if len(c.left) == 0 {
		return
	}
	for _, d := range c.left {
		if r.Kind != event.ConsumerClosed && c.concerns(d, r) {
			c.fail(&d.why, "%s, and goes on", d.why.Event)
		}
	}
	c.left = slices.DeleteFunc(c.left, func(d departure) bool { return c.concerns(d, r) })
}

// concerns tells whether a record says what became of a consumer that hung up.
func (c *stays) concerns(d departure, r *event.Record) bool {
	if r.Kind == event.Received && time.Duration(r.At-d.why.At) < closing {
		return false
	}
	return d.life == c.life && d.why.Stream == r.Stream && !c.life.consumersOf(r.Stream).shared
}

func (c *stays) Finish(at time.Duration) {
	for _, d := range c.left {
		if !d.life.over && !d.life.consumersOf(d.why.Stream).shared {
			c.failAt(at, d.why.Host, "%s, and was never closed", d.why.Event)
		}
	}
}

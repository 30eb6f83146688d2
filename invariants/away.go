package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// awayRule: a demand that is not met any more acts by itself.
var awayRule = rule{
	Info:  Info{"kept-away", Liveness, "within a bound after the last fault no consumer is subscribed that does not meet what the stream demands then"},
	kinds: []event.Kind{event.SubAccepted},
	make:  func(p reporter, b *book, o Options) Checker { return &away{p, b, o.Away, o.Reconnect} },
}

type away struct {
	reporter
	*book
	pairs []Pair
	bound time.Duration
}

// Event has nothing to judge before the end: who is let in by mistake once is put out
// again when it is measured.
func (c *away) Event(*event.Record) {}

func (c *away) settle(at time.Duration) {
	if c.quiesced < 0 || at <= time.Duration(c.quiesced)+c.bound {
		return
	}
	for _, x := range c.pairs {
		if up, _ := c.connected(x); up {
			c.failAt(at, x.Producer, "%s is subscribed to stream %s of %s, and does not meet its demands", x.Consumer, x.Stream.Short(), x.Producer)
		}
	}
}

// recovered tells whether all are kept away.
func (c *away) recovered(time.Duration) bool {
	return !slices.ContainsFunc(c.pairs, func(x Pair) bool { up, _ := c.connected(x); return up })
}

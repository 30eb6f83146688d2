package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// gracefulRule: an orderly end loses nothing that it had time to deliver.
var gracefulRule = rule{
	Info: Info{"graceful", Safety, "a producer that closes drops nothing for it before the deadline of its drain, and a subscription that ended in order has nothing unsent"},
	kinds: []event.Kind{
		event.Dropped, event.InputDropped, event.SubEnded,
	},
	make: func(p reporter, b *book, o Options) Checker { return &graceful{p, b, o.DrainMax} },
}

// A drain may be early by drainSlack when a clock that drifts rounds, and by a part of
// drainDrift, for the transport goes by a clock of its own, and that of the node may drift by
// 5 % in a simulation.
const (
	drainSlack = time.Millisecond
	drainDrift = 20
)

type graceful struct {
	reporter
	*book
	max time.Duration
}

// Event judges what is lost to a shutdown.
func (c *graceful) Event(r event.Record) {
	if r.Reason != wire.GracefulShutdown {
		return
	}
	p := c.producer
	drains := time.Duration(r.Mono - p.closes)
	if p.closing && drains+drainSlack+c.max/drainDrift >= c.max {
		return
	}
	when := "while the producer is open"
	if p.closing {
		when = drains.String() + " into the drain"
	}
	switch {
	case r.Kind == event.Dropped || r.Kind == event.InputDropped:
		c.fail(&r, "%s %s, which may take %s", r.Event, when, c.max)
	case r.N > 0:
		c.fail(&r, "%s: %d datums given back %s, which may take %s", r.Event, r.N, when, c.max)
	}
}

package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// gracefulRule: an orderly end loses nothing that it had time to deliver.
var gracefulRule = rule{
	Info: Info{"graceful", Safety, "a producer that closes drops nothing for it before the deadline of its drain, and " +
		"then says so, a subscription that ended in order has nothing unsent, and no consumer leaves one that is " +
		"being closed because the stream was withdrawn"},
	kinds: []event.Kind{
		event.Dropped, event.InputDropped, event.SubEnded, event.NodeStopped,
	},
	make: func(p reporter, b *book, o Options) Checker { return &graceful{reporter: p, book: b, drain: o.drain} },
}

// A drain may be early by drainSlack when a clock that drifts rounds, and by a part of
// clockDrift, for the transport goes by a clock of its own, and that of the node may drift by
// 5 % in a simulation.
const (
	drainSlack = time.Millisecond
	clockDrift = 20
)

type graceful struct {
	reporter
	*book
	drain func(ident.StreamID) time.Duration
	open  []event.Record // lost to a shutdown that is not the producer's: its peer's, if that stops
}

// stopMax is within what time a node has stopped that says it shuts down.
const stopMax = 20 * time.Second

// Event judges what is lost to a shutdown.
func (c *graceful) Event(r *event.Record) {
	if r.Kind == event.NodeStopped {
		c.open = slices.DeleteFunc(c.open, func(lost event.Record) bool {
			return lost.Peer == r.Node && r.At-lost.At <= int64(stopMax)
		})
		return
	}
	if r.Kind == event.SubEnded && r.Reason == wire.StreamNotFound && c.producer.closing && c.sub != nil && c.nodes[r.Peer] == honest {
		c.fail(r, "%s: its consumer did not wait for what the producer delivers at its end", r.Event)
		return
	}
	if r.Reason != wire.GracefulShutdown && r.Reason != wire.DrainTimeout {
		return
	}
	if r.Kind != event.InputDropped && c.nodes[r.Peer] == liar {
		return // it may be that which shuts down
	}
	p := c.producer
	ours := p.closing && r.Reason == wire.DrainTimeout
	if !ours && r.Kind != event.InputDropped && (r.Kind == event.Dropped || r.N > 0) {
		if len(c.open) < MaxViolations {
			c.open = append(c.open, *r)
		}
		return
	}
	drains, most := time.Duration(r.Mono-p.closes), c.drain(p.key.stream)
	if ours && drains+drainSlack+most/clockDrift >= most {
		return
	}
	when := "while the producer is open"
	if p.closing {
		when = drains.String() + " into the drain"
	}
	switch {
	case r.Kind == event.Dropped || r.Kind == event.InputDropped:
		c.fail(r, "%s %s, which may take %s", r.Event, when, most)
	case r.N > 0:
		c.fail(r, "%s: %d datums given back %s, which may take %s", r.Event, r.N, when, most)
	}
}

// Finish judges what no peer's end explains.
func (c *graceful) Finish(time.Duration) {
	for _, lost := range c.open {
		c.fail(&lost, "%s, for a shutdown that is not the producer's, and its peer did not stop", lost.Event)
	}
}

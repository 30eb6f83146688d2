package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// membersRule: who is not in the catalog is served no more.
var membersRule = rule{
	Info:  Info{"members", Safety, "a while after a peer left a node's catalog the node's producers enqueue nothing for it"},
	kinds: []event.Kind{event.Enqueued, event.SubAccepted},
	make:  func(p reporter, b *book, o Options) Checker { return &members{p, b, o.KeepDeparted} },
}

type members struct {
	reporter
	*book
	keep bool
}

func (c *members) Event(r *event.Record) {
	e := c.life.known[r.Peer]
	if c.keep || e == nil || e.present {
		return
	}
	if gone := r.At - e.gone; gone >= int64(heardAfter) {
		c.fail(r, "%s, which left the catalog %s ago", r.Event, time.Duration(gone))
	}
}

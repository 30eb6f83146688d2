package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// promptRule: what may go on goes on by itself.
var promptRule = rule{
	Info: Info{"prompt", Safety, "while a producer has subscriptions, and nothing waits for any of them, no datum that was sent waits in its input for long"},
	kinds: []event.Kind{
		event.AppSent, event.SubAccepted, event.SubDraining, event.SubEnded, event.Enqueued, event.Written, event.Dropped, event.Unmatched, event.InputDropped,
		event.ProducerClosing,
	},
	after: true,
	make: func(p reporter, b *book, _ Options) Checker {
		return &prompt{reporter: p, book: b}
	},
}

// promptMax is how long a datum may wait without a reason. A turn of a producer takes no
// time on an idle host, and nothing in it waits for longer than the network's round trips.
const promptMax = 500 * time.Millisecond

type prompt struct {
	reporter
	*book
}

// backlog is what an application sent to a producer, and what became of it.
type backlog struct {
	sent, taken uint64 // numbers of the last datum
	waits       bool   // one does although there is room,
	since       int64  // At since then
}

func (c *prompt) Event(r *event.Record) {
	p := c.producer
	if r.Kind == event.AppSent {
		p = c.producers[producerKey{r.Node, r.Stream, r.Incarnation}]
	}
	if p == nil {
		return
	}
	b := &p.input
	if b.waits && c.host.brisk(r.At) && r.At-max(b.since, c.host.calm) > int64(promptMax) {
		c.fail(r, "datum %d waited in the input of %s since %s, and nothing waited for its subscriptions", b.taken+1, r.Host, time.Duration(b.since))
	}
	switch r.Kind {
	case event.AppSent:
		b.sent = max(b.sent, r.From)
	case event.Enqueued, event.Unmatched, event.InputDropped:
		b.taken = max(b.taken, r.To)
	}
	if b.sent <= b.taken || p.closing || p.active == 0 || slices.ContainsFunc(p.subs, (*subscription).holds) {
		b.waits = false
	} else if !b.waits {
		b.waits, b.since = true, r.At
	}
}

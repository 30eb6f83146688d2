package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// expiryRule: who has no right any more gets nothing more.
var expiryRule = rule{
	Info: Info{"nothing-after-expiry", Safety, "nothing is enqueued for a subscription at or after the end of its right, by the producer's own wall clock, nor after it was cut, drained or ended"},
	kinds: []event.Kind{
		event.SubAccepted, event.Enqueued,
	},
	make: func(p reporter, b *book, o Options) Checker { return &expiry{p, b, int64(o.WallSlack)} },
}

type expiry struct {
	reporter
	*book
	slack int64
}

func (c *expiry) Event(r *event.Record) {
	if r.Kind == event.SubAccepted {
		if c.passed(r, int64(r.To)) {
			c.fail(r, "%s with a right that ended at %s", r.Event, wall(int64(r.To)))
		}
		return
	}
	s := c.sub
	switch {
	case s == nil:
	case s.ended:
		c.fail(r, "%s after the subscription ended", r.Event)
	case s.draining:
		c.fail(r, "%s after the subscription was ended for %s", r.Event, s.drainFor)
	case c.passed(r, s.end):
		c.fail(r, "%s at %s, its right ended at %s", r.Event, wall(r.Wall), wall(s.end))
	}
}

func (c *expiry) passed(r *event.Record, end int64) bool {
	return end != 0 && r.Wall-c.slack >= end
}

func wall(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

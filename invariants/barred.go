package invariants

import "github.com/smalti/smalti/runtime/event"

// barredRule: who never has a right to a stream never gets it.
var barredRule = rule{
	Info:  Info{"barred", Safety, "no consumer is admitted that never meets what the stream demands"},
	kinds: []event.Kind{event.SubAccepted},
	make:  func(p reporter, b *book, o Options) Checker { return &barred{p, b, o.Never} },
}

type barred struct {
	reporter
	*book
	never []Pair
}

func (c *barred) Event(r *event.Record) {
	for _, x := range c.never {
		if h := c.hosts[x.Consumer]; x.Producer == r.Host && x.Stream == r.Stream && h != nil && h.node == r.Peer {
			c.fail(r, "%s: %s may not have stream %s of %s", r.Event, x.Consumer, x.Stream.Short(), x.Producer)
		}
	}
}

package invariants

import "github.com/smalti/smalti/runtime/event"

// statusRule: what an application can ask about is so.
var statusRule = rule{
	Info:  Info{"status", Safety, "the status of a producer or a consumer, when nothing changed for a second, has the subscriptions that there are and says whether it is online, and that of a producer counts what was written"},
	kinds: []event.Kind{event.AppStatus},
	make:  func(p reporter, b *book, o Options) Checker { return &status{p, b, int64(conditionMax + o.Lag)} },
}

type status struct {
	reporter
	*book
	within int64
}

func (c *status) Event(r *event.Record) {
	if !c.host.brisk(r.At) {
		return
	}
	if r.Incarnation != 0 {
		c.ofProducer(r)
		return
	}
	s := c.life.streams[r.Stream]
	if s == nil || s.shared || r.At-s.changed <= c.within {
		return
	}
	if r.N != s.up || (r.To == 1) != s.online {
		c.fail(r, "the status of a consumer says %d subscriptions, online %t; it has %d, online %t", r.N, r.To == 1, s.up, s.online)
	}
}

func (c *status) ofProducer(r *event.Record) {
	p := c.producers[producerKey{r.Node, r.Stream, r.Incarnation}]
	if p == nil || p.closing || r.At-p.changed <= c.within { // what drains is served still
		return
	}
	if r.N != p.active || (r.To == 1) != p.online {
		c.fail(r, "the status of a producer says %d subscriptions, online %t; it has %d, online %t", r.N, r.To == 1, p.active, p.online)
	}
	var written int64
	for _, s := range p.subs {
		if !s.ended && !s.draining {
			written += s.written
		}
	}
	if int64(r.From) != written {
		c.fail(r, "the status of a producer says %d datums; %d were written", r.From, written)
	}
}

package invariants

import (
	"github.com/smalti/smalti/runtime/event"
)

// versionsRule: knowledge of a node only gets newer.
var versionsRule = rule{
	Info: Info{"versions-grow", Safety, "a node publishes ever newer entries, knows ever newer entries of each other node, takes back none that departed, and none of itself, as long as it remembers them"},
	kinds: []event.Kind{
		event.EntryPublished, event.PeerDiscovered, event.PeerUpdated, event.PeerDeparted, event.PeerHidden, event.PeerReturned,
	},
	make: func(p reporter, b *book, o Options) Checker { return &versions{p, b, int64(o.TombstoneTTL)} },
}

type versions struct {
	reporter
	*book
	ttl int64
}

func (c *versions) Event(r *event.Record) {
	v := versionOf(r)
	if r.Kind == event.EntryPublished {
		if n := len(c.life.published); n > 0 && v.compare(c.life.published[n-1].version) <= 0 {
			c.fail(r, "%s, published %v before", r.Event, c.life.published[n-1].version)
		}
		return
	}
	if r.Peer == r.Node {
		c.fail(r, "%s is about the node itself", r.Event)
		return
	}
	e := c.life.known[r.Peer]
	switch {
	case e == nil, e.departed && !e.present && r.Mono >= e.departedAt+c.ttl: // nothing is remembered
	case r.Kind == event.PeerHidden:
		if !e.present || v != e.version {
			c.fail(r, "%s, known as %v", r.Event, e.version)
		}
	case r.Kind == event.PeerDeparted:
		if e.present && v.started < e.version.started {
			c.fail(r, "%s ended the newer entry %v", r.Event, e.version)
		}
	case e.departed && v.started <= e.departure.started && r.Mono < e.departedAt+c.ttl:
		c.fail(r, "%s came back, it departed as %v", r.Event, e.departure)
	case r.Kind == event.PeerReturned && e.present || v.compare(e.version) < 0:
		c.fail(r, "%s, known as %v", r.Event, e.version)
	case e.present && v.compare(e.version) <= 0:
		c.fail(r, "%s replaced %v, which is not older", r.Event, e.version)
	}
}

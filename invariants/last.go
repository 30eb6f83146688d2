package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// lastRule: the end of a producer that does not come back is told.
var lastRule = rule{
	Info: Info{"last", Safety, "a consumer whose producer left the catalog, or closed, had its last datum or is told that it misses an unknown number, soon"},
	kinds: []event.Kind{
		event.Subscribed, event.Unsubscribed, event.MissedUnknown,
		event.SyncStarted, event.SyncEnded, event.Pinged, // by these a node shows that time passes
	},
	make: func(p reporter, b *book, o Options) Checker {
		return &last{reporter: p, book: b, open: map[*receiver]bool{}, within: int64(lastGrace + stuckTurns*o.Lag)}
	},
}

// lastGrace is for a consumer to hear of a producer that left the catalog; newsMax is for the
// news to get there that a node withdrew a stream, while nothing is wrong.
const (
	lastGrace = 2 * time.Second
	newsMax   = 20 * time.Second
)

type last struct {
	reporter
	*book
	open   map[*receiver]bool // consumers' sides that may miss datums and were not told
	within int64
}

func (c *last) Event(r *event.Record) {
	switch r.Kind {
	case event.Subscribed:
		c.open[c.receiver] = true
	case event.Unsubscribed:
		if r.Reason == wire.GracefulShutdown {
			delete(c.open, c.receiver)
		}
	case event.MissedUnknown:
		if v := c.life.find[receiverKey{r.Peer, r.Stream, r.Sub}]; v != nil && r.From > 0 {
			delete(c.open, v)
		}
	default:
		c.judge(r)
	}
}

// judge looks for consumers that should have been told by now.
func (c *last) judge(r *event.Record) {
	if !c.host.brisk(r.At) || c.life.closes > 0 {
		return
	}
	for _, v := range c.life.receivers {
		if v.up || v.blurred || !c.open[v] || c.life.consumersOf(v.key.stream).shared {
			continue
		}
		if gone, why := c.gone(v, r.At); gone {
			delete(c.open, v)
			c.fail(r, "the consumer of %s on %s was not told that it may miss datums of %s from %d on: %s", v.key.stream.Short(), r.Host, v.key.peer.Short(), v.next, why)
		}
	}
}

// gone reports whether a producer that v was connected to is gone for good, as far as the
// consumer's node must know.
func (c *last) gone(v *receiver, at int64) (gone bool, why string) {
	if e := c.life.known[v.key.peer]; e != nil && !e.present && at-max(e.gone, c.host.calm) > c.within {
		return true, "it left the catalog"
	}
	p := c.producers[producerKey{v.key.peer, v.key.stream, v.incarnation}]
	if p == nil || !p.closed || p.life.over {
		return false, ""
	}
	since, found := c.well()
	for _, other := range p.life.producers {
		switch {
		case other.key.stream != p.key.stream:
		case !other.closed:
			return false, "" // the stream is offered on
		default:
			since = max(since, other.closedAt)
		}
	}
	if since+int64(newsMax) > at || !found {
		return false, ""
	}
	return true, "it closed"
}

package invariants

import (
	"math"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// revokedRule: who lost a right gets nothing more.
var revokedRule = rule{
	Info:  Info{"nothing-after-revocation", Safety, "after an application revoked a peer's right to a stream, and before it allows it again, its node admits no subscription of the peer, enqueues nothing for it and takes nothing from it"},
	kinds: []event.Kind{event.AppRevoked, event.AppAllowed, event.SubAccepted, event.Enqueued, event.Subscribed, event.Received},
	make: func(p reporter, b *book, o Options) Checker {
		return &revoked{reporter: p, book: b, lag: int64(o.Lag + o.Lag/clockDrift), since: map[revocation]int64{}}
	},
}

// revocation is a right that an application took back. Producers and consumers
// of a node have validators of their own.
type revocation struct {
	life   int
	stream ident.StreamID
	peer   ident.PeerID
	to     bool // to subscribe; otherwise to be subscribed to
}

type revoked struct {
	reporter
	*book
	lag   int64                // of a turn
	since map[revocation]int64 // by the node's monotonic clock
	open  []breach             // of a right that may have been given back: who tells has turns that are late, too
}

// breach is what broke a revocation, unless the right turns out to be allowed again.
type breach struct {
	revocation
	record event.Record
}

func (c *revoked) Event(r *event.Record) {
	c.judge(r.At)
	switch r.Kind {
	case event.AppRevoked:
		key := c.of(r, r.N == 0)
		if _, ok := c.since[key]; !ok {
			c.since[key] = r.Mono
		}
	case event.AppAllowed:
		key := c.of(r, r.N == 0)
		delete(c.since, key)
		c.open = slices.DeleteFunc(c.open, func(b breach) bool { return b.revocation == key })
	default:
		if len(c.since) == 0 {
			return // as in most runs, for every datum
		}
		// At the same moment, or while its turn is late, the worker may not have heard of it
		// yet, nor on a slow host while it does what came before.
		key := c.of(r, r.Kind == event.SubAccepted || r.Kind == event.Enqueued)
		if since, ok := c.since[key]; ok && r.Mono-since > c.lag && c.host.brisk(r.At) && len(c.open) < MaxViolations {
			c.open = append(c.open, breach{key, *r})
		}
	}
}

// judge tells of breaches for which it is too late to be excused.
func (c *revoked) judge(at int64) {
	for len(c.open) > 0 && at-c.open[0].record.At > c.lag {
		r := c.open[0].record
		c.open = c.open[1:]
		c.fail(&r, "%s, the right of %s was revoked", r.Event, r.Peer.Short())
	}
}

// Finish judges what nothing excused.
func (c *revoked) Finish(time.Duration) { c.judge(math.MaxInt64) }

// of names the right that r is about.
func (c *revoked) of(r *event.Record, to bool) revocation {
	return revocation{life: c.life.id, stream: r.Stream, peer: r.Peer, to: to}
}

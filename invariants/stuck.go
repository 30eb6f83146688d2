package invariants

import (
	"cmp"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// stuckRule: a consumer that takes nothing holds up the others for a while, and not for
// good; one that takes something is not cut for it.
var stuckRule = rule{
	Info: Info{"block-max", Safety, "no datum waits in the input of a producer for longer than the producer may block while no subscription that holds datums makes progress, and none is cut as too slow that made progress within that time"},
	kinds: []event.Kind{
		event.AppSent, event.SubAccepted, event.SubDraining, event.SubEnded, event.Enqueued, event.Written, event.Dropped, event.Unmatched, event.InputDropped, event.ProducerClosing,
		event.SyncStarted, event.SyncEnded, event.Pinged, // by these a node shows that time passes
	},
	make: func(p reporter, b *book, o Options) Checker {
		return &stuck{reporter: p, book: b, blocks: o.BlockMax, lag: int64(stuckTurns * o.Lag), heads: map[*producer]*head{}}
	},
}

// stuckGrace is for the turns between the end of the block and the next datum, of which each
// may wait stuckTurns times for a strategy.
const (
	stuckGrace = 2 * time.Second
	stuckTurns = 20
)

type stuck struct {
	reporter
	*book
	blocks map[ident.StreamID]time.Duration
	lag    int64
	heads  map[*producer]*head
}

// head is the first datum in the input of a producer.
type head struct {
	sent, taken uint64 // numbers of the last datum
	since       int64  // At since when it is the first, and there is a subscription
}

func (c *stuck) Event(r *event.Record) {
	for _, p := range c.life.producers {
		c.judge(r, p)
	}
	p := c.producer
	if r.Kind == event.AppSent {
		p = c.producers[producerKey{r.Node, r.Stream, r.Incarnation}]
	}
	if p == nil {
		return
	}
	h := c.heads[p]
	if h == nil {
		h = &head{}
		c.heads[p] = h
	}
	switch r.Kind {
	case event.SubDraining:
		c.cut(r)
		h.since = r.At // what it blocked goes on now
	case event.SubEnded, event.Written, event.Dropped:
		h.since = r.At // the same, unless it was another one: then that is judged later
	case event.AppSent:
		if h.sent <= h.taken {
			h.since = r.At
		}
		h.sent = max(h.sent, r.From)
	case event.SubAccepted:
		if p.active == 0 {
			h.since = r.At
		}
	case event.Enqueued, event.Unmatched, event.InputDropped:
		if r.To > h.taken {
			h.taken, h.since = r.To, r.At
		}
	}
}

// cut judges the end of a subscription that blocked.
func (c *stuck) cut(r *event.Record) {
	most, blocks := c.blocks[r.Stream]
	if !blocks || r.Reason != wire.TooSlow || c.sub == nil {
		return
	}
	most = cmp.Or(most, DefaultBlockMax)
	if idle := time.Duration(r.Mono - c.sub.progress); idle < most {
		c.fail(r, "%s, though its consumer made progress %s before; the producer may block for %s", r.Event, idle, most)
	}
}

// judge looks for how long the first datum of a producer waits.
func (c *stuck) judge(r *event.Record, p *producer) {
	h := c.heads[p]
	if h == nil || h.sent <= h.taken || p.active == 0 || p.closing || !c.host.brisk(r.At) {
		return
	}
	most := cmp.Or(c.blocks[p.key.stream], DefaultBlockMax)
	waits := r.At - max(h.since, c.host.calm)
	for _, s := range p.subs {
		if s.holds() && !s.draining {
			waits = min(waits, r.Mono-s.progress)
		}
	}
	if waits > int64(most+most/clockDrift+stuckGrace)+c.lag {
		c.fail(r, "datum %d waits in the input of %s for %s, and the producer may block for %s", h.taken+1, r.Host, time.Duration(waits), most)
		h.since = r.At
	}
}

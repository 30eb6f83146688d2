package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// stuckRule: one slow consumer holds up the others for a while, and not for good.
var stuckRule = rule{
	Info: Info{"block-max", Safety, "no datum waits in the input of a producer that has subscriptions for longer than the producer may block"},
	kinds: []event.Kind{
		event.AppSent, event.SubAccepted, event.Enqueued, event.Unmatched, event.InputDropped, event.ProducerClosing,
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

// judge looks for how long the first datum of a producer waits.
func (c *stuck) judge(r *event.Record, p *producer) {
	h := c.heads[p]
	if h == nil || h.sent <= h.taken || p.active == 0 || p.closing || !c.host.brisk(r.At) {
		return
	}
	most, given := c.blocks[p.key.stream]
	if !given {
		most = DefaultBlockMax
	}
	waits := r.At - max(h.since, c.host.calm)
	if waits > int64(most+most/clockDrift+stuckGrace)+c.lag {
		c.fail(r, "datum %d waits in the input of %s for %s, and the producer may block for %s", h.taken+1, r.Host, time.Duration(waits), most)
		h.since = r.At
	}
}

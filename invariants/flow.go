package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// flowRule: once subscriptions are back, datums flow. One datum of each pair is
// followed at a time, which costs nothing per datum and misses no standstill. What is
// sent before the bound only shows whether the pair has recovered.
var flowRule = rule{
	Info: Info{"flow", Liveness, "once expected subscriptions are back, applications can send, and what they send reaches the application at the other end within a bound"},
	kinds: []event.Kind{
		event.AppSent, event.AppReceived, event.Skipped, event.Unsubscribed, event.HostCrashed,
	},
	make: func(p reporter, b *book, o Options) Checker {
		c := &flow{reporter: p, book: b, bound: int64(o.Flow), quiet: int64(o.Reconnect), sends: int64(o.Sends), byProducer: map[string][]*probe{}, byConsumer: map[string][]*probe{}}
		if o.Flow == 0 {
			return c
		}
		for _, x := range o.Expect {
			w := &probe{Pair: x}
			c.probes = append(c.probes, w)
			c.byProducer[x.Producer] = append(c.byProducer[x.Producer], w)
			c.byConsumer[x.Consumer] = append(c.byConsumer[x.Consumer], w)
		}
		return c
	},
}

type flow struct {
	reporter
	*book
	bound, quiet, sends    int64
	probes                 []*probe
	byProducer, byConsumer map[string][]*probe
	over                   bool
}

// probe is the datum of a pair that is followed.
type probe struct {
	Pair
	busy        bool
	node        ident.PeerID // of the producer
	incarnation uint64
	seq         uint64
	at          int64
	sentAt      int64 // At of the last datum of the producer
	flowed      bool  // a datum that was sent after the faults arrived, over the present subscription
}

func (c *flow) Event(r *event.Record) {
	if c.over || len(c.probes) == 0 || c.quiesced < 0 {
		return
	}
	switch r.Kind {
	case event.AppSent:
		for _, w := range c.byProducer[r.Host] {
			if w.Stream == r.Stream || r.Stream.IsZero() {
				c.sent(w, r)
			}
		}
	case event.HostCrashed:
		for _, w := range c.byProducer[r.Text] {
			w.busy = false
		}
		for _, w := range c.byConsumer[r.Text] {
			w.busy, w.flowed = false, false
		}
	default:
		for _, w := range c.byConsumer[r.Host] {
			if (w.busy || r.Kind == event.Unsubscribed) && w.node == r.Peer && (w.Stream == r.Stream || r.Stream.IsZero()) {
				c.heard(w, r)
			}
		}
	}
}

func (c *flow) sent(w *probe, r *event.Record) {
	w.sentAt = r.At
	if w.busy && (c.judged(w) || r.At < c.quiesced+c.quiet) {
		c.late(w, r.At)
		return
	}
	w.busy = false
	if up, _ := c.connected(w.Pair); up && !c.picky(w.Pair) {
		w.busy, w.node, w.incarnation, w.seq, w.at = true, r.Node, r.Incarnation, r.From, r.At
	}
}

// picky tells whether the consumer of a pair may want other datums.
func (c *flow) picky(p Pair) bool {
	for _, v := range c.living(p.Consumer).receivers {
		if v.key.stream == p.Stream && v.picky {
			return true
		}
	}
	return false
}

// heard takes what the consumer's host says of the probe's producer.
func (c *flow) heard(w *probe, r *event.Record) {
	if r.Kind != event.AppReceived {
		w.busy = false // others judge what is told to be lost
		w.flowed = w.flowed && r.Kind != event.Unsubscribed
		return
	}
	if r.Incarnation != w.incarnation || r.From < w.seq {
		return
	}
	if c.late(w, r.At); w.busy && r.From > w.seq && c.judged(w) {
		c.fail(r, "datum %d of %s was passed over: %d came", w.seq, w.Producer, r.From)
	}
	w.busy, w.flowed = false, true
}

// judged tells whether a probe was sent when its pair had to be there.
func (c *flow) judged(w *probe) bool { return w.at >= c.quiesced+c.quiet }

// late gives a probe up that is overdue, and reports it.
func (c *flow) late(w *probe, at int64) {
	if !w.busy || at <= w.at+c.bound {
		return
	}
	w.busy = false
	if c.judged(w) {
		c.failAt(time.Duration(at), w.Consumer, "datum %d of %s, sent at %s, did not reach an application of %s within %s",
			w.seq, w.Producer, time.Duration(w.at), w.Consumer, time.Duration(c.bound))
	}
}

// travelMax is how long a datum may be under way to an application where all is well.
const travelMax = 5 * time.Second

// recovered tells whether the datums of every pair flow.
func (c *flow) recovered(at time.Duration) bool {
	for _, w := range c.probes {
		up, _ := c.connected(w.Pair)
		stuck := w.busy && w.at < int64(at-travelMax)
		if !up || stuck || !w.flowed && !c.picky(w.Pair) || c.sends > 0 && w.sentAt < int64(at)-c.sends {
			return false
		}
	}
	return true
}

func (c *flow) settle(at time.Duration) {
	for _, w := range c.probes {
		c.late(w, int64(at))
		if c.sends > 0 && c.quiesced >= 0 && int64(at) >= c.quiesced+c.quiet+c.sends && w.sentAt < int64(at)-c.sends {
			c.failAt(at, w.Producer, "the application of %s has sent nothing since %s", w.Producer, time.Duration(w.sentAt))
		}
	}
	c.over = true
}

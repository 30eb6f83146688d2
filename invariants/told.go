package invariants

import (
	"math"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// What AppMissed says of a gap in Text.
const (
	GapUnknown = "unknown"
	GapAtMost  = "at most"
)

// toldRule judges what applications are told of what they miss.
var toldRule = rule{
	Info:  Info{"told", Safety, "an application receives each number of a producer or is told that it misses it, once and in order, from the first one on that was meant for it; and when another incarnation of a producer follows one that had not ended in order, or one that it did not hear of, it is told that it misses an unknown number"},
	kinds: []event.Kind{event.Subscribed, event.Unsubscribed, event.AppReceived, event.AppMissed, event.DecodeFailed},
	make: func(p reporter, b *book, _ Options) Checker {
		return &told{reporter: p, book: b, heard: map[hearing]*account{}, ended: map[ending]bool{}, turns: map[hearing]uint64{}, back: map[ending]bool{}, failed: map[undecoded]bool{}}
	},
}

type told struct {
	reporter
	*book
	heard  map[hearing]*account
	ended  map[ending]bool    // incarnations that ended in order
	turns  map[hearing]uint64 // the incarnation that a node is subscribed to
	back   map[ending]bool    // incarnations that took turns: false for those of the first turn
	failed map[undecoded]bool // datums in whose place the application got an error
}

// hearing names what one consumer, as its application calls it, hears of one producer.
type hearing struct {
	life     int
	stream   ident.StreamID
	consumer uint64
	producer ident.PeerID
}

// ending names an incarnation of a producer, as one node sees it.
type ending struct {
	life        int
	stream      ident.StreamID
	producer    ident.PeerID
	incarnation uint64
}

// undecoded names a datum that the codec of a node refused.
type undecoded struct {
	ending
	seq uint64
}

// account is how far an application is.
type account struct {
	incarnation uint64
	next        uint64 // everything below was received, or told to be missing
	told        bool   // that an unknown number may be missing from next on
}

func (c *told) Event(r *event.Record) {
	switch r.Kind {
	case event.Subscribed:
		c.turn(r)
		return
	case event.Unsubscribed:
		if c.receiver.up && r.Reason == wire.GracefulShutdown {
			c.ended[ending{c.life.id, r.Stream, r.Peer, c.receiver.incarnation}] = true
		}
		return
	case event.DecodeFailed:
		c.failed[undecoded{ending{c.life.id, r.Stream, r.Peer, r.Incarnation}, r.From}] = true
		return
	}
	key := hearing{c.life.id, r.Stream, r.Sub, r.Peer}
	a := c.heard[key]
	first := a == nil
	if first {
		a = &account{incarnation: r.Incarnation, next: r.From}
		c.heard[key] = a
	}
	unknown := r.Kind == event.AppMissed && r.Text == GapUnknown
	switch {
	case first && c.nodes[r.Peer] == honest:
		c.begins(r)
	case first:
	case r.Incarnation != a.incarnation:
		if !unknown && !a.told && c.nodes[r.Peer] == honest {
			c.follows(r, a)
		}
		a.incarnation, a.next = r.Incarnation, 1
		if unknown && r.From > 0 {
			a.next = r.From // what came of it before is unknown too, if this one is gone as well
		}
	case unknown && r.From < a.next && c.back[ending{c.life.id, r.Stream, r.Peer, r.Incarnation}]:
		a.next = 1 // nothing came of the one between
	}
	a.told = unknown && r.N == 0
	for c.failed[undecoded{ending{c.life.id, r.Stream, r.Peer, r.Incarnation}, a.next}] {
		a.next++
	}
	to := r.From
	if r.Kind == event.AppMissed {
		to = r.To
		c.counts(r)
	}
	again := r.From < a.next && r.Kind == event.AppReceived // endToEnd judges that
	if r.From != a.next && !again && !c.picky(key) {
		c.fail(r, "%s, expected from %d on", r.Event, a.next)
	}
	a.next = max(a.next, to+1)
}

// begins judges the first that an application hears of a producer: it is what that gave to its
// node first, or a gap that begins there, though the node may not have heard of its admission.
func (c *told) begins(r *event.Record) {
	p := c.producers[producerKey{r.Peer, r.Stream, r.Incarnation}]
	if p == nil || c.shared || c.life.consumersOf(r.Stream).shared {
		return
	}
	asked := int64(math.MaxInt64)
	for _, v := range c.life.receivers {
		if v.key.peer == r.Peer && v.key.stream == r.Stream {
			asked = min(asked, v.asked)
		}
	}
	for _, s := range p.subs {
		if s != nil && s.peer == r.Node && s.at >= asked && s.enqueued > 0 && s.criteria == "" && s.from < r.From && !s.reader.several {
			c.fail(r, "%s is the first, and %s was given datums from %d on", r.Event, r.Host, s.from)
			return
		}
	}
}

// follows judges an incarnation that follows another one without a word.
func (c *told) follows(r *event.Record, a *account) {
	if !c.ended[ending{c.life.id, r.Stream, r.Peer, a.incarnation}] {
		c.fail(r, "%s, and incarnation %d before did not end in order, of which the application was not told", r.Event, a.incarnation)
		return
	}
	before, now := c.producers[producerKey{r.Peer, r.Stream, a.incarnation}], c.producers[producerKey{r.Peer, r.Stream, r.Incarnation}]
	if before == nil || now == nil || before.life != now.life {
		return
	}
	between := false
	for _, p := range now.life.producers {
		switch {
		case p == before:
			between = true
		case p == now:
			return
		case between && p.key.stream == r.Stream && p.highest > 0 && !c.ended[ending{c.life.id, r.Stream, r.Peer, p.key.incarnation}]:
			c.fail(r, "%s, and incarnation %d between sent %d, of which the application was not told", r.Event, p.key.incarnation, p.highest)
			return
		}
	}
}

// turn notes which incarnation a node is subscribed to: where several nodes share an
// identity, one of them may come back after the others.
func (c *told) turn(r *event.Record) {
	key, now := hearing{c.life.id, r.Stream, 0, r.Peer}, ending{c.life.id, r.Stream, r.Peer, r.Incarnation}
	if last, known := c.turns[key]; known && last == r.Incarnation {
		return
	}
	_, c.back[now] = c.back[now]
	c.turns[key] = r.Incarnation
}

// counts judges the number that a gap says.
func (c *told) counts(r *event.Record) {
	width := r.To - r.From + 1
	switch {
	case r.Text == GapUnknown && r.N == 0 && width == 0:
	case r.N < 1 || uint64(r.N) > width:
		c.fail(r, "%s does not count: a range of %d", r.Event, width)
	case r.Text == "" && uint64(r.N) != width && !c.picky(hearing{c.life.id, r.Stream, r.Sub, r.Peer}):
		c.fail(r, "%s does not count: a range of %d, without criteria", r.Event, width)
	}
}

// picky reports whether a consumer may have criteria: then numbers that do not match have
// no place in what it hears.
func (c *told) picky(key hearing) bool {
	for _, v := range c.life.receivers {
		if v.key.stream == key.stream && (v.picky || v.blurred) {
			return true
		}
	}
	return false
}

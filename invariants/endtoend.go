package invariants

import (
	"github.com/smalti/smalti/runtime/event"
)

// endToEndRule judges what applications saw, whatever the nodes say.
var endToEndRule = rule{
	Info:  Info{"end-to-end", Safety, "every datum that an application receives was sent once, with the same checksum, and comes to each consumer once and in order"},
	kinds: []event.Kind{event.AppSent, event.AppReceived},
	make: func(p reporter, b *book, _ Options) Checker {
		return &endToEnd{reporter: p, book: b, readers: map[readerKey]*appReader{}}
	},
}

type endToEnd struct {
	reporter
	*book
	readers map[readerKey]*appReader
}

// readerKey names what a consumer, as its application calls it, gets from one source.
type readerKey struct {
	source *source
	life   int
	sub    uint64
}

// appReader is how far it is.
type appReader struct {
	readerKey
	last uint64 // the number of the last datum
}

func (c *endToEnd) Event(r *event.Record) {
	if r.Kind == event.AppSent {
		c.sent(r)
	} else {
		c.received(r)
	}
}

func (c *endToEnd) sent(r *event.Record) {
	switch {
	case r.From == 0:
		c.fail(r, "%s: datums are numbered from 1", r.Event)
	case c.sourceOf(r.Node, r.Incarnation).about(r.From).reported:
		c.fail(r, "datum %d of incarnation %d was sent twice", r.From, r.Incarnation)
	}
}

func (c *endToEnd) received(r *event.Record) {
	s := c.sourceOf(r.Peer, r.Incarnation)
	if x := s.about(r.From); !x.reported || x.sum != r.N {
		c.unsent(x, r)
	}
	reader := c.reader(readerKey{s, c.life.id, r.Sub})
	if r.From <= reader.last {
		c.fail(r, "datum %d of %s incarnation %d came to consumer %d after %d", r.From, r.Peer.Short(), r.Incarnation, r.Sub, reader.last)
		return
	}
	reader.last = r.From
}

func (c *endToEnd) reader(key readerKey) *appReader {
	if x := c.life.reader; x != nil && x.readerKey == key {
		return x
	}
	x := c.readers[key]
	if x == nil {
		x = &appReader{readerKey: key}
		c.readers[key] = x
	}
	c.life.reader = x
	return x
}

// unsent judges a datum that nobody sent like this.
func (c *endToEnd) unsent(x sent, r *event.Record) {
	switch {
	case c.nodes[r.Peer] != honest || r.From > maxFollowed:
	case !x.reported:
		c.fail(r, "datum %d of %s incarnation %d was never sent", r.From, r.Peer.Short(), r.Incarnation)
	default:
		c.fail(r, "datum %d of %s incarnation %d has checksum %d, was sent with %d", r.From, r.Peer.Short(), r.Incarnation, r.N, x.sum)
	}
}

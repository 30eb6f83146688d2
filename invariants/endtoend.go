package invariants

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// endToEndRule judges what applications saw, whatever the nodes say.
var endToEndRule = rule{
	Info:  Info{"end-to-end", Safety, "every datum that an application receives was sent once, with the same checksum, and comes to each consumer once and in order"},
	kinds: []event.Kind{event.AppSent, event.AppReceived},
	make: func(p reporter, b *book, _ Options) Checker {
		return &endToEnd{reporter: p, book: b, sources: map[appKey]*appSource{}}
	},
}

// maxFollowed bounds the datums of one producer whose checksums are kept.
const maxFollowed = 1 << 20

type endToEnd struct {
	reporter
	*book
	sources map[appKey]*appSource
	last    *appSource
}

// appKey names a producer as its application does.
type appKey struct {
	peer        ident.PeerID
	incarnation uint64
}

type appSource struct {
	key   appKey
	sent  []checksum // by number - 1
	order map[appReader]uint64
}

type checksum struct {
	sum  int64
	sent bool
}

// appReader names a consumer as its application does.
type appReader struct {
	life int
	sub  uint64
}

func (c *endToEnd) Event(r event.Record) {
	if r.Kind == event.AppSent {
		c.sent(&r)
	} else {
		c.received(&r)
	}
}

func (c *endToEnd) source(key appKey) *appSource {
	if c.last != nil && c.last.key == key {
		return c.last
	}
	s := c.sources[key]
	if s == nil {
		s = &appSource{key: key, order: map[appReader]uint64{}}
		c.sources[key] = s
	}
	c.last = s
	return s
}

func (c *endToEnd) sent(r *event.Record) {
	s := c.source(appKey{r.Node, r.Incarnation})
	i := r.From - 1
	if i >= maxFollowed {
		if r.From == 0 {
			c.fail(r, "%s: datums are numbered from 1", r.Event)
		}
		return
	}
	for uint64(len(s.sent)) <= i {
		s.sent = append(s.sent, checksum{})
	}
	if s.sent[i].sent {
		c.fail(r, "datum %d of incarnation %d was sent twice", r.From, r.Incarnation)
	}
	s.sent[i] = checksum{r.N, true}
}

func (c *endToEnd) received(r *event.Record) {
	s := c.source(appKey{r.Peer, r.Incarnation})
	if i := r.From - 1; i >= uint64(len(s.sent)) || s.sent[i] != (checksum{r.N, true}) {
		c.unsent(s, r)
	}
	reader := appReader{c.life.id, r.Sub}
	if last := s.order[reader]; r.From <= last {
		c.fail(r, "datum %d of %s incarnation %d came to consumer %d after %d", r.From, r.Peer.Short(), r.Incarnation, r.Sub, last)
		return
	}
	s.order[reader] = r.From
}

// unsent judges a datum that nobody sent like this.
func (c *endToEnd) unsent(s *appSource, r *event.Record) {
	switch i := r.From - 1; {
	case c.nodes[r.Peer] != honest || i >= maxFollowed && i != ^uint64(0):
	case i >= uint64(len(s.sent)) || !s.sent[i].sent:
		c.fail(r, "datum %d of %s incarnation %d was never sent", r.From, r.Peer.Short(), r.Incarnation)
	default:
		c.fail(r, "datum %d of %s incarnation %d has checksum %d, was sent with %d", r.From, r.Peer.Short(), r.Incarnation, r.N, s.sent[i].sum)
	}
}

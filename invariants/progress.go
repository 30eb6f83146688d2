package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// progressRule: a producer judges its consumers by what their applications take.
var progressRule = rule{
	Info: Info{"progress", Safety, "where nothing was wrong for a while, a producer knows within seconds how far the application of each consumer is"},
	kinds: []event.Kind{
		event.AppReceived, event.SubProgress, event.SubDraining, event.SubEnded, event.FaultBegan, event.HostCrashed,
	},
	after: true,
	make: func(p reporter, b *book, o Options) Checker {
		return &progress{reporter: p, book: b, within: int64(progressIn + progressTrips*o.Latency + progressTurns*o.Lag), open: map[*subscription]*untold{}}
	},
}

// progressIn is how long a report may take: the longest interval between two of them, and
// a second for the strands and the link. It is under way for progressTrips times the
// latency, since credit may have to come first, and a strategy may have it wait for
// progressTurns turns.
const (
	progressIn    = 2 * time.Second
	progressTrips = 6
	progressTurns = 20
)

type progress struct {
	reporter
	*book
	within int64
	open   map[*subscription]*untold
	order  []*subscription // the keys of open, in order of first mention
}

// untold is the first datum that an application took and that its producer does not know
// of yet.
type untold struct {
	host string // of the application
	seq  uint64
	at   int64 // At when it was taken
}

func (c *progress) Event(r *event.Record) {
	switch r.Kind {
	case event.FaultBegan, event.HostCrashed:
		clear(c.open)
		c.order = c.order[:0]
	case event.AppReceived:
		c.took(r)
	default:
		if s := c.sub; s != nil {
			if u := c.open[s]; u != nil && (s.draining || s.ended || s.consumed >= u.seq) {
				c.judge(s, u, r.At)
				delete(c.open, s)
			}
		}
	}
}

// took notes what an application received of a producer that reports here.
func (c *progress) took(r *event.Record) {
	p := c.producers[producerKey{r.Peer, r.Stream, r.Incarnation}]
	if since, well := c.well(); p == nil || p.life.over || !well || r.At < since || !c.host.brisk(r.At) || !p.life.host.brisk(r.At) {
		return
	}
	s := p.latest(r.Node)
	if s == nil || s.reader.several || s.draining || s.ended || s.consumed >= r.From || r.From < s.from {
		return
	}
	if u := c.open[s]; u != nil {
		c.judge(s, u, r.At)
		return
	}
	c.open[s] = &untold{host: r.Host, seq: r.From, at: r.At}
	c.order = append(c.order, s)
}

// latest returns the subscription of a peer that was accepted last, nil if there is none.
func (p *producer) latest(peer ident.PeerID) *subscription {
	for _, s := range slices.Backward(p.subs) {
		if s.peer == peer {
			return s
		}
	}
	return nil
}

// judge reports a datum that the producer did not hear of in time, once.
func (c *progress) judge(s *subscription, u *untold, at int64) {
	if at-u.at > c.within {
		c.failAt(time.Duration(u.at+c.within), u.host, "the application of %s took datum %d at %s, and the producer does not know: it was told up to %d", u.host, u.seq, time.Duration(u.at), s.consumed)
		u.at = at
	}
}

func (c *progress) settle(at time.Duration) {
	for _, s := range c.order {
		if u := c.open[s]; u != nil && !s.draining && !s.ended {
			c.judge(s, u, int64(at))
		}
	}
}

// Finish does nothing: nodes close before it.
func (c *progress) Finish(time.Duration) {}

package invariants

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// forgedRule: of an honest node only its own word is believed.
var forgedRule = rule{
	Info: Info{"no-forgery", Safety, "of an honest node nobody takes an entry that it did not publish, nor a departure that it did not say"},
	kinds: []event.Kind{
		event.NodeStopped, event.EntryPublished, event.PeerDiscovered, event.PeerUpdated, event.PeerHidden, event.PeerReturned, event.PeerDeparted,
	},
	make: func(p reporter, b *book, _ Options) Checker {
		return &forged{reporter: p, book: b, authors: map[ident.PeerID]*author{}}
	},
}

// forged judges by identities and not by lives: what a former life published is
// the node's own word for ever. Who publishes nothing here, as peers that were made up,
// is nobody's to judge.
type forged struct {
	reporter
	*book
	authors map[ident.PeerID]*author
}

// author is what one identity said of itself.
type author struct {
	versions map[version]struct{}
	runs     map[uint64]int // their started, and in which life
	life     *life          // the present one
	ended    *event.Record  // that it left in this life, as somebody took it
}

func (c *forged) Event(r *event.Record) {
	switch v := versionOf(r); {
	case r.Kind == event.EntryPublished:
		c.publish(r, v)
	case r.Kind == event.NodeStopped:
		if a := c.authors[r.Node]; a != nil {
			a.ended = nil // it did leave
		}
	case c.authors[r.Peer] == nil || c.nodes[r.Peer] != honest || v == (version{}):
		// a stranger's, a liar's, or an entry on trust
	case r.Kind == event.PeerDeparted && r.Reason != wire.IdleTimeout:
		c.depart(c.authors[r.Peer], r, v)
	default:
		if _, own := c.authors[r.Peer].versions[v]; !own {
			c.fail(r, "%s, which it never said", r.Event)
		}
	}
}

// publish takes what a node says of itself. Who leaves publishes nothing more.
func (c *forged) publish(r *event.Record, v version) {
	a := c.authors[r.Node]
	if a == nil {
		a = &author{versions: map[version]struct{}{}, runs: map[uint64]int{}}
		c.authors[r.Node] = a
	}
	if a.life != c.life {
		a.life, a.ended = c.life, nil
	}
	a.versions[v] = struct{}{}
	if _, old := a.runs[v.started]; !old {
		a.runs[v.started] = c.life.id
	}
	if a.ended != nil {
		c.fail(a.ended, "%s, which goes on and never said so", a.ended.Event)
		a.ended = nil
	}
}

// depart takes that somebody believes that a node left.
func (c *forged) depart(a *author, r *event.Record, v version) {
	id, own := a.runs[v.started]
	if !own {
		c.fail(r, "%s, which never began", r.Event)
	} else if id == a.life.id && !a.life.over && a.ended == nil {
		ended := *r
		a.ended = &ended
	}
}

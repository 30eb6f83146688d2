package invariants

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// singleRule: two exchanges at once would bring the same twice.
var singleRule = rule{
	Info:  Info{"single-flight", Safety, "a node has at most one exchange of catalogs that it asked for under way with each peer, and begins and ends each once"},
	kinds: []event.Kind{event.SyncStarted, event.SyncEnded},
	make: func(p reporter, b *book, _ Options) Checker {
		return &single{reporter: p, book: b, flying: map[flight]bool{}}
	},
}

type single struct {
	reporter
	*book
	flying map[flight]bool
}

type flight struct {
	life int
	peer ident.PeerID
}

func (c *single) Event(r *event.Record) {
	if c.life == nil || r.From != 0 {
		return // the peer asked for it
	}
	f := flight{c.life.id, r.Peer}
	if begins := r.Kind == event.SyncStarted; begins == c.flying[f] {
		c.fail(r, "%s, with another under way: %t", r.Event, c.flying[f])
	}
	if r.Kind == event.SyncStarted {
		c.flying[f] = true
	} else {
		delete(c.flying, f)
	}
}

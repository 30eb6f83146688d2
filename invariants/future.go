package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// futureRule: an entry that nobody could replace is not taken.
var futureRule = rule{
	Info:  Info{"no-future", Safety, "no node takes an entry of another that is further ahead of its clock than it allows"},
	kinds: []event.Kind{event.PeerDiscovered, event.PeerUpdated, event.PeerReturned},
	make:  func(p reporter, b *book, o Options) Checker { return &future{p, b, o.MaxDrift.Milliseconds()} },
}

type future struct {
	reporter
	*book
	most int64 // milliseconds
}

func (c *future) Event(r *event.Record) {
	if e := c.life.known[r.Peer]; r.Kind == event.PeerReturned && e != nil && e.version == versionOf(r) {
		return // it was taken before it was hidden, by what the clock said then
	}
	if ahead := int64(r.To) - r.Wall/int64(time.Millisecond); ahead > c.most {
		c.fail(r, "%s is %d ms ahead, at most %d are allowed", r.Event, ahead, c.most)
	}
}

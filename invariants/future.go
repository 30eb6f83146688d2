package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// futureRule: an entry that nobody could replace is not taken.
var futureRule = rule{
	Info:  Info{"no-future", Safety, "no node takes an entry of another that is further ahead of its clock than it allows"},
	kinds: []event.Kind{event.PeerDiscovered, event.PeerUpdated, event.PeerReturned},
	make:  func(p reporter, _ *book, o Options) Checker { return &future{p, o.MaxDrift.Milliseconds()} },
}

type future struct {
	reporter
	most int64 // milliseconds
}

func (c *future) Event(r *event.Record) {
	if ahead := int64(r.To) - r.Wall/int64(time.Millisecond); ahead > c.most {
		c.fail(r, "%s is %d ms ahead, at most %d are allowed", r.Event, ahead, c.most)
	}
}

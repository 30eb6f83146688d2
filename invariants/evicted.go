package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/sim/fault"
)

// evictedRule: liars alone remove nobody.
var evictedRule = rule{
	Info: Info{"no-eviction", Safety, "no honest node hides another that runs, while nothing is wrong but liars and was not in the last minute"},
	kinds: []event.Kind{
		event.NodeStarted, event.NodeStopped, event.HostCrashed, event.HostRestarted, event.ClockStepped, event.FaultBegan, event.FaultEnded, event.PeerHidden,
	},
	make: func(p reporter, b *book, _ Options) Checker {
		return &evicted{reporter: p, book: b, runs: map[ident.PeerID]bool{}, calm: -int64(noticeMax)}
	},
}

// evicted promises nothing while anything besides is wrong anywhere: a refutation may
// have to go round a host that is down, and whoever is cut off is rightly suspected.
type evicted struct {
	reporter
	*book
	runs   map[ident.PeerID]bool
	faults int   // under way that are no lies
	calm   int64 // At of the end of the last one
	over   bool
}

func (c *evicted) Event(r *event.Record) {
	switch r.Kind {
	case event.NodeStarted:
		c.runs[r.Node] = true
	case event.NodeStopped:
		delete(c.runs, r.Node)
	case event.HostCrashed, event.HostRestarted:
		delete(c.runs, c.hostOf(r.Text).node)
		c.calm = r.At
	case event.ClockStepped:
		c.calm = r.At
	case event.FaultBegan:
		c.fault(r, 1)
	case event.FaultEnded:
		c.fault(r, -1)
	default:
		quiet := c.faults == 0 && time.Duration(r.At-c.calm) >= noticeMax
		if quiet && !c.over && c.runs[r.Peer] && c.nodes[r.Peer] == honest {
			c.fail(r, "%s, which runs and can be reached", r.Event)
		}
	}
}

// fault counts what is wrong. A lie is not, however it ends.
func (c *evicted) fault(r *event.Record, by int) {
	f, err := fault.Parse(r.Text)
	if _, lie := f.(fault.Attacker); err == nil && lie {
		return
	}
	c.faults += by
	c.calm = r.At
}

// settle: from here on nodes are closed.
func (c *evicted) settle(time.Duration) { c.over = true }

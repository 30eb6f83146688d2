package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// spreadRule: news is told at once, not only when catalogs are compared.
var spreadRule = rule{
	Info: Info{"news-spreads", Safety, "where nothing was wrong for a while, every expected node that knows another hears within seconds of its new entry, and of its end if it leaves"},
	kinds: []event.Kind{
		event.EntryPublished, event.NodeClosing, event.NodeStopped, event.FaultBegan, event.HostCrashed, event.HostRestarted,
		event.PeerUpdated, event.PeerDeparted, event.SyncStarted, event.SyncEnded,
	},
	make: func(p reporter, b *book, o Options) Checker {
		return &spread{reporter: p, book: b, names: o.ExpectPeers, within: int64(spreadIn + spreadTrips*o.Latency + spreadTurns*o.Lag)}
	},
}

// spreadIn is how long news takes at most: some hops, at each of which it may wait for
// the next round, for its name and for what was named and is not told, and be late on
// purpose. It is under way for spreadTrips times the latency, for what is named is asked for
// first, and a strategy may have it wait for spreadTurns turns.
const (
	spreadIn    = 2 * time.Second
	spreadTrips = 10
	spreadTurns = 20
)

type spread struct {
	reporter
	*book
	names   []string
	within  int64
	open    []tiding // in order of time
	leaving []tiding // of nodes that are closing, not under way yet
}

// tiding is news that is on its way.
type tiding struct {
	at      int64
	about   *life
	version version
	left    bool
	hearers []*life
}

func (c *spread) Event(r *event.Record) {
	c.due(r.At)
	switch r.Kind {
	case event.FaultBegan, event.HostCrashed, event.HostRestarted:
		c.open, c.leaving = nil, nil
	case event.EntryPublished:
		if t, told := c.tell(r, versionOf(r)); told {
			c.open = append(c.open, t)
		}
	case event.NodeClosing:
		if t, told := c.tell(r, c.life.newest()); told {
			t.left = true
			c.leaving = append(c.leaving, t)
		}
	case event.NodeStopped:
		c.leaving = slices.DeleteFunc(c.leaving, func(t tiding) bool {
			if t.about == c.life {
				t.at = r.At
				c.open = append(c.open, t)
			}
			return t.about == c.life
		})
	}
}

// tell gives the news of r, and who is to hear it.
func (c *spread) tell(r *event.Record, v version) (t tiding, told bool) {
	if since, well := c.well(); !well || r.At < since || !c.joined(c.life, r.At) || c.deceived(c.life) || !slices.Contains(c.names, r.Host) {
		return tiding{}, false
	}
	t = tiding{at: r.At, about: c.life, version: v}
	for _, name := range c.names {
		l := c.living(name)
		if l == nil || l == c.life || l.closes != 0 {
			continue
		}
		if c.deceived(l) {
			return tiding{}, false
		}
		if e := l.known[r.Node]; e != nil && e.present && r.At-e.since >= int64(healing) && c.joined(l, r.At) && l.host.stepped <= max(e.since, e.changed) && e.version == c.life.newest() {
			t.hearers = append(t.hearers, l)
		}
	}
	return t, true
}

// due judges what should have been heard before the moment at.
func (c *spread) due(at int64) {
	for len(c.open) > 0 && at-c.open[0].at > c.within {
		t := c.open[0]
		c.open = c.open[1:]
		for _, l := range t.hearers {
			if l.over || l.closes != 0 && l.closes <= t.at+c.within {
				continue
			}
			e := l.known[t.about.node]
			when := time.Duration(t.at + c.within)
			switch {
			case t.left && e.present:
				c.failAt(when, l.host.name, "%s still has %s, which left at %s", l.host.name, t.about.host.name, time.Duration(t.at))
			case !t.left && e.present && !l.heard(t.about.node, t.version):
				c.failAt(when, l.host.name, "%s knows %s as %v, which published %v at %s", l.host.name, t.about.host.name, e.version, t.version, time.Duration(t.at))
			}
		}
	}
}

// Finish judges what is left.
func (c *spread) Finish(at time.Duration) { c.due(int64(at)) }

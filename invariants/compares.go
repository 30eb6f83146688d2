package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// comparesRule: what was not told is found.
var comparesRule = rule{
	Info:  Info{"compares", Safety, "where nothing was wrong for a while, every expected node that knows another compares catalogs with somebody again and again"},
	kinds: []event.Kind{event.SyncStarted},
	make: func(p reporter, b *book, o Options) Checker {
		return &compares{reporter: p, book: b, names: o.ExpectPeers, interval: o.SyncInterval, within: int64(3*o.SyncInterval + comparesGrace + spreadTurns*o.Lag), last: map[*life]int64{}}
	},
}

// comparesGrace is for the link to open, after two intervals, each drawn up to one and a
// half of the mean: at the end of the first the other side may be busy.
const comparesGrace = time.Second

type compares struct {
	reporter
	*book
	names    []string
	interval time.Duration
	within   int64
	last     map[*life]int64 // At of the last comparison
}

func (c *compares) Event(r *event.Record) {
	if slices.Contains(c.names, r.Host) {
		c.judge(c.life, r.At)
	}
	c.last[c.life] = r.At
}

func (c *compares) judge(l *life, at int64) {
	since, well := c.well()
	if c.interval == 0 || !well || c.deceived(l) {
		return
	}
	company := false // that it has for long enough
	//lint:ordered whether there is some
	for _, e := range l.known {
		company = company || e.present && e.since <= since
	}
	since = max(since, c.last[l])
	if company && at-since > c.within {
		c.failAt(time.Duration(at), l.host.name, "%s compared catalogs with nobody for %s", l.host.name, time.Duration(at-since))
	}
}

func (c *compares) settle(at time.Duration) {
	for _, name := range c.names {
		if l := c.living(name); l != nil && l.closes == 0 {
			c.judge(l, int64(at))
		}
	}
}

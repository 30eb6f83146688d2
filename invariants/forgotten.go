package invariants

import (
	"maps"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// forgottenRule: who is gone is gone everywhere.
var forgottenRule = rule{
	Info: Info{"gone-is-gone", Liveness, "a bound after the last fault no expected node's catalog has held for a minute a node that has not run for a minute"},
	kinds: []event.Kind{
		event.NodeStarted, event.NodeStopped, event.HostCrashed, event.HostRestarted,
	},
	make: func(p reporter, b *book, o Options) Checker { return &forgotten{p, b, o.ExpectPeers, o.Catalogs} },
}

// noticeMax is what it may take until everybody knows that a node is gone: an idle
// time-out of 15 s, two dials of 5, the time for a refutation, and a good while for
// those who have to look for themselves.
const noticeMax = time.Minute

type forgotten struct {
	reporter
	*book
	names []string
	bound time.Duration // since the faults ended
}

// Event has nothing to judge before the end.
func (c *forgotten) Event(*event.Record) {}

func (c *forgotten) settle(at time.Duration) {
	if c.quiesced < 0 || at <= time.Duration(c.quiesced)+c.bound {
		return
	}
	c.held(at-noticeMax, func(observer string, h *host) {
		c.failAt(at, observer, "%s still has %s, which is gone since %s", observer, h.name, time.Duration(h.gone))
	})
}

// recovered tells whether nobody has who is gone.
func (c *forgotten) recovered(at time.Duration) bool {
	found := false
	c.held(at, func(string, *host) { found = true })
	return !found
}

// held calls f for who has a host that is gone, both since before the moment by.
func (c *forgotten) held(by time.Duration, f func(observer string, h *host)) {
	for _, name := range slices.Sorted(maps.Keys(c.hosts)) {
		h := c.hosts[name]
		if h.liar || c.nodes[h.node] == liar || h.gone < 0 || time.Duration(h.gone) > by || c.elsewhere(h) {
			continue
		}
		for _, observer := range c.names {
			l := c.living(observer) // if it is down catalogs-agree says so
			if l == nil || observer == name {
				continue
			}
			if e := l.known[h.node]; e != nil && e.present && time.Duration(e.since) <= by {
				f(observer, h)
			}
		}
	}
}

// elsewhere tells whether the node of a host runs on another, which has its key.
func (c *forgotten) elsewhere(h *host) bool {
	for _, other := range c.hosts {
		if other != h && other.node == h.node && other.gone < 0 {
			return true
		}
	}
	return false
}

package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// catalogsRule: once faults end, everybody knows everybody.
var catalogsRule = rule{
	Info: Info{"catalogs-agree", Liveness, "within a bound after the last fault every expected node knows every other, and keeps knowing it with its newest entry"},
	kinds: []event.Kind{
		event.PeerDiscovered, event.PeerUpdated, event.PeerDeparted, event.PeerHidden, event.PeerReturned, event.HostCrashed,
	},
	make: func(p reporter, b *book, o Options) Checker {
		return &catalogs{reporter: p, book: b, names: o.ExpectPeers, bound: int64(o.Catalogs)}
	},
}

type catalogs struct {
	reporter
	*book
	names  []string
	bound  int64
	judged bool // the deadline has passed
	over   bool
}

func (c *catalogs) Event(r *event.Record) {
	if c.over {
		return
	}
	c.deadline(r.At)
	if c.judged && (r.Kind == event.PeerDeparted || r.Kind == event.PeerHidden) && c.expects(r.Host) {
		for _, name := range c.names {
			if l := c.living(name); l != nil && l.node == r.Peer {
				c.fail(r, "%s forgot %s, which is up", r.Host, name)
			}
		}
	}
}

func (c *catalogs) expects(name string) bool {
	return slices.Contains(c.names, name)
}

// deadline judges, once, who knows whom when the bound had passed.
func (c *catalogs) deadline(at int64) {
	if c.judged || c.quiesced < 0 || at <= c.quiesced+c.bound {
		return
	}
	c.judged = true
	c.each(func(observer, subject *life) {
		if e := observer.known[subject.node]; e == nil || !e.present {
			c.failAt(time.Duration(c.quiesced+c.bound), observer.host.name, "%s does not know %s %s after the faults ended",
				observer.host.name, subject.host.name, time.Duration(c.bound))
		}
	})
}

// spreadMax is how long news may be under way in a network that is well.
const spreadMax = 5 * time.Second

// recovered tells whether all know all, by entries that are not old.
func (c *catalogs) recovered(at time.Duration) bool {
	for _, a := range c.names {
		observer := c.living(a)
		if observer == nil {
			return false
		}
		for _, b := range c.names {
			subject := c.living(b)
			if a == b || subject == nil {
				continue
			}
			e := observer.known[subject.node]
			want, found := subject.publishedBy(int64(at - spreadMax))
			if e == nil || !e.present || e.since > int64(at-blink) || found && e.version.compare(want.version) < 0 {
				return false
			}
		}
	}
	return true
}

// each calls f for each ordered pair of expected hosts that are both up, and
// reports those that are down.
func (c *catalogs) each(f func(observer, subject *life)) {
	for _, a := range c.names {
		observer := c.living(a)
		if observer == nil {
			c.failAt(time.Duration(c.quiesced+c.bound), a, "%s is down", a)
			continue
		}
		for _, b := range c.names {
			if subject := c.living(b); b != a && subject != nil {
				f(observer, subject)
			}
		}
	}
}

func (c *catalogs) settle(at time.Duration) {
	c.deadline(int64(at))
	c.over = true
	if !c.judged {
		return
	}
	c.each(func(observer, subject *life) {
		want, found := subject.publishedBy(int64(at) - c.bound)
		e := observer.known[subject.node]
		if found && e != nil && e.present && e.version.compare(want.version) < 0 {
			c.failAt(at, observer.host.name, "%s knows %s as %v, which published %v at %s",
				observer.host.name, subject.host.name, e.version, want.version, time.Duration(want.at))
		}
	})
}

// publishedBy gives the newest own entry of a life that is not younger than at.
func (l *life) publishedBy(at int64) (newest publication, found bool) {
	for _, p := range l.published {
		if p.at <= at {
			newest, found = p, true
		}
	}
	return newest, found
}

package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
)

// luredRule: nobody can aim a network at an address.
var luredRule = rule{
	Info:  Info{"no-lure", Safety, "an honest host is dialled for others than itself at most so often, whoever names its address"},
	kinds: []event.Kind{event.Dialling},
	make: func(p reporter, b *book, o Options) Checker {
		return &lured{reporter: p, book: b, homes: o.Addrs, strays: map[string]*runtime.GCRA{}}
	},
}

// What one address must bear of all nodes together, for others than who lives there: two
// dials a second, twice what they make to find lost peers, and at once as many as each of
// them makes in a life until it shuns the address: some for each peer that it does not
// find there.
const (
	strayEvery = time.Second / 2
	strayEach  = 4 * runtime.ShunAfter
)

type lured struct {
	reporter
	*book
	homes  map[string]string // hosts by address
	strays map[string]*runtime.GCRA
}

func (c *lured) Event(r *event.Record) {
	name, ok := c.homes[r.Text]
	if !ok {
		return
	}
	home := c.hosts[name]
	if home == nil || home.liar || home.node.IsZero() || home.node == r.Peer {
		return
	}
	g := c.strays[r.Text]
	if g == nil {
		g = &runtime.GCRA{}
		c.strays[r.Text] = g
	}
	if burst := strayEach * c.lives; !g.Allow(time.Duration(r.At), strayEvery, burst) {
		c.fail(r, "%s, where %s lives, which is dialled for others more often than %d times and once in %s", r.Event, name, burst, strayEvery)
	}
}

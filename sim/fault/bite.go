package fault

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// way is one direction between two hosts.
type way struct{ from, to string }

// ways lists both directions between the hosts of two sets.
func ways(a, b []string) (list []way) {
	each(a, b, func(x, y string) { list = append(list, way{x, y}, way{y, x}) })
	return list
}

// bite is the part of a fault on ways that finds out whether it bit: classes that do the
// same to the network have marks of their own.
type bite struct {
	ways   []way
	before uint64
}

func (b *bite) open(w *sim.World, ways []way) {
	b.ways = ways
	b.before = b.count(w)
}

// close reports the mark if something was stopped since open.
func (b *bite) close(w *sim.World, mark string) {
	if b.count(w) > b.before {
		w.Report(&event.Event{Kind: event.Mark, Text: mark})
	}
}

func (b *bite) count(w *sim.World) (n uint64) {
	for _, x := range b.ways {
		n += w.Net.Bitten(x.from, x.to)
	}
	return n
}

// block and unblock do so to each of the ways.
func (b *bite) block(w *sim.World) {
	for _, x := range b.ways {
		w.Net.Block(x.from, x.to)
	}
}

func (b *bite) unblock(w *sim.World) {
	for _, x := range b.ways {
		w.Net.Unblock(x.from, x.to)
	}
}

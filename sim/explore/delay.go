package explore

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

// delay is delay-bounded scheduling (Emmi, Qadeer and Rakamaric,
// "Delay-Bounded Scheduling", POPL 2011): a deterministic order, here first come,
// first served, from which a run departs a bounded number of times. A departure
// delays the one that is next until all that have work at that moment had a turn.
type delay struct {
	random *runtime.Rand
	count  int   // choices of this stretch so far
	at     []int // places of the delays in the stretch
	held   []held
}

// held is a strand that was delayed, and how many turns others may have first.
type held struct {
	strand uint32
	left   int
}

func newDelay(random *runtime.Rand, n int) *delay {
	return &delay{random: random, at: make([]int, n)}
}

func (d *delay) Next(_ time.Duration, turns []sim.Turn) (sim.Turn, time.Duration) {
	if len(turns) == 1 {
		return turns[0], 0 // there is nothing to choose
	}
	if d.count == 0 {
		places(d.random, d.at)
	}
	next := d.first(turns)
	if slices.Contains(d.at, d.count) {
		d.held = append(d.held, held{next.Strand, len(turns) - 1})
		next = d.first(turns)
	}
	d.count = (d.count + 1) % stretch
	for i := range d.held {
		d.held[i].left--
	}
	d.held = slices.DeleteFunc(d.held, func(h held) bool { return h.left <= 0 || h.strand == next.Strand })
	return next, 0
}

// first gives the first one that is not delayed, or the first if all are.
func (d *delay) first(turns []sim.Turn) sim.Turn {
	for _, t := range turns {
		if !slices.ContainsFunc(d.held, func(h held) bool { return h.strand == t.Strand }) {
			return t
		}
	}
	return turns[0]
}

package explore

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

// pct is the scheduler of Burckhardt, Kothari, Musuvathi and Nagarakatte, "A
// Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS
// 2010: strands have priorities, drawn at random, and the highest is next. At
// depth-1 places of a stretch the strand whose turn it would be falls below all
// others. A bug that needs depth orderings among n strands in k steps is then
// met with a chance of at least 1/(n*k^(depth-1)).
type pct struct {
	random  *runtime.Rand
	key     uint64 // of the priorities
	count   int    // choices of this stretch so far
	changes []int  // places in the stretch
	fallen  []uint32
}

func newPCT(random *runtime.Rand, depth int) *pct {
	return &pct{random: random, changes: make([]int, depth-1), fallen: make([]uint32, 0, depth-1)}
}

func (p *pct) Next(_ time.Duration, turns []sim.Turn) (sim.Turn, time.Duration) {
	if len(turns) == 1 {
		return turns[0], 0 // there is nothing to choose
	}
	if p.count == 0 {
		p.key, p.fallen = p.random.Uint64(), p.fallen[:0]
		places(p.random, p.changes)
	}
	next := p.highest(turns)
	if slices.Contains(p.changes, p.count) && !slices.Contains(p.fallen, next.Strand) {
		p.fallen = append(p.fallen, next.Strand)
		next = p.highest(turns)
	}
	p.count = (p.count + 1) % stretch
	return next, 0
}

func (p *pct) highest(turns []sim.Turn) (next sim.Turn) {
	top := uint64(0)
	for i, t := range turns {
		if x := p.priority(t.Strand); i == 0 || x > top {
			next, top = t, x
		}
	}
	return next
}

// priority is a draw by number, which needs no memory for strands (the mixing
// of SplitMix64: Steele, Lea and Flood, 2014); whoever fell has less, and the
// less the later.
func (p *pct) priority(strand uint32) uint64 {
	if i := slices.Index(p.fallen, strand); i >= 0 {
		return uint64(len(p.fallen) - i)
	}
	x := p.key + uint64(strand)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31 | 1<<32
}

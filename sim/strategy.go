package sim

import (
	"slices"
	"time"
)

// Strategy decides whose turn it is, in place of the kernel's fair draw: it
// explores orders that a fair draw seldom gives. It must be a function of what
// it is told and of the random stream that it was made with. Package explore
// has some.
type Strategy interface {
	// Next gives one of turns, which are at least one and in the order in which
	// they came up. With a wait above 0, a timer that is due within it goes first:
	// time moves on to it, although there is work, and Next is asked again. The
	// slice is the kernel's.
	Next(now time.Duration, turns []Turn) (next Turn, wait time.Duration)
}

// Turn is one of the strands that could run next.
type Turn struct {
	Strand uint32        // its number, in the order in which strands were made
	Since  time.Duration // since when it has had work, in virtual time
	place  int           // in kernel.ready
}

// choose takes the strand out of ready whose turn it is by the strategy, and
// keeps the others in order. It gives nil when time moved on instead, which it
// does to no later than limit.
func (k *kernel) choose(limit int64) *strand {
	k.turns = k.turns[:0]
	for i, s := range k.ready {
		k.turns = append(k.turns, Turn{Strand: s.id, Since: time.Duration(s.since), place: i})
	}
	next, wait := k.strategy.Next(time.Duration(k.now), k.turns)
	if wait > 0 && len(k.timers) > 0 && k.timers[0].key <= min(limit, k.now+int64(wait)) {
		k.advance(limit)
		return nil
	}
	s := k.ready[next.place]
	k.ready = slices.Delete(k.ready, next.place, next.place+1)
	return s
}

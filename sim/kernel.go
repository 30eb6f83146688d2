package sim

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/smalti/smalti/internal/wall"
	"github.com/smalti/smalti/runtime"
)

// Guards of the kernel. livelockSteps is far above what any instant of a
// correct world needs.
const (
	livelockSteps = 1_000_000
	tickMask      = 1<<10 - 1 // the watchdog is told every 1,024 steps, unless somebody looks after each
)

// seqBits is how much of a timer's order its number takes: a million million
// timers a run. The tie has the rest.
const seqBits = 40

// kernel runs posted functions, one a step. Strands with work stand in ready,
// in no particular order; each step draws one of them and runs the oldest
// function of its inbox. When none is left, time moves to the next timer. With
// a strategy, ready is in the order in which strands got work, and the strategy
// takes the place of the draw.
type kernel struct {
	now    int64 // nanoseconds since the world began
	ready  []*strand
	timers timerHeap
	order  *runtime.Rand // draws among what could run now
	turns  []Turn        // room for what a strategy is told
	ties   uint64        // starts the draws among timers of one instant
	parked []*task       // parked tasks whose context can end

	strategy Strategy   // nil: a fair draw
	trace    func(Step) // told of every step, if not nil

	hang    time.Duration // of real time that a step may take; 0: for ever
	steps   uint64
	instant uint64 // steps since time moved
	hash    digest

	strands uint32 // made so far
	seq     uint64 // timers armed so far
	current *task
	failure *Failure
}

func newKernel(seed runtime.Seed) *kernel {
	order := runtime.NewRand(seed.Derive("schedule"))
	return &kernel{order: order, ties: order.Uint64(), hash: newDigest()}
}

// run makes steps until time would pass limit, done says so, the step budget is
// used up, or something failed.
func (k *kernel) run(limit int64, budget uint64, done func() bool) (err error) {
	dog := new(wall.Watchdog)
	if k.hang > 0 {
		dog = wall.Watch(k.hang, func() string {
			return fmt.Sprintf("sim: a step blocks outside the contract: no step ended for %s of real time; for a debugger that this does not notice, switch the guard off (HangLimit, --hang-limit, -smalti.hang-limit)", k.hang)
		})
		defer dog.Stop()
	}
	defer func() {
		if v := recover(); v != nil {
			k.fail("panic", fmt.Sprintf("%v\n%s", v, debug.Stack()))
		}
		if k.failure != nil {
			err = k.failure
		}
	}()
	for k.failure == nil && (done == nil || !done()) {
		if len(k.ready) == 0 {
			if !k.advance(limit) {
				return nil
			}
			continue
		}
		if k.steps >= budget {
			return ErrBudget
		}
		s := (*strand)(nil)
		if k.strategy == nil {
			s = k.draw()
		} else if s = k.choose(limit); s == nil {
			continue
		}
		k.step(s)
		if done != nil || k.steps&tickMask == 0 { // looking whether it is done takes longer than a step
			dog.Tick()
		}
	}
	return nil
}

// draw takes one strand out of ready, each with the same chance.
func (k *kernel) draw() *strand {
	i := 0
	if n := len(k.ready); n > 1 {
		i = k.order.IntN(n)
	}
	s := k.ready[i]
	last := len(k.ready) - 1
	k.ready[i] = k.ready[last]
	k.ready[last] = nil
	k.ready = k.ready[:last]
	return s
}

// step runs the oldest posted function of s, which was taken out of ready.
func (k *kernel) step(s *strand) {
	k.steps++
	if k.instant++; k.instant > livelockSteps {
		k.fail("livelock", fmt.Sprintf("%d steps without time moving; the last ran on %s", livelockSteps, s.label()))
		return
	}
	k.hash.step(k.now, s.id, k.steps)
	if k.trace != nil {
		k.tell(s)
	}
	f := s.take()
	if len(s.inbox) > s.head {
		s.enqueue()
	} else {
		s.ready = false
	}
	f()
	if len(k.parked) > 0 {
		k.pollContexts()
	}
}

// advance moves time to the next timer and posts all that are due at it. It
// tells false when there is none up to limit.
func (k *kernel) advance(limit int64) bool {
	if len(k.timers) == 0 || k.timers[0].key > limit {
		k.now = max(k.now, min(limit, farFuture))
		return false
	}
	if due := k.timers[0].key; due > k.now {
		k.now, k.instant = due, 0
	}
	for len(k.timers) > 0 && k.timers[0].key <= k.now {
		t := k.timers[0].timer
		k.timers.remove(t)
		if t.when > k.now {
			k.arm(t) // it was pushed back while it stood in the heap
			continue
		}
		t.due()
	}
	return true
}

// arm puts t into the heap at its time, with a fresh tie.
func (k *kernel) arm(t *timer) {
	k.seq++
	t.key, t.order = max(t.when, k.now), k.tie(k.seq)<<seqBits|k.seq
	k.timers.push(t)
}

// tie orders timers of one instant at random: a draw by number from the seed's
// own function (SplitMix64: Steele, Lea and Flood, 2014), which costs less than
// the next one of a stream.
func (k *kernel) tie(n uint64) uint64 {
	x := k.ties + n*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// farFuture keeps an endless Run from moving time to where sums overflow.
const farFuture = int64(1) << 61

func (k *kernel) fail(kind, detail string) {
	if k.failure == nil {
		k.failure = &Failure{Kind: kind, Detail: detail, At: time.Duration(k.now)}
	}
}

// pollContexts resumes the parked tasks whose context has ended.
func (k *kernel) pollContexts() {
	for i := 0; i < len(k.parked); {
		t := k.parked[i]
		if t.ctx.Err() == nil {
			i++
			continue
		}
		t.unpark() // takes the last one's place at i
	}
}

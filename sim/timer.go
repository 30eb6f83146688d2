package sim

import (
	"time"

	"github.com/smalti/smalti/runtime"
)

// timer is a pending call on a strand. It stands in the heap at key, which may
// be earlier than when: pushing a timer back costs nothing until it fires.
type timer struct {
	strand *strand
	f      func()
	run    func() // fire, bound once
	when   int64
	atWall bool  // it is one of At, for the wall time wall
	wall   int64 // Unix nanoseconds
	key    int64
	order  uint64 // among timers of one key: a drawn tie, then the order of arming
	index  int    // in the heap, -1 outside
	armed  bool
	posted bool // a firing that counts is in the strand's inbox
	stale  int  // firings in the inbox before it that do not count any more
}

var _ runtime.Timer = (*timer)(nil)

func (s *strand) newTimer(f func()) *timer {
	t := &timer{strand: s, f: f, index: -1}
	t.run = t.fire
	return t
}

// start arms t for a time of the kernel's.
func (t *timer) start(when int64) {
	k := t.strand.k
	t.when, t.armed = when, true
	switch {
	case t.index < 0:
		k.arm(t)
	case when < t.key:
		k.timers.remove(t)
		k.arm(t)
	}
}

// due posts the firing, unless the timer was stopped in place.
func (t *timer) due() {
	if t.armed && !t.strand.inc.dead {
		t.armed, t.posted = false, true
		t.strand.inc.forget(t)
		t.strand.Post(t.run)
	}
}

func (t *timer) fire() {
	if t.stale > 0 {
		t.stale--
		return
	}
	t.posted = false
	t.f()
}

// Stop implements runtime.Timer.
func (t *timer) Stop() {
	if t.posted {
		t.posted = false
		t.stale++
	}
	if t.armed {
		t.armed = false
		t.strand.inc.forget(t)
		if t.index >= 0 {
			t.strand.k.timers.remove(t)
		}
	}
}

// Reset implements runtime.Timer.
func (t *timer) Reset(d time.Duration) {
	if t.strand.inc.dead {
		return
	}
	if t.posted {
		t.posted = false
		t.stale++
	}
	t.strand.inc.forget(t)
	t.atWall = false
	t.start(t.strand.inc.after(d))
}

// timerHeap is a heap of four children a node, ordered by key and order: a total
// order. What is compared stands in the slots themselves, next to each other in
// memory; timers know their place.
type timerHeap []slot

type slot struct {
	key   int64
	order uint64
	timer *timer
}

func (a *slot) before(b *slot) bool {
	return a.key < b.key || a.key == b.key && a.order < b.order
}

func (h *timerHeap) push(t *timer) {
	*h = append(*h, slot{})
	h.up(len(*h)-1, slot{t.key, t.order, t})
}

func (h *timerHeap) remove(t *timer) {
	i, last := t.index, len(*h)-1
	moved := (*h)[last]
	(*h)[last] = slot{}
	*h = (*h)[:last]
	t.index = -1
	if i != last {
		h.up(h.sink(i), moved)
	}
}

func (h *timerHeap) up(i int, x slot) {
	s := *h
	for i > 0 {
		parent := (i - 1) / 4
		if !x.before(&s[parent]) {
			break
		}
		s[i] = s[parent]
		s[i].timer.index = i
		i = parent
	}
	s[i], x.timer.index = x, i
}

// sink moves the hole at i down to a leaf and gives its place: what fills it
// came from the end and belongs near there, so that comparing it on the way is
// in vain (Wegener, "Bottom-up heapsort", 1993).
func (h *timerHeap) sink(i int) int {
	s := *h
	for {
		first := 4*i + 1
		if first >= len(s) {
			return i
		}
		least := first
		for c := first + 1; c < min(first+4, len(s)); c++ {
			if s[c].before(&s[least]) {
				least = c
			}
		}
		s[i] = s[least]
		s[i].timer.index = i
		i = least
	}
}

// keep removes every timer that ok refuses and restores the order.
func (h *timerHeap) keep(ok func(*timer) bool) {
	old := *h
	*h = old[:0]
	for _, x := range old {
		if ok(x.timer) {
			*h = append(*h, x)
		} else {
			x.timer.index = -1
		}
	}
	clear(old[len(*h):])
	for i, x := range *h {
		h.up(i, x)
	}
}

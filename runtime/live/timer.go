package live

import (
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/smalti/smalti/runtime"
)

// timer is a timer of AfterFunc or At. A firing goes in two steps: the source
// or the poller posts run, and run calls f unless Stop or Reset came between.
// A hook sees only f, so that a recording holds the firings that counted.
type timer struct {
	clock  *Clock
	strand runtime.Strand
	f      func()
	expire func() // run, bound once

	isAt  bool      // made by At and not reset since; under mu
	wall  time.Time // of At; immutable while on the heap
	age   uint64    // breaks ties of wall; under clock.mu
	index int       // on clock.wall, -1: none; under clock.mu

	mu       sync.Mutex
	source   *clock.Timer  // nil until the first Reset
	deadline time.Duration // of Mono, while source is what was armed
	armed    bool          // will fire
	due      bool          // fired, f did not run yet
	posted   bool          // run is in the strand's inbox
}

func newTimer(c *Clock, s runtime.Strand, f func()) *timer {
	t := &timer{clock: c, strand: forTimer(s), f: f, index: -1}
	t.expire = t.run
	return t
}

func (t *timer) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed, t.due = false, false
	if t.source != nil {
		t.source.Stop()
	}
	if t.isAt {
		t.clock.forget(t)
	}
}

func (t *timer) Reset(d time.Duration) {
	d = max(0, d)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isAt {
		t.clock.forget(t)
	}
	t.armed, t.due, t.isAt = true, false, false
	t.deadline = t.clock.Mono() + d
	if t.source == nil {
		t.source = t.clock.source.AfterFunc(d, t.fire)
	} else {
		t.source.Reset(d)
	}
}

// fire is called by the source. A call that was on its way when Reset came is
// too early, and is followed by another.
func (t *timer) fire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.clock.Mono() >= t.deadline && !t.isAt {
		t.post()
	}
}

// fireWall is called by the poller. Reset may have made the timer another one
// meanwhile.
func (t *timer) fireWall() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isAt {
		t.post()
	}
}

func (t *timer) post() {
	if !t.armed {
		return
	}
	t.armed, t.due = false, true
	if t.posted {
		return
	}
	t.posted = true
	if view, ok := t.strand.(labelled); ok {
		view.postIf(t.take, t.f)
	} else {
		t.strand.Post(t.expire)
	}
}

func (t *timer) run() {
	if t.take() {
		t.f()
	}
}

// take tells whether the firing that was posted counts.
func (t *timer) take() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	due := t.due
	t.posted, t.due = false, false
	return due
}

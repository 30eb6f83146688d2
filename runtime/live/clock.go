package live

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/smalti/smalti/runtime"
)

var _ runtime.Clock = (*Clock)(nil)

// wallPoll is how often the wall clock is looked at while a timer of At is
// pending: a step or a suspend is noticed within this time.
const wallPoll = time.Second

// Clock is the machine's clock. Make one with NewClock.
type Clock struct {
	source clock.Clock
	start  time.Time
	mono   atomic.Int64 // the highest reading so far

	mu      sync.Mutex
	wall    wallTimers   // of At, earliest first
	poller  *clock.Timer // nil until the first At
	polling time.Duration
	pending bool // the poller is running
	age     uint64
	stopped bool
}

// NewClock gives a clock on top of source: nil for the machine's, a *clock.Mock
// in tests. Its monotonic time starts at zero now.
func NewClock(source clock.Clock) *Clock {
	if source == nil {
		source = clock.New()
	}
	return &Clock{source: source, start: source.Now()}
}

// Now is the wall time in UTC, without a monotonic reading.
func (c *Clock) Now() time.Time { return c.source.Now().Round(0).UTC() }

// Mono is the time since NewClock. It does not go back, even if the source
// does.
func (c *Clock) Mono() time.Duration {
	now := int64(c.source.Since(c.start))
	for {
		last := c.mono.Load()
		if now <= last {
			return time.Duration(last)
		}
		if c.mono.CompareAndSwap(last, now) {
			return time.Duration(now)
		}
	}
}

// AfterFunc posts f on s when d has passed.
func (c *Clock) AfterFunc(s runtime.Strand, d time.Duration, f func()) runtime.Timer {
	t := newTimer(c, s, f)
	t.Reset(d)
	return t
}

// At posts f on s when Now reaches wall, within one second if the clock is
// stepped over it or the machine was suspended.
func (c *Clock) At(s runtime.Strand, wall time.Time, f func()) runtime.Timer {
	t := newTimer(c, s, f)
	t.armed, t.isAt, t.wall = true, true, wall
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return t
	}
	c.age++
	t.age = c.age
	heap.Push(&c.wall, t)
	c.schedule()
	return t
}

// Stop releases the timers of At; they do not fire any more. Twice is fine.
func (c *Clock) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.wall) > 0 {
		heap.Pop(&c.wall)
	}
	c.stopped = true
	c.schedule()
}

// schedule makes the poller look when the first timer is due, and at most a
// second from now. It is called with the lock held.
func (c *Clock) schedule() {
	if len(c.wall) == 0 {
		if c.pending {
			c.poller.Stop()
			c.pending = false
		}
		return
	}
	d := min(wallPoll, max(0, c.wall[0].wall.Sub(c.Now())))
	due := c.Mono() + d
	switch {
	case c.pending && due >= c.polling:
		return // it looks soon enough
	case c.poller == nil:
		c.poller = c.source.AfterFunc(d, c.poll)
	default:
		c.poller.Reset(d)
	}
	c.polling, c.pending = due, true
}

// poll fires the timers that are due.
func (c *Clock) poll() {
	c.mu.Lock()
	now := c.Now()
	var due []*timer
	for len(c.wall) > 0 && !c.wall[0].wall.After(now) {
		due = append(due, heap.Pop(&c.wall).(*timer))
	}
	c.pending = false
	c.schedule()
	c.mu.Unlock()
	for _, t := range due {
		t.fireWall()
	}
}

// forget takes a timer of At off the heap.
func (c *Clock) forget(t *timer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.index >= 0 {
		heap.Remove(&c.wall, t.index)
		c.schedule()
	}
}

// wallTimers is a heap by wall time, ties by age.
type wallTimers []*timer

func (h wallTimers) Len() int { return len(h) }
func (h wallTimers) Less(i, j int) bool {
	if !h[i].wall.Equal(h[j].wall) {
		return h[i].wall.Before(h[j].wall)
	}
	return h[i].age < h[j].age
}

func (h wallTimers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *wallTimers) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *wallTimers) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}

package sim

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
)

// cpu is the processor of a host that is slow: it takes one step at a time, and is
// busy for cost after each. A host without one takes no time.
type cpu struct {
	host  *Host
	cost  time.Duration
	queue []*strand // that have work, while the processor is busy; in no order
	busy  bool      // timer is armed
	timer runtime.Timer
	late  int // steps that waited
}

// Slow makes each step of the host take cost, on top of what other calls asked for,
// until Quicken with the same cost: its strands and tasks, one at a time, as on a
// machine with one processor that is short of it. A slow host belongs to the
// machine: a crash does not end it.
func (h *Host) Slow(cost time.Duration) {
	c := &h.cpu
	c.cost += cost
	if c.cost != cost || cost <= 0 {
		return // it is slow already
	}
	if c.timer == nil {
		c.host = h
		env := h.world.Env()
		c.timer = env.Clock.AfterFunc(env.Scheduler.Strand("cpu"), 0, c.turn)
		c.timer.Stop()
	}
	c.late = 0
	if h.inc == nil {
		return
	}
	h.inc.cpu = c
	k := h.world.kernel
	k.ready = slices.DeleteFunc(k.ready, func(s *strand) bool { return s.inc == h.inc })
	if h.pauses == 0 {
		for s := range h.inc.all() {
			if s.ready {
				c.enqueue(s)
			}
		}
	}
}

// Quicken undoes one Slow of this cost; on a host that is not slow it does nothing.
// late is how many steps waited for the processor since the host was made slow.
func (h *Host) Quicken(cost time.Duration) (late int) {
	c := &h.cpu
	if c.cost == 0 {
		return 0
	}
	c.cost = max(0, c.cost-cost)
	if c.cost > 0 {
		return c.late
	}
	if h.inc != nil {
		h.inc.cpu = nil
	}
	h.world.kernel.ready = append(h.world.kernel.ready, c.queue...)
	c.stop()
	return c.late
}

// enqueue has s run when the processor is free.
func (c *cpu) enqueue(s *strand) {
	c.queue = append(c.queue, s)
	if c.busy {
		c.late++
		return
	}
	c.busy = true
	c.timer.Reset(0)
}

// turn gives the processor to one of those that wait.
func (c *cpu) turn() {
	n := len(c.queue)
	if n == 0 {
		c.busy = false
		return
	}
	k := c.host.world.kernel
	i := k.order.IntN(n)
	s := c.queue[i]
	c.queue[i] = c.queue[n-1]
	c.queue[n-1] = nil
	c.queue = c.queue[:n-1]
	k.ready = append(k.ready, s)
	c.timer.Reset(c.cost)
}

// stop forgets who waits, and what the processor does.
func (c *cpu) stop() {
	if c.timer == nil {
		return
	}
	c.timer.Stop()
	clear(c.queue)
	c.queue, c.busy = c.queue[:0], false
}

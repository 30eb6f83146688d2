package sim

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
)

// clock is a host's: the time since its boot, and a wall clock that is off by
// the host's offset. Both follow the kernel's time, but for drift.
type clock struct{ inc *incarnation }

var _ runtime.Clock = clock{}

// afterStep is how late a timer of At may be when the clock is stepped over its
// time: the contract allows a second.
const afterStep = time.Second

func (c clock) Now() time.Time { return time.Unix(0, c.inc.host.wall()).UTC() }

func (c clock) Mono() time.Duration {
	return time.Duration(c.inc.host.ticks() - c.inc.started)
}

func (c clock) AfterFunc(s runtime.Strand, d time.Duration, f func()) runtime.Timer {
	t := c.timer(s, f)
	if !t.strand.inc.dead {
		t.start(c.inc.after(d))
	}
	return t
}

func (c clock) At(s runtime.Strand, wall time.Time, f func()) runtime.Timer {
	t := c.timer(s, f)
	if !t.strand.inc.dead {
		t.wall, t.atWall = unixNano(wall), true
		c.inc.walls = append(c.inc.walls, t)
		t.start(c.inc.kernelTime(t.wall))
	}
	return t
}

func (c clock) timer(s runtime.Strand, f func()) *timer {
	strand, ok := s.(*strand)
	if !ok {
		panic("sim: timer on a strand of another world")
	}
	return strand.newTimer(f)
}

// unixNano is wall in Unix nanoseconds, or the nearest that the world's clocks
// can reach.
func unixNano(wall time.Time) int64 {
	const last = 9_000_000_000 // seconds: the year 2255
	return max(0, min(wall.Unix(), last))*int64(time.Second) + int64(wall.Nanosecond())
}

// wall is the host's wall clock in Unix nanoseconds.
func (h *Host) wall() int64 { return Epoch.UnixNano() + h.ticks() + int64(h.offset) }

// after gives the kernel's time when d of the host's will have passed, without
// overflow.
func (inc *incarnation) after(d time.Duration) int64 {
	h, ticks := inc.host, min(max(0, int64(d)), farFuture)
	if h.rate == 0 {
		return h.world.kernel.now + ticks
	}
	return h.reaches(h.ticks() + ticks)
}

// kernelTime gives the kernel's time at which the wall clock reaches wall, now
// if it has.
func (inc *incarnation) kernelTime(wall int64) int64 {
	return inc.after(time.Duration(wall - inc.host.wall()))
}

// forget takes t off the list of armed timers of At.
func (inc *incarnation) forget(t *timer) {
	if !t.atWall {
		return
	}
	if i := slices.Index(inc.walls, t); i >= 0 {
		inc.walls = slices.Delete(inc.walls, i, i+1)
	}
}

// Offset tells how far the host's wall clock is ahead of the world's.
func (h *Host) Offset() time.Duration { return h.offset }

// StepClock moves the host's wall clock by d, forward or back. Timers of At
// follow: those that the step passes fire within a second.
func (h *Host) StepClock(d time.Duration) {
	h.offset += d
	h.world.Report(&event.Event{Kind: event.ClockStepped, Text: h.name, N: int64(d)})
	if h.inc == nil {
		return
	}
	k := h.world.kernel
	for _, t := range h.inc.walls {
		at := h.inc.kernelTime(t.wall)
		if at == k.now {
			at = h.inc.after(k.order.Duration(0, afterStep))
		}
		t.start(at)
	}
}

package sim

import "time"

// million is the unit of drift: parts per million.
const million = 1_000_000

// MaxDrift is how much faster or slower a host's clock can run, in parts per
// million: what more is asked for has no effect.
const MaxDrift = million / 2

// Drift makes the host's clock run faster by so many parts per million, or
// slower if ppm is negative, on top of what it was told before: the wall clock,
// the monotonic clock and the timers of both, as with a crystal that is off.
// What it gained it keeps when the drift ends. gained is what it did since the
// last change.
func (h *Host) Drift(ppm int) (gained time.Duration) {
	k := h.world.kernel
	gain := h.gainAt(k.now)
	gained = time.Duration(gain - h.gain)
	due := h.readings()
	h.ppm += int64(ppm)
	h.gain, h.since, h.rate = gain, k.now, min(max(-MaxDrift, h.ppm), MaxDrift)
	for _, d := range due {
		d.timer.start(h.reaches(d.ticks))
	}
	return gained
}

// reading is a timer and what the host's clock must read for it to fire.
type reading struct {
	timer *timer
	ticks int64
}

// readings lists the armed timers of the present incarnation.
func (h *Host) readings() (list []reading) {
	if h.inc == nil {
		return nil
	}
	for _, x := range h.world.kernel.timers {
		if t := x.timer; t.armed && t.strand.inc == h.inc {
			list = append(list, reading{t, t.when + h.gainAt(t.when)})
		}
	}
	return list
}

// ticks is the host's own time: nanoseconds of the world, and what its clock
// gained on them.
func (h *Host) ticks() int64 {
	now := h.world.kernel.now
	if h.rate == 0 {
		return now + h.gain
	}
	return now + h.gainAt(now)
}

// gainAt is what the clock will have gained at a time of the kernel's. The sum
// of both never goes back.
func (h *Host) gainAt(at int64) int64 {
	d := at - h.since
	return h.gain + d/million*h.rate + d%million*h.rate/million
}

// reaches gives the kernel's time at which the host's clock reads ticks, now if
// it has done so: never too early, or timers would be.
func (h *Host) reaches(ticks int64) int64 {
	now := h.world.kernel.now
	d := min(max(0, ticks-h.ticks()), farFuture)
	if h.rate == 0 || d == farFuture {
		return now + d
	}
	per := million + h.rate
	at := now + d/per*million + d%per*million/per
	for at+h.gainAt(at) < ticks {
		at++
	}
	return at
}

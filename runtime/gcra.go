package runtime

import "time"

// GCRA limits a rate: the generic cell rate algorithm (ITU-T I.371, annex A) in
// integer nanoseconds. The zero value has seen nothing. It belongs to one strand, or
// to whoever holds the lock over it.
type GCRA struct {
	due time.Duration // Mono at which all that was allowed is paid for
}

// Allow tells whether one more may pass at now, of Mono: one every so often, and burst
// at once after a pause.
func (g *GCRA) Allow(now, every time.Duration, burst int) bool {
	due := max(g.due, now) + every
	if due-now > time.Duration(burst)*every {
		return false
	}
	g.due = due
	return true
}

// Spend takes n at once, whatever it costs, and gives how long to wait until burst and
// the rate allow for it.
func (g *GCRA) Spend(now, every time.Duration, burst, n int) (wait time.Duration) {
	g.due = max(g.due, now) + time.Duration(n)*every
	return max(0, g.due-now-time.Duration(burst)*every)
}

// Idle tells whether g is as good as new.
func (g *GCRA) Idle(now time.Duration) bool { return g.due <= now }

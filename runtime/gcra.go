package discovery

import "time"

// gcra limits a rate: the generic cell rate algorithm (ITU-T I.371, annex A) in
// integer nanoseconds. The zero value has seen nothing.
type gcra struct {
	due time.Duration // Mono at which all that was allowed is paid for
}

// allow tells whether one more may pass: one every so often, and burst at once
// after a pause.
func (g *gcra) allow(now, every time.Duration, burst int) bool {
	due := max(g.due, now) + every
	if due-now > time.Duration(burst)*every {
		return false
	}
	g.due = due
	return true
}

// spend takes n at once, whatever it costs, and gives how long to wait until burst and
// the rate allow for it.
func (g *gcra) spend(now, every time.Duration, burst, n int) (wait time.Duration) {
	g.due = max(g.due, now) + time.Duration(n)*every
	return max(0, g.due-now-time.Duration(burst)*every)
}

// idle tells whether g is as good as new.
func (g *gcra) idle(now time.Duration) bool { return g.due <= now }

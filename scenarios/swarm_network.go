package scenarios

import (
	"fmt"
	"time"
)

// lines lists the classes of faults of single lines and sessions.
func (d *drawing) lines() []func() string {
	shapes := []string{"uniform", "exponential", "heavy-tail"}
	return []func() string{
		func() string {
			a, b := d.halves()
			return fmt.Sprintf("jitter %s -> %s %s %s", a, b, shapes[d.IntN(len(shapes))], d.Rand.Duration(time.Millisecond, 200*time.Millisecond).Truncate(time.Millisecond))
		},
		// At the least the queue of the line takes half an idle time-out to empty.
		func() string { a, b := d.halves(); return fmt.Sprintf("throttle %s -> %s %d", a, b, 8192<<d.IntN(8)) },
		func() string {
			a, b := d.halves()
			burst := d.Rand.Duration(50*time.Millisecond, 3*time.Second).Truncate(time.Millisecond)
			return fmt.Sprintf("burst %s -> %s %s %s", a, b, burst, d.Rand.Duration(burst, 5*burst).Truncate(time.Millisecond))
		},
		func() string { return "unreachable " + d.anyHost() },
		func() string { a, b := d.halves(); return "halfopen " + a + " -> " + b },
	}
}

// needed is a window that lets every stream flow while nothing is wrong: twice a
// burst, and what is produced in two round trips. Small windows make queues
// fill that otherwise never would. Producers in a hurry, which close soon, get no more.
func (d *drawing) needed() int {
	window := minWindow
	for _, w := range d.Workload {
		if w.Program != Produce || w.Every < leastPause {
			continue
		}
		burst := max(1, w.Burst) * (w.Size + 64)
		trip := 2 * (d.Latency + d.Jitter)
		window = max(window, 2*burst+2*int(int64(burst)*int64(trip)/int64(w.Every)))
	}
	return window
}

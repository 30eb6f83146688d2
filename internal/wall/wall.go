// Package wall is the harness's one door to the machine: how long a run took,
// whether one of its steps hangs, what goroutines it leaves, and further
// processes of the same program. No verdict depends on the time that it tells:
// a guard that fires reports a fault of the harness, never of what it runs.
package wall

import (
	"fmt"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Since measures real time from its call on.
func Since() (elapsed func() time.Duration) {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

// Watchdog ends the process when something that should go on stands still.
// Tick says that it went on; the zero value is not watching.
type Watchdog struct {
	ticks atomic.Uint64
	stop  chan struct{}
}

// HangExit is the exit code of a process that a Watchdog ends: the tool itself
// failed.
const HangExit = 6

// Watch starts a watchdog: if limit of real time passes without a Tick, it
// prints describe's text and all stacks to standard error and exits, unless a debugger is
// attached.
func Watch(limit time.Duration, describe func() string) *Watchdog {
	w := &Watchdog{stop: make(chan struct{})}
	go w.run(limit, describe)
	return w
}

func (w *Watchdog) run(limit time.Duration, describe func() string) {
	ticker := time.NewTicker(limit)
	defer ticker.Stop()
	last := w.ticks.Load()
	for {
		select {
		case <-w.stop:
			return
		case <-ticker.C:
		}
		now := w.ticks.Load()
		if now == last && !traced() {
			stacks := make([]byte, 1<<20)
			stacks = stacks[:goruntime.Stack(stacks, true)]
			fmt.Fprintf(os.Stderr, "%s\n\n%s\n", describe(), stacks)
			os.Exit(HangExit)
		}
		last = now
	}
}

// Tick says that work goes on.
func (w *Watchdog) Tick() { w.ticks.Add(1) }

// Stop ends the watch.
func (w *Watchdog) Stop() { close(w.stop) }

// Goroutines counts the goroutines of the process; when there are more than
// want, it first gives those that are about to end a moment.
func Goroutines(want int) int {
	for range 100 {
		if goruntime.NumGoroutine() <= want {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return goruntime.NumGoroutine()
}

// Heap gives the bytes of memory that are in use, after a collection.
func Heap() uint64 {
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Hoard lets garbage pile up to percent of what is in use, as long as all of it stays
// below limit bytes, until restore: fewer collections for more memory. It asks for large
// pages too, the first time.
func Hoard(percent int, limit int64) (restore func()) {
	advised.Do(func() { huge(limit) })
	was, most := debug.SetGCPercent(percent), debug.SetMemoryLimit(limit)
	return func() {
		debug.SetGCPercent(was)
		debug.SetMemoryLimit(most)
	}
}

// advised: the heap has large pages. What was in use is cleared when it is taken again, so
// that a second ballast would take memory.
var advised sync.Once

// Single has the process do one thing at a time, until restore: what has one thread anyway
// is not slowed by a second one that looks for work.
func Single() (restore func()) {
	was := goruntime.GOMAXPROCS(1)
	return func() { goruntime.GOMAXPROCS(was) }
}

// Exit ends the process.
func Exit(code int) { os.Exit(code) }

// Cores is how many things the process may do at once.
func Cores() int { return goruntime.GOMAXPROCS(0) }

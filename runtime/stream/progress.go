package stream

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// Bounds of the interval at which a producer asks its consumers to report progress.
// At most progressMost, so that "took nothing" is known to the second; at least
// progressLeast, so that a short time-out costs at most 100 messages a second.
const (
	progressMost  = time.Second
	progressLeast = 10 * time.Millisecond
)

// progressEvery returns the interval at which consumers report their progress: four
// times within the shortest time-out that is judged by it.
func (c ProducerConfig) progressEvery() time.Duration {
	shortest := c.DrainMax
	if c.Lag == Block {
		shortest = min(shortest, c.BlockMax)
	}
	return min(max(shortest/4, progressLeast), progressMost)
}

// reporter sends the progress of a consumer's application to the producers that asked
// for it: at once when it takes something after a pause, then at most once per
// interval. It belongs to the consumer's strand.
type reporter struct {
	timer   runtime.Timer
	running bool          // the timer is armed
	every   time.Duration // for how long
}

// startReports begins to report to a producer that has just admitted this consumer.
func (w *receivers) startReports(every time.Duration) {
	switch {
	case !w.reporter.running:
		w.queue.report()
	case every < w.reporter.every: // of other producers
		w.reportIn(every)
	}
}

// onTaken follows the first pop after queue.report.
func (w *receivers) onTaken() {
	for _, r := range slices.Clone(w.list) {
		if r.waits && r.attempt == nil && r.barred == wire.None {
			r.connect(r.news)
		}
	}
	w.reportProgress()
	every := time.Duration(0)
	for _, r := range w.list {
		if a := r.attempt; a != nil && a.up && a.every > 0 && (every == 0 || a.every < every) {
			every = a.every
		}
	}
	if every > 0 { // else startReports begins anew
		w.reportIn(every)
	}
}

// reportIn has onReportDue run after an interval.
func (w *receivers) reportIn(every time.Duration) {
	w.reporter.running, w.reporter.every = true, every
	if w.reporter.timer == nil {
		w.reporter.timer = w.env.Clock.AfterFunc(w.strand, every, w.onReportDue)
	} else {
		w.reporter.timer.Reset(every)
	}
}

// onReportDue reports what was taken during the interval. If nothing was, it waits
// for the next pop.
func (w *receivers) onReportDue() {
	w.reporter.running = false
	if w.closed {
		return
	}
	if w.reportProgress() {
		w.onTaken() // for the next interval
		return
	}
	w.queue.report()
	w.reportProgress() // what was taken between the two lines above
}

// reportProgress sends what is new to each producer. It reports whether there was
// anything.
func (w *receivers) reportProgress() (sent bool) {
	for _, r := range w.list {
		if a := r.attempt; a != nil && a.up && a.every > 0 && a.reportProgress() {
			sent = true
		}
	}
	return sent
}

// reportProgress sends the number of the last datum or gap that the application took,
// if it is new, or if it took others while something of this producer waits behind
// them: a producer must not take an application for stopped that reads what came
// before. It also reports whether something waits, if that is new. A link without room
// gets it with the next interval, and so does a producer that asked for a longer interval
// than others.
func (a *attempt) reportProgress() (due bool) {
	r := a.receiver
	consumed, pops := r.worker.queue.consumed(a.origin)
	now := report{consumed: max(consumed, a.reported.consumed)}
	now.waits = a.paused || r.next-1 > now.consumed
	if now == a.reported && (pops == a.pops || !now.waits) {
		return false
	}
	at := r.worker.env.Clock.Mono()
	if a.reportedAt != 0 && at-a.reportedAt < a.every {
		return true
	}
	if n, _ := a.link.Send(now.encode()); n > 0 {
		a.reported, a.reportedAt, a.pops = now, at, pops
	}
	return true
}

// expectReport has the producer told within an interval that something waits for the
// application, if the application does not take it before.
func (a *attempt) expectReport() {
	if w := a.receiver.worker; a.up && a.every > 0 && !a.reported.waits && (!w.reporter.running || a.every < w.reporter.every) {
		w.reportIn(a.every)
	}
}

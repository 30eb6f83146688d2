package discovery

import "time"

// unknownEvery and unknownBurst limit how often a node tells that it passes over
// messages.
const (
	unknownEvery = time.Second
	unknownBurst = 16
)

// unknown tells whether all that is in a message, if anything is, was added by a
// later version.
func (m *message) unknown() bool {
	return !m.compares() && len(m.Entries)+len(m.Departures)+len(m.Suspicions) == 0 && !m.Last
}

// unknown tells the same of a rumour.
func (r *rumour) unknown() bool {
	return len(r.Entries)+len(r.Departures)+len(r.Suspicions)+len(r.Names)+len(r.Wants) == 0 && !r.Prune
}

// passOver notes, as mark, that a message says nothing that this version knows. It
// counts against what its link may carry, as any other.
func (w *worker) passOver(mark string) {
	if w.strange.Allow(w.env.Clock.Mono(), unknownEvery, unknownBurst) {
		w.env.Mark(mark)
	}
}

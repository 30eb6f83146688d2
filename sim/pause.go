package sim

import (
	"iter"
	"slices"
)

// Pause makes the host stand still until as many Resumes, as a process that is
// stopped or a virtual machine that is moved: its strands and tasks do not run,
// its timers fire late, and what it sent or would receive waits in the network.
// Its clocks go on. Pauses belong to the machine: a crash does not end them, and
// a host that is booted meanwhile stands still as well.
func (h *Host) Pause() {
	h.pauses++
	if h.pauses > 1 {
		return
	}
	h.world.Net.Freeze(h.name)
	if h.inc == nil {
		return
	}
	k := h.world.kernel
	k.ready = slices.DeleteFunc(k.ready, func(s *strand) bool { return s.inc == h.inc })
	h.cpu.stop()
	for s := range h.inc.all() {
		s.ready = true
	}
}

// Resume undoes one Pause; one too many does nothing. When it is the last, all
// that came due meanwhile runs in a burst. late is how many strands had
// something to do: 0 means that nobody noticed.
func (h *Host) Resume() (late int) {
	if h.pauses == 0 {
		return 0
	}
	h.pauses--
	if h.pauses > 0 {
		return 0
	}
	h.world.Net.Thaw(h.name)
	if h.inc == nil {
		return 0
	}
	for s := range h.inc.all() {
		s.ready = len(s.inbox) > s.head
		if s.ready {
			s.since = s.k.now
			s.enqueue()
			late++
		}
	}
	return late
}

// all lists the incarnation's strands, its tasks' among them, as they were made.
func (inc *incarnation) all() iter.Seq[*strand] {
	return func(yield func(*strand) bool) {
		for _, s := range inc.strands {
			if !yield(s) {
				return
			}
		}
		for _, t := range inc.tasks {
			if !yield(t.strand) {
				return
			}
		}
	}
}

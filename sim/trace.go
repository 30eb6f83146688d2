package sim

import "time"

// Step is one turn of the kernel, as a trace shows it.
type Step struct {
	Number uint64        // counted from 1
	At     time.Duration // virtual time
	Host   string        // "world" for the world's own
	Strand string        // its name
	ID     uint32        // the strand's number, in the order in which strands were made
}

// Trace calls f before every step, in order with the events that observers
// hear. f must not change the world.
func (w *World) Trace(f func(Step)) { w.kernel.trace = f }

func (k *kernel) tell(s *strand) {
	k.trace(Step{k.steps, time.Duration(k.now), s.inc.host.name, s.name, s.id})
}

package fault

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// MarkPause says that a host had something to do while it was paused.
const MarkPause = "fault.pause"

var pauseClass = Class{
	Name: "pause", Usage: "pause a", Doc: "The host stands still while its clocks go on; at the end everything that came due meanwhile runs in a burst.",
	Marks: []string{MarkPause},
	parse: func(args string) (Fault, error) {
		name, err := one(args)
		return Pause{name}, err
	},
}

// Pause is a host that stands still, as a process that is stopped or a virtual
// machine that is moved.
type Pause struct{ Host string }

// Class implements Fault.
func (Pause) Class() string { return "pause" }

func (f Pause) String() string { return "pause " + f.Host }

// Hosts implements Fault.
func (f Pause) Hosts() []string { return []string{f.Host} }

// Begin implements Fault.
func (f Pause) Begin(w *sim.World) {
	if h := known(w, f.Host); h != nil {
		h.Pause()
	}
}

// End implements Fault.
func (f Pause) End(w *sim.World) {
	if h := known(w, f.Host); h != nil && h.Resume() > 0 {
		w.Report(&event.Event{Kind: event.Mark, Text: MarkPause})
	}
}

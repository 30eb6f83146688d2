package fault

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// MarkRestart says that a host was restarted.
const MarkRestart = "fault.restart"

var restartClass = Class{
	Name: "restart", Usage: "restart a", Doc: "The host loses power and boots again at once, with nothing but its disk.",
	Marks: []string{MarkRestart},
	parse: func(args string) (Fault, error) {
		name, err := one(args)
		return Restart{name}, err
	},
}

// Restart is a host that goes down and comes back at once.
type Restart struct{ Host string }

// Class implements Fault.
func (Restart) Class() string { return "restart" }

func (f Restart) String() string { return "restart " + f.Host }

// Hosts implements Fault.
func (f Restart) Hosts() []string { return []string{f.Host} }

// Begin implements Fault.
func (f Restart) Begin(w *sim.World) {
	if h := known(w, f.Host); h != nil && h.Up() {
		w.Report(&event.Event{Kind: event.Mark, Text: MarkRestart})
		h.Restart()
	}
}

// End implements Fault: it is over already.
func (Restart) End(*sim.World) {}

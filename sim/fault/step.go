package fault

import (
	"fmt"
	"strings"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// MarkStep says that a clock was stepped.
const MarkStep = "fault.step"

var stepClass = Class{
	Name: "step", Usage: "step a -5s", Doc: "The host's wall clock jumps, forward or back, and stays there.",
	Marks: []string{MarkStep},
	parse: func(args string) (Fault, error) {
		name, amount, ok := strings.Cut(args, " ")
		if !ok {
			return nil, fmt.Errorf("no amount")
		}
		by, err := time.ParseDuration(strings.TrimSpace(amount))
		return Step{name, by}, err
	},
}

// Step moves the wall clock of one host.
type Step struct {
	Host string
	By   time.Duration
}

// Class implements Fault.
func (Step) Class() string { return "step" }

func (f Step) String() string { return fmt.Sprintf("step %s %s", f.Host, f.By) }

// Hosts implements Fault.
func (f Step) Hosts() []string { return []string{f.Host} }

// Begin implements Fault.
func (f Step) Begin(w *sim.World) {
	if h := known(w, f.Host); h != nil {
		w.Report(&event.Event{Kind: event.Mark, Text: MarkStep})
		h.StepClock(f.By)
	}
}

// End implements Fault: a clock that was stepped stays so.
func (Step) End(*sim.World) {}

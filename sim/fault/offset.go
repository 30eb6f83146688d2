package fault

import (
	"fmt"
	"strings"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// MarkOffset says that a clock was off.
const MarkOffset = "fault.offset"

var offsetClass = Class{
	Name: "offset", Usage: "offset a 3s", Doc: "The host's wall clock is off by so much, and right again at the end.",
	Marks: []string{MarkOffset},
	parse: func(args string) (Fault, error) {
		name, amount, ok := strings.Cut(args, " ")
		if !ok {
			return nil, fmt.Errorf("no amount")
		}
		by, err := time.ParseDuration(strings.TrimSpace(amount))
		return Offset{name, by}, err
	},
}

// Offset is a wall clock that is wrong for a while.
type Offset struct {
	Host string
	By   time.Duration
}

// Class implements Fault.
func (Offset) Class() string { return "offset" }

func (f Offset) String() string { return fmt.Sprintf("offset %s %s", f.Host, f.By) }

// Hosts implements Fault.
func (f Offset) Hosts() []string { return []string{f.Host} }

// Begin implements Fault.
func (f Offset) Begin(w *sim.World) {
	if h := known(w, f.Host); h != nil {
		w.Report(&event.Event{Kind: event.Mark, Text: MarkOffset})
		h.StepClock(f.By)
	}
}

// End implements Fault.
func (f Offset) End(w *sim.World) {
	if h := known(w, f.Host); h != nil {
		h.StepClock(-f.By)
	}
}

package fault

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// MarkBusy says that a host had something to do while it was busy.
const MarkBusy = "fault.busy"

// maxBusy is the longest step of one fault.
const maxBusy = time.Minute

var busyClass = Class{
	Name: "busy", Usage: "busy a 1ms", Doc: "Whatever the host does takes so long for each step, one at a time: a machine that is short of processors.",
	Marks: []string{MarkBusy},
	parse: func(args string) (Fault, error) {
		name, amount, err := sized(args)
		if err != nil {
			return nil, err
		}
		cost, err := time.ParseDuration(amount)
		if err != nil || cost <= 0 || cost > maxBusy {
			return nil, fmt.Errorf("%q is no time of up to %s for a step", amount, maxBusy)
		}
		return Busy{name, cost}, nil
	},
}

// Busy is a host on which each step takes time.
type Busy struct {
	Host string
	Cost time.Duration
}

// Class implements Fault.
func (Busy) Class() string { return "busy" }

func (f Busy) String() string { return fmt.Sprintf("busy %s %s", f.Host, f.Cost) }

// Hosts implements Fault.
func (f Busy) Hosts() []string { return []string{f.Host} }

// Begin implements Fault.
func (f Busy) Begin(w *sim.World) {
	if h := known(w, f.Host); h != nil {
		h.Slow(f.Cost)
	}
}

// End implements Fault.
func (f Busy) End(w *sim.World) {
	if h := known(w, f.Host); h != nil && h.Quicken(f.Cost) > 0 {
		w.Report(&event.Event{Kind: event.Mark, Text: MarkBusy})
	}
}

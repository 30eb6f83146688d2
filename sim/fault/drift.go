package fault

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// MarkDrift says that the clock of a host that is up has drifted.
const MarkDrift = "fault.drift"

// maxDrift is the largest drift of one fault: some of them on one host stay
// below what its clock allows.
const maxDrift = sim.MaxDrift / 4

var driftClass = Class{
	Name: "drift", Usage: "drift a 200ppm", Doc: "The host's clocks run fast, or slow; at the end they are right again in speed but not in time.",
	Marks: []string{MarkDrift},
	parse: func(args string) (Fault, error) {
		name, amount, err := sized(args)
		if err != nil {
			return nil, err
		}
		rate, isPPM := strings.CutSuffix(amount, "ppm")
		ppm, err := strconv.Atoi(rate)
		if err != nil || !isPPM || ppm == 0 || ppm < -maxDrift || ppm > maxDrift {
			return nil, fmt.Errorf("%q is no drift of up to %dppm", amount, maxDrift)
		}
		return Drift{name, ppm}, nil
	},
}

// Drift is a clock that runs at a wrong speed.
type Drift struct {
	Host string
	PPM  int
}

// Class implements Fault.
func (Drift) Class() string { return "drift" }

func (f Drift) String() string { return fmt.Sprintf("drift %s %dppm", f.Host, f.PPM) }

// Hosts implements Fault.
func (f Drift) Hosts() []string { return []string{f.Host} }

// Begin implements Fault.
func (f Drift) Begin(w *sim.World) {
	if h := known(w, f.Host); h != nil {
		h.Drift(f.PPM)
	}
}

// End implements Fault.
func (f Drift) End(w *sim.World) {
	if h := known(w, f.Host); h != nil && h.Drift(-f.PPM) != 0 && h.Up() {
		w.Report(&event.Event{Kind: event.Mark, Text: MarkDrift})
	}
}

package fault

import (
	"fmt"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/sim"
)

var resetClass = Class{
	Name: "reset", Usage: "reset a | b", Doc: "All sessions between the two hosts break at once.",
	Marks: []string{netsim.MarkReset},
	parse: func(args string) (Fault, error) {
		a, b, err := pair(args, "|")
		if err == nil && (len(a) != 1 || len(b) != 1) {
			err = fmt.Errorf("%d and %d hosts", len(a), len(b))
		}
		if err != nil {
			return nil, err
		}
		return Reset{a[0], b[0]}, nil
	},
}

// Reset breaks connections.
type Reset struct{ A, B string }

// Class implements Fault.
func (Reset) Class() string { return "reset" }

func (f Reset) String() string { return "reset " + f.A + " | " + f.B }

// Hosts implements Fault.
func (f Reset) Hosts() []string { return []string{f.A, f.B} }

// Begin implements Fault.
func (f Reset) Begin(w *sim.World) { w.Net.Reset(f.A, f.B) }

// End implements Fault: a reset is over at once.
func (Reset) End(*sim.World) {}

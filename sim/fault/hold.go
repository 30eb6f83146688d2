package fault

import (
	"slices"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/sim"
)

var holdClass = Class{
	Name: "hold", Usage: "hold a,b -> c,d", Doc: "The network keeps what the first set of hosts sends to the second, and delivers it at the end: a clog.",
	Marks: []string{netsim.MarkHeld},
	parse: func(args string) (Fault, error) {
		from, to, err := pair(args, "->")
		return Hold{from, to}, err
	},
}

// Hold is a clogged network.
type Hold struct{ From, To []string }

// Class implements Fault.
func (Hold) Class() string { return "hold" }

func (f Hold) String() string { return "hold " + join(f.From) + " -> " + join(f.To) }

// Hosts implements Fault.
func (f Hold) Hosts() []string { return slices.Concat(f.From, f.To) }

// Begin implements Fault.
func (f Hold) Begin(w *sim.World) { each(f.From, f.To, w.Net.Hold) }

// End implements Fault.
func (f Hold) End(w *sim.World) { each(f.From, f.To, w.Net.Release) }

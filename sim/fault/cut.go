package fault

import (
	"slices"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/sim"
)

var cutClass = Class{
	Name: "cut", Usage: "cut a,b -> c,d", Doc: "Nothing passes from the first set of hosts to the second; the other way is open.",
	Marks: []string{netsim.MarkBlocked},
	parse: func(args string) (Fault, error) {
		from, to, err := pair(args, "->")
		return Cut{from, to}, err
	},
}

// Cut is a one-way partition.
type Cut struct{ From, To []string }

// Class implements Fault.
func (Cut) Class() string { return "cut" }

func (f Cut) String() string { return "cut " + join(f.From) + " -> " + join(f.To) }

// Hosts implements Fault.
func (f Cut) Hosts() []string { return slices.Concat(f.From, f.To) }

// Begin implements Fault.
func (f Cut) Begin(w *sim.World) { each(f.From, f.To, w.Net.Block) }

// End implements Fault.
func (f Cut) End(w *sim.World) { each(f.From, f.To, w.Net.Unblock) }

package fault

import (
	"slices"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/sim"
)

var partitionClass = Class{
	Name: "partition", Usage: "partition a,b | c,d", Doc: "Nothing passes between the two sets of hosts, either way.",
	Marks: []string{netsim.MarkBlocked},
	parse: func(args string) (Fault, error) {
		a, b, err := pair(args, "|")
		return Partition{a, b}, err
	},
}

// Partition keeps two sets of hosts apart.
type Partition struct{ A, B []string }

// Class implements Fault.
func (Partition) Class() string { return "partition" }

func (f Partition) String() string { return "partition " + join(f.A) + " | " + join(f.B) }

// Hosts implements Fault.
func (f Partition) Hosts() []string { return slices.Concat(f.A, f.B) }

// Begin implements Fault.
func (f Partition) Begin(w *sim.World) {
	each(f.A, f.B, w.Net.Block)
	each(f.B, f.A, w.Net.Block)
}

// End implements Fault.
func (f Partition) End(w *sim.World) {
	each(f.A, f.B, w.Net.Unblock)
	each(f.B, f.A, w.Net.Unblock)
}

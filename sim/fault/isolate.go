package fault

import (
	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/sim"
)

var isolateClass = Class{
	Name: "isolate", Usage: "isolate a", Doc: "Nothing passes to or from the host.",
	Marks: []string{netsim.MarkBlocked},
	parse: func(args string) (Fault, error) {
		name, err := one(args)
		return Isolate{name}, err
	},
}

// Isolate cuts one host off.
type Isolate struct{ Host string }

// Class implements Fault.
func (Isolate) Class() string { return "isolate" }

func (f Isolate) String() string { return "isolate " + f.Host }

// Hosts implements Fault.
func (f Isolate) Hosts() []string { return []string{f.Host} }

// Begin implements Fault.
func (f Isolate) Begin(w *sim.World) { w.Net.Isolate(f.Host) }

// End implements Fault.
func (f Isolate) End(w *sim.World) { w.Net.Unisolate(f.Host) }

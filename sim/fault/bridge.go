package fault

import (
	"fmt"
	"slices"
	"strings"

	"github.com/smalti/smalti/sim"
)

// MarkBridge says that something was lost between the sides of a bridge.
const MarkBridge = "fault.bridge"

var bridgeClass = Class{
	Name: "bridge", Usage: "bridge a,b | c | d,e", Doc: "The first set of hosts and the last do not reach each other; both reach the one between: majorities that overlap.",
	Marks: []string{MarkBridge},
	parse: func(args string) (Fault, error) {
		parts := strings.Split(args, "|")
		if len(parts) != 3 {
			return nil, fmt.Errorf("%d sets of hosts", len(parts))
		}
		var f Bridge
		for i, set := range []*[]string{&f.A, &f.Middle, &f.B} {
			list, err := hosts(parts[i])
			if err != nil {
				return nil, err
			}
			*set = list
		}
		return &f, nil
	},
}

// Bridge is a partition of which some hosts see both sides.
type Bridge struct {
	A, Middle, B []string
	bite         bite
}

// Class implements Fault.
func (*Bridge) Class() string { return "bridge" }

func (f *Bridge) String() string {
	return "bridge " + join(f.A) + " | " + join(f.Middle) + " | " + join(f.B)
}

// Hosts implements Fault.
func (f *Bridge) Hosts() []string { return slices.Concat(f.A, f.Middle, f.B) }

// Begin implements Fault.
func (f *Bridge) Begin(w *sim.World) {
	f.bite.open(w, ways(f.A, f.B))
	f.bite.block(w)
}

// End implements Fault.
func (f *Bridge) End(w *sim.World) {
	f.bite.unblock(w)
	f.bite.close(w, MarkBridge)
}

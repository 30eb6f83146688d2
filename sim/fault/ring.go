package fault

import (
	"errors"
	"slices"

	"github.com/smalti/smalti/sim"
)

// MarkRing says that something was lost between hosts that are no neighbours on a ring.
const MarkRing = "fault.ring"

var ringClass = Class{
	Name: "ring", Usage: "ring a,b,c,d", Doc: "Each of the hosts reaches only the one before it and the one after it.",
	Marks: []string{MarkRing},
	parse: func(args string) (Fault, error) {
		list, err := hosts(args)
		if err == nil && len(list) < 4 {
			err = errors.New("less than four hosts are all neighbours")
		}
		if sorted := slices.Sorted(slices.Values(list)); err == nil && len(slices.Compact(sorted)) != len(list) {
			err = errors.New("a host stands twice")
		}
		return &Ring{Order: list}, err
	},
}

// Ring is a partition in which each host has two neighbours.
type Ring struct {
	Order []string
	bite  bite
}

// Class implements Fault.
func (*Ring) Class() string { return "ring" }

func (f *Ring) String() string { return "ring " + join(f.Order) }

// Hosts implements Fault.
func (f *Ring) Hosts() []string { return slices.Clone(f.Order) }

// Begin implements Fault.
func (f *Ring) Begin(w *sim.World) {
	var apart []way
	n := len(f.Order)
	for i, a := range f.Order {
		for j, b := range f.Order {
			if d := (j - i + n) % n; d > 1 && d < n-1 {
				apart = append(apart, way{a, b})
			}
		}
	}
	f.bite.open(w, apart)
	f.bite.block(w)
}

// End implements Fault.
func (f *Ring) End(w *sim.World) {
	f.bite.unblock(w)
	f.bite.close(w, MarkRing)
}

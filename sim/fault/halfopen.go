package fault

import (
	"fmt"
	"slices"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/sim"
)

var halfopenClass = Class{
	Name: "halfopen", Usage: "halfopen a -> b,c", Doc: "The first set of hosts loses its sessions with the second, which is not told and goes on until it times out or is dialled again.",
	Marks: []string{netsim.MarkHalfOpen},
	parse: func(args string) (Fault, error) {
		from, to, err := pair(args, "->")
		return HalfOpen{from, to}, err
	},
}

// HalfOpen loses one end of sessions.
type HalfOpen struct{ From, To []string }

// Class implements Fault.
func (HalfOpen) Class() string { return "halfopen" }

func (f HalfOpen) String() string { return fmt.Sprintf("halfopen %s -> %s", join(f.From), join(f.To)) }

// Hosts implements Fault.
func (f HalfOpen) Hosts() []string { return slices.Concat(f.From, f.To) }

// Begin implements Fault.
func (f HalfOpen) Begin(w *sim.World) {
	each(f.From, f.To, func(from, to string) { w.Net.Forget(from, to) })
}

// End implements Fault: it is over at once.
func (HalfOpen) End(*sim.World) {}

package fault

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// MarkUnreachable says that a dial got no answer.
const MarkUnreachable = "fault.unreachable"

var unreachableClass = Class{
	Name: "unreachable", Usage: "unreachable a", Doc: "Who dials the host gets no answer; sessions that are up, and what it dials itself, go on.",
	Marks: []string{MarkUnreachable},
	parse: func(args string) (Fault, error) {
		name, err := one(args)
		return &Unreachable{Host: name}, err
	},
}

// Unreachable is a host that cannot be dialled.
type Unreachable struct {
	Host   string
	before uint64
}

// Class implements Fault.
func (*Unreachable) Class() string { return "unreachable" }

func (f *Unreachable) String() string { return "unreachable " + f.Host }

// Hosts implements Fault.
func (f *Unreachable) Hosts() []string { return []string{f.Host} }

// Begin implements Fault.
func (f *Unreachable) Begin(w *sim.World) {
	f.before = w.Net.Unreached(f.Host)
	w.Net.Unreach(f.Host)
}

// End implements Fault.
func (f *Unreachable) End(w *sim.World) {
	w.Net.Reach(f.Host)
	if w.Net.Unreached(f.Host) > f.before {
		w.Report(&event.Event{Kind: event.Mark, Text: MarkUnreachable})
	}
}

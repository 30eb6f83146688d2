package fault

import (
	"fmt"
	"slices"
	"strings"

	"github.com/smalti/smalti/sim"
)

// MarkSteal says that a ticket was refused to who is not its holder.
const MarkSteal = "fault.steal"

var stealClass = Class{
	Name: "steal", Usage: "steal a b", Doc: "The first host carries tickets of the second instead of its own.",
	Marks: []string{MarkSteal},
	parse: func(args string) (Fault, error) {
		words := strings.Fields(args)
		if len(words) != 2 {
			return nil, fmt.Errorf("%d hosts", len(words))
		}
		list, err := hosts(strings.Join(words, ","))
		if err == nil && (len(list) != 2 || list[0] == list[1]) {
			err = fmt.Errorf("%q are no two hosts", args)
		}
		if err != nil {
			return nil, err
		}
		return &Steal{list[0], list[1]}, nil
	},
}

// Steal is a host that shows what was issued to another. Its dial is the number of
// the other among the hosts of the world, from 1 on.
type Steal struct{ Host, From string }

// Class implements Fault.
func (*Steal) Class() string { return "steal" }

func (f *Steal) String() string { return "steal " + f.Host + " " + f.From }

// Hosts implements Fault.
func (f *Steal) Hosts() []string { return []string{f.Host, f.From} }

// Begin implements Fault.
func (f *Steal) Begin(w *sim.World) { f.turn(w, (*sim.Host).Turn) }

// End implements Fault.
func (f *Steal) End(w *sim.World) { f.turn(w, (*sim.Host).TurnBack) }

func (f *Steal) turn(w *sim.World, do func(h *sim.Host, dial string, value uint64)) {
	i := slices.IndexFunc(w.Hosts(), func(h *sim.Host) bool { return h.Name() == f.From })
	if h := known(w, f.Host); h != nil && i >= 0 {
		do(h, "steal", uint64(i+1))
	}
}

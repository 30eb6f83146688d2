package fault

import (
	"fmt"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// MarkCrash says that a host went down.
const MarkCrash = "fault.crash"

var crashClass = Class{
	Name: "crash", Usage: "crash a", Doc: "The host loses power; at the end it boots again, with nothing but its disk.",
	Marks: []string{MarkCrash},
	parse: func(args string) (Fault, error) {
		name, err := one(args)
		return Crash{name}, err
	},
}

// Crash is a host that goes down and comes back.
type Crash struct{ Host string }

// Class implements Fault.
func (Crash) Class() string { return "crash" }

func (f Crash) String() string { return "crash " + f.Host }

// Hosts implements Fault.
func (f Crash) Hosts() []string { return []string{f.Host} }

// Begin implements Fault.
func (f Crash) Begin(w *sim.World) {
	if h := known(w, f.Host); h != nil && h.Up() {
		w.Report(&event.Event{Kind: event.Mark, Text: MarkCrash})
		h.Crash()
	}
}

// End implements Fault.
func (f Crash) End(w *sim.World) {
	if h := known(w, f.Host); h != nil && !h.Up() {
		h.Restart()
	}
}

// one reads the name of a single host.
func one(text string) (string, error) {
	list, err := hosts(text)
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("%d hosts", len(list))
	}
	if err != nil {
		return "", err
	}
	return list[0], nil
}

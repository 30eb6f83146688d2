package fault

import (
	"fmt"
	"strings"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/sim"
)

var twinClass = Class{
	Name: "twin", Usage: "twin a b", Doc: "The second host boots again with the key of the first, and at the end with its own: one key runs twice.",
	Marks: []string{netsim.MarkTwin},
	parse: func(args string) (Fault, error) {
		words := strings.Fields(args)
		list, err := hosts(strings.Join(words, ","))
		if err == nil && (len(words) != 2 || len(list) != 2 || list[0] == list[1]) {
			err = fmt.Errorf("%q are no two hosts", args)
		}
		if err != nil {
			return nil, err
		}
		return Twin{list[0], list[1]}, nil
	},
}

// Twin is a key that was copied to another host, as happens to images of machines.
type Twin struct{ Of, Host string }

// Class implements Fault.
func (Twin) Class() string { return "twin" }

func (f Twin) String() string { return "twin " + f.Of + " " + f.Host }

// Hosts implements Fault.
func (f Twin) Hosts() []string { return []string{f.Of, f.Host} }

// Begin implements Fault.
func (f Twin) Begin(w *sim.World) { f.change(w, (*sim.Host).BorrowKey) }

// End implements Fault.
func (f Twin) End(w *sim.World) { f.change(w, (*sim.Host).ReturnKey) }

func (f Twin) change(w *sim.World, do func(h, of *sim.Host)) {
	of, h := known(w, f.Of), known(w, f.Host)
	if of == nil || h == nil {
		return
	}
	do(h, of)
	if h.Up() {
		h.Restart()
	}
}

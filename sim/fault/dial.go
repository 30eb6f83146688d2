package fault

import (
	"fmt"
	"strings"
	"time"

	"github.com/smalti/smalti/sim"
)

// turn is a fault of an application: it turns a dial of a host, which is named
// like the class, and back to 0 at its end. The programs that look at the dial
// report the mark when they misbehave.
type turn struct {
	class, host string
	value       uint64
	args        string // after the host
}

// Class implements Fault.
func (f turn) Class() string { return f.class }

func (f turn) String() string { return strings.TrimSpace(f.class + " " + f.host + " " + f.args) }

// Hosts implements Fault.
func (f turn) Hosts() []string { return []string{f.host} }

// Begin implements Fault.
func (f turn) Begin(w *sim.World) { f.set(w, f.value) }

// End implements Fault.
func (f turn) End(w *sim.World) { f.set(w, 0) }

func (f turn) set(w *sim.World, value uint64) {
	if h := known(w, f.host); h != nil {
		h.Dial(f.class).Set(value)
	}
}

// turnOn parses a class whose dial is off or on.
func turnOn(class string) func(string) (Fault, error) {
	return func(args string) (Fault, error) {
		host, err := one(args)
		return turn{class: class, host: host, value: 1}, err
	}
}

// turnTo parses a class whose dial is a time, in nanoseconds.
func turnTo(class string) func(string) (Fault, error) {
	return func(args string) (Fault, error) {
		name, amount, _ := strings.Cut(args, " ")
		host, err := one(name)
		if err != nil {
			return nil, err
		}
		d, err := time.ParseDuration(strings.TrimSpace(amount))
		if err == nil && d <= 0 {
			err = fmt.Errorf("%s is no time to take", d)
		}
		return turn{class: class, host: host, value: uint64(d), args: d.String()}, err
	}
}

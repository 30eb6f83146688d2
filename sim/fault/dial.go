package fault

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/smalti/smalti/sim"
)

// turn is a fault of an application: it turns a dial of a host, which is named
// like the class, and back at its end. The programs that look at the dial report
// the mark when they misbehave.
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
func (f turn) Begin(w *sim.World) {
	if h := known(w, f.host); h != nil {
		h.Turn(f.class, f.value)
	}
}

// End implements Fault.
func (f turn) End(w *sim.World) {
	if h := known(w, f.host); h != nil {
		h.TurnBack(f.class, f.value)
	}
}

// turnOn parses a class whose dial is off or on.
func turnOn(class string) func(string) (Fault, error) {
	return func(args string) (Fault, error) {
		host, err := one(args)
		return turn{class: class, host: host, value: 1}, err
	}
}

// turnUp parses a class whose dial is a number from 1 to most.
func turnUp(class string, most int) func(string) (Fault, error) {
	return func(args string) (Fault, error) {
		host, amount, err := sized(args)
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(amount)
		if err == nil && (n < 1 || n > most) {
			err = fmt.Errorf("%d is not from 1 to %d", n, most)
		}
		return turn{class: class, host: host, value: uint64(n), args: strconv.Itoa(n)}, err
	}
}

// sized reads the name of a single host and an amount after it.
func sized(text string) (host, amount string, err error) {
	i := strings.LastIndex(text, " ")
	if i < 0 {
		return "", "", fmt.Errorf("no amount")
	}
	host, err = one(text[:i])
	return host, text[i+1:], err
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

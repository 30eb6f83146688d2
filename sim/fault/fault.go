package fault

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/smalti/smalti/sim"
)

// ErrSyntax is wrapped by the errors of Parse.
var ErrSyntax = errors.New("malformed fault")

// Fault is something that goes wrong for a while.
type Fault interface {
	// String is the text form, which Parse reads back.
	fmt.Stringer
	// Class names the kind of fault: the first word of the text form.
	Class() string
	// Hosts lists the hosts that the fault names, in order.
	Hosts() []string
	// Begin and End are called once each, in this order.
	Begin(w *sim.World)
	End(w *sim.World)
}

// Class is a kind of fault.
type Class struct {
	Name  string
	Usage string   // the text form
	Doc   string   // one sentence
	Marks []string // any of these proves that it bit
	parse func(args string) (Fault, error)
}

// classes is the registry, in order of name. Each class is in a file of its own.
var classes = []Class{
	accuseClass, besiegeClass, bridgeClass, brinkClass, bulkClass, burstClass, busyClass, corruptClass, crashClass, crawlClass, cutClass, driftClass,
	equivocateClass, flapClass, floodClass, foreignClass, forgeClass, fulldiskClass, futureClass, gulpClass, halfopenClass, holdClass, isolateClass, jitterClass,
	lapseClass, leaveClass, lossClass, lureClass, malformClass, offsetClass, panicClass, partitionClass, pauseClass, powercutClass, renewClass,
	replayClass, resetClass, restartClass, revokeClass, ringClass, silentClass, slowClass, slowdiskClass, spoilClass, stallClass, stealClass, stepClass,
	suppressClass, swizzleClass, sybilClass, throttleClass, twinClass, unreachableClass, withholdClass,
}

// Classes lists all kinds of fault, in order of name.
func Classes() []Class { return slices.Clone(classes) }

// ClassOf gives the name of the class in a fault's text form, known or not.
func ClassOf(text string) string {
	name, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return name
}

// Parse reads the text form of a fault.
func Parse(text string) (Fault, error) {
	text = strings.TrimSpace(text)
	name := ClassOf(text)
	args := text[len(name):]
	for _, c := range classes {
		if c.Name != name {
			continue
		}
		f, err := c.parse(strings.TrimSpace(args))
		if err != nil {
			return nil, fmt.Errorf("parse fault %q: %w; want %q: %w", text, err, c.Usage, ErrSyntax)
		}
		return f, nil
	}
	names := make([]string, len(classes))
	for i, c := range classes {
		names[i] = c.Name
	}
	return nil, fmt.Errorf("parse fault %q: no class %q, only %s: %w", text, name, strings.Join(names, ", "), ErrSyntax)
}

// hosts reads a list of names, joined by commas.
func hosts(text string) ([]string, error) {
	var list []string
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if name == "" || strings.ContainsAny(name, " |>") {
			return nil, fmt.Errorf("%q is no list of hosts", text)
		}
		list = append(list, name)
	}
	return list, nil
}

// pair reads two lists around a separator.
func pair(text, separator string) (a, b []string, err error) {
	left, right, ok := strings.Cut(text, separator)
	if !ok {
		return nil, nil, fmt.Errorf("no %q", separator)
	}
	if a, err = hosts(left); err != nil {
		return nil, nil, err
	}
	b, err = hosts(right)
	return a, b, err
}

// each calls f for every pair of different hosts.
func each(a, b []string, f func(from, to string)) {
	for _, x := range a {
		for _, y := range b {
			if x != y {
				f(x, y)
			}
		}
	}
}

func join(list []string) string { return strings.Join(list, ",") }

// known gives a host that the world has, or nil: a shrunk scenario may have
// lost it.
func known(w *sim.World, name string) *sim.Host {
	for _, h := range w.Hosts() {
		if h.Name() == name {
			return h
		}
	}
	return nil
}

package fault

import (
	"fmt"
	"slices"
	"strings"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// ruled is a fault that imposes a rule on paths, one way, and lifts it at its end.
type ruled struct {
	class    string
	from, to []string
	args     string // after the hosts
	mark     string
	rule     netsim.Rule
}

// Class implements Fault.
func (f *ruled) Class() string { return f.class }

func (f *ruled) String() string {
	return fmt.Sprintf("%s %s -> %s %s", f.class, join(f.from), join(f.to), f.args)
}

// Hosts implements Fault.
func (f *ruled) Hosts() []string { return slices.Concat(f.from, f.to) }

// Begin implements Fault.
func (f *ruled) Begin(w *sim.World) {
	f.rule.Name, f.rule.Bitten = fmt.Sprintf("%s at %s", f, w.Now()), 0
	each(f.from, f.to, func(from, to string) { w.Net.Impose(from, to, &f.rule) })
}

// End implements Fault.
func (f *ruled) End(w *sim.World) {
	each(f.from, f.to, func(from, to string) { w.Net.Lift(from, to, &f.rule) })
	if f.rule.Bitten > 0 {
		w.Report(&event.Event{Kind: event.Mark, Text: f.mark})
	}
}

// oneWay reads a list of hosts, "->", another list, and so many words.
func oneWay(text string, words int) (from, to, rest []string, err error) {
	fields := strings.Fields(text)
	if len(fields) < words {
		return nil, nil, nil, fmt.Errorf("%d words, want more", len(fields))
	}
	rest = fields[len(fields)-words:]
	from, to, err = pair(strings.Join(fields[:len(fields)-words], " "), "->")
	return from, to, rest, err
}

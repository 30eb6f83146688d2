package fault

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// MarkSlow says that a path got slower.
const MarkSlow = "fault.slow"

var slowClass = Class{
	Name: "slow", Usage: "slow a -> b,c 200ms", Doc: "What the first set of hosts sends to the second takes longer.",
	Marks: []string{MarkSlow},
	parse: func(args string) (Fault, error) {
		i := strings.LastIndex(args, " ")
		if i < 0 {
			return nil, fmt.Errorf("no delay")
		}
		by, err := time.ParseDuration(args[i+1:])
		if err != nil || by <= 0 {
			return nil, fmt.Errorf("%q is no delay", args[i+1:])
		}
		from, to, err := pair(args[:i], "->")
		return Slow{from, to, by}, err
	},
}

// Slow adds to the latency of paths.
type Slow struct {
	From, To []string
	By       time.Duration
}

// Class implements Fault.
func (Slow) Class() string { return "slow" }

func (f Slow) String() string {
	return fmt.Sprintf("slow %s -> %s %s", join(f.From), join(f.To), f.By)
}

// Hosts implements Fault.
func (f Slow) Hosts() []string { return slices.Concat(f.From, f.To) }

// Begin implements Fault.
func (f Slow) Begin(w *sim.World) {
	w.Report(&event.Event{Kind: event.Mark, Text: MarkSlow})
	f.add(w, f.By)
}

// End implements Fault.
func (f Slow) End(w *sim.World) { f.add(w, -f.By) }

func (f Slow) add(w *sim.World, by time.Duration) {
	each(f.From, f.To, func(from, to string) {
		path := w.Net.PathOf(from, to)
		path.Latency.Base += by
		if err := w.Net.SetPath(from, to, path); err != nil {
			w.Fail("fault", err.Error())
		}
	})
}

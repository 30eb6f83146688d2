package fault

import (
	"time"

	"github.com/smalti/smalti/sim"
)

// MarkBrink says that a datum was sent at one of Brinks.
const MarkBrink = "fault.brink"

// Notice is how long before its end a ticket of this fault is given: time enough to
// be told to those who check.
const Notice = 2 * time.Second

// Brinks are the moments, counted from the end of a ticket, at which datums are sent:
// the last two at which the right is there, and the first three at which it is not.
func Brinks() []time.Duration {
	return []time.Duration{-time.Millisecond, -1, 0, 1, time.Millisecond}
}

var brinkClass = Class{
	Name: "brink", Usage: "brink a", Doc: "The host gets a ticket that ends in two seconds, and by their own clocks producers send 1 ms and 1 ns before that, then, and 1 ns and 1 ms later; at the end it gets another.",
	Marks: []string{MarkBrink},
	parse: func(args string) (Fault, error) {
		host, err := one(args)
		return &Brink{Host: host}, err
	},
}

// Brink is a datum at the end of a right. Its dial is the end, in Unix nanoseconds.
type Brink struct {
	Host string
	end  uint64
}

// Class implements Fault.
func (*Brink) Class() string { return "brink" }

func (f *Brink) String() string { return "brink " + f.Host }

// Hosts implements Fault.
func (f *Brink) Hosts() []string { return []string{f.Host} }

// Begin implements Fault.
func (f *Brink) Begin(w *sim.World) {
	if h := known(w, f.Host); h != nil {
		f.end = noticed(w)
		h.Turn("brink", f.end)
	}
}

// End implements Fault.
func (f *Brink) End(w *sim.World) {
	if h := known(w, f.Host); h != nil {
		h.TurnBack("brink", f.end)
	}
}

// noticed is when a ticket ends that is given now, in Unix nanoseconds.
func noticed(w *sim.World) uint64 { return uint64(sim.Epoch.Add(w.Now() + Notice).UnixNano()) }

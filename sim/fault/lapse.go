package fault

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

// MarkLapse says that a ticket was renewed as long after its end, or before, as was
// asked for.
const MarkLapse = "fault.lapse"

// maxLapse is how long after its end a ticket may be renewed.
const maxLapse = time.Minute

var lapseClass = Class{
	Name: "lapse", Usage: "lapse a 1ms", Doc: "The host gets a ticket that ends in two seconds, and the next one so long after that end, or before if it is negative.",
	Marks: []string{MarkLapse},
	parse: func(args string) (Fault, error) {
		host, amount, err := sized(args)
		if err != nil {
			return nil, err
		}
		by, err := time.ParseDuration(amount)
		if err != nil || by <= -Notice || by > maxLapse {
			return nil, fmt.Errorf("%q is no time from -%s to %s", amount, Notice, maxLapse)
		}
		return &Lapse{Host: host, By: by}, nil
	},
}

// Lapse is a ticket that is renewed at a bad moment. Its dial is the end, in Unix
// nanoseconds.
type Lapse struct {
	Host string
	By   time.Duration

	end   uint64
	timer runtime.Timer
}

// Class implements Fault.
func (*Lapse) Class() string { return "lapse" }

func (f *Lapse) String() string { return fmt.Sprintf("lapse %s %s", f.Host, f.By) }

// Hosts implements Fault.
func (f *Lapse) Hosts() []string { return []string{f.Host} }

// Begin implements Fault.
func (f *Lapse) Begin(w *sim.World) {
	h := known(w, f.Host)
	if h == nil {
		return
	}
	f.end = noticed(w)
	h.Turn("lapse", f.end)
	env := w.Env()
	f.timer = env.Clock.AfterFunc(env.Scheduler.Strand("lapse"), Notice+f.By, func() { h.TurnBack("lapse", f.end) })
}

// End implements Fault.
func (f *Lapse) End(w *sim.World) {
	if h := known(w, f.Host); h != nil && f.timer != nil {
		f.timer.Stop()
		h.TurnBack("lapse", f.end)
	}
}

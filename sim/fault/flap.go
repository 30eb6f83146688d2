package fault

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

// MarkFlap says that something was lost while a partition that comes and goes was there.
const MarkFlap = "fault.flap"

// minPeriod is the shortest time between two turns of a fault: a storm of turns would
// cost steps and show nothing more.
const minPeriod = 10 * time.Millisecond

var flapClass = Class{
	Name: "flap", Usage: "flap a,b | c,d 500ms", Doc: "A partition between the two sets of hosts comes and goes, so long each.",
	Marks: []string{MarkFlap},
	parse: func(args string) (Fault, error) {
		sets, every, err := periodic(args)
		if err != nil {
			return nil, err
		}
		a, b, err := pair(sets, "|")
		return &Flap{A: a, B: b, Every: every}, err
	},
}

// Flap is a partition that comes and goes.
type Flap struct {
	A, B  []string
	Every time.Duration

	bite  bite
	there bool
	timer runtime.Timer
}

// Class implements Fault.
func (*Flap) Class() string { return "flap" }

func (f *Flap) String() string {
	return fmt.Sprintf("flap %s | %s %s", join(f.A), join(f.B), f.Every)
}

// Hosts implements Fault.
func (f *Flap) Hosts() []string { return slices.Concat(f.A, f.B) }

// Begin implements Fault.
func (f *Flap) Begin(w *sim.World) {
	f.bite.open(w, ways(f.A, f.B))
	f.timer = repeat(w, f.Every, func() { f.turn(w) })
	f.turn(w)
}

func (f *Flap) turn(w *sim.World) {
	if f.there {
		f.bite.unblock(w)
	} else {
		f.bite.block(w)
	}
	f.there = !f.there
}

// End implements Fault.
func (f *Flap) End(w *sim.World) {
	f.timer.Stop()
	if f.there {
		f.turn(w)
	}
	f.bite.close(w, MarkFlap)
}

// periodic reads what stands before a period, and the period.
func periodic(args string) (rest string, every time.Duration, err error) {
	i := strings.LastIndex(args, " ")
	if i < 0 {
		return "", 0, fmt.Errorf("no period")
	}
	every, err = time.ParseDuration(args[i+1:])
	if err != nil || every < minPeriod {
		return "", 0, fmt.Errorf("%q is no period of at least %s", args[i+1:], minPeriod)
	}
	return args[:i], every, nil
}

// repeat calls f every so often until the timer is stopped.
func repeat(w *sim.World, every time.Duration, f func()) runtime.Timer {
	env := w.Env()
	var timer runtime.Timer
	timer = env.Clock.AfterFunc(env.Scheduler.Strand("fault"), every, func() {
		timer.Reset(every)
		f()
	})
	return timer
}

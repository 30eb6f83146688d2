package fault

import (
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// MarkPowercut says that a host lost power, and a write with it.
const MarkPowercut = "fault.powercut"

var powercutClass = Class{
	Name: "powercut", Usage: "powercut a", Doc: "The host loses power as soon as it writes something, which is lost; at the end it boots again.",
	Marks: []string{MarkPowercut},
	parse: func(args string) (Fault, error) {
		name, err := one(args)
		return &Powercut{Host: name}, err
	},
}

// Powercut is a crash at the worst moment for what is on the disk.
type Powercut struct {
	Host string

	stop  func()
	timer runtime.Timer
	cut   bool
}

// Class implements Fault.
func (*Powercut) Class() string { return "powercut" }

func (f *Powercut) String() string { return "powercut " + f.Host }

// Hosts implements Fault.
func (f *Powercut) Hosts() []string { return []string{f.Host} }

// Begin implements Fault.
func (f *Powercut) Begin(w *sim.World) {
	h := known(w, f.Host)
	if h == nil {
		return
	}
	env := w.Env()
	f.cut = false
	f.timer = env.Clock.AfterFunc(env.Scheduler.Strand("powercut"), 0, func() {
		before := h.Disk().Bitten().Lost
		h.Crash()
		f.cut = true
		if h.Disk().Bitten().Lost > before {
			w.Report(&event.Event{Kind: event.Mark, Text: MarkPowercut})
		}
	})
	f.timer.Stop()
	// The step in which the host writes ends before.
	f.stop = h.Disk().OnWrite(func() {
		f.stop()
		f.timer.Reset(0)
	})
}

// End implements Fault.
func (f *Powercut) End(w *sim.World) {
	h := known(w, f.Host)
	if h == nil || f.stop == nil {
		return
	}
	f.stop()
	f.timer.Stop()
	if f.cut && !h.Up() {
		h.Restart()
	}
}

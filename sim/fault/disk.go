package fault

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// store is a fault of a host's disk: it does something to it, undoes that at its end,
// and counts meanwhile.
type store struct {
	class, host string
	args        string // after the host
	mark        string
	begin, end  func(d *sim.Disk)
	bites       func(b sim.DiskBites) uint64
	restarts    bool // the host loses power and boots again when it begins

	before uint64
}

// Class implements Fault.
func (f *store) Class() string { return f.class }

func (f *store) String() string {
	if f.args == "" {
		return f.class + " " + f.host
	}
	return f.class + " " + f.host + " " + f.args
}

// Hosts implements Fault.
func (f *store) Hosts() []string { return []string{f.host} }

// Begin implements Fault.
func (f *store) Begin(w *sim.World) {
	h := known(w, f.host)
	if h == nil {
		return
	}
	f.before = f.bites(h.Disk().Bitten())
	f.begin(h.Disk())
	if f.restarts && h.Up() {
		h.Restart()
	}
}

// End implements Fault.
func (f *store) End(w *sim.World) {
	h := known(w, f.host)
	if h == nil {
		return
	}
	f.end(h.Disk())
	if f.bites(h.Disk().Bitten()) > f.before {
		w.Report(&event.Event{Kind: event.Mark, Text: f.mark})
	}
}

package sim

import (
	"slices"

	"github.com/smalti/smalti/runtime"
)

// dial is a number that several can turn.
type dial struct {
	turned []uint64 // the values of those who did not turn it back
	shows  runtime.Watch[uint64]
}

func (h *Host) dial(name string) *dial {
	if h.dials == nil {
		h.dials = map[string]*dial{}
	}
	if h.dials[name] == nil {
		h.dials[name] = &dial{}
	}
	return h.dials[name]
}

// Dial gives the dial of a name: a number that faults turn and the programs on the
// host look at, so that applications can be made to misbehave too. It is 0 at
// first and survives a crash.
func (h *Host) Dial(name string) *runtime.Watch[uint64] { return &h.dial(name).shows }

// Turn turns a dial to a value, until as many TurnBacks with this value. While
// several are at it, the dial shows the largest.
func (h *Host) Turn(name string, value uint64) {
	d := h.dial(name)
	d.turned = append(d.turned, value)
	d.shows.Set(slices.Max(d.turned))
}

// TurnBack undoes one Turn; one too many does nothing.
func (h *Host) TurnBack(name string, value uint64) {
	d := h.dial(name)
	i := slices.Index(d.turned, value)
	if i < 0 {
		return
	}
	d.turned = slices.Delete(d.turned, i, i+1)
	d.shows.Set(slices.Max(append(d.turned, 0)))
}

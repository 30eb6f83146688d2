package netsim

import "github.com/smalti/smalti/runtime"

// alarm is a timer on the network's strand that is armed again instead of made
// again.
type alarm struct {
	n     *Network
	f     func()
	timer runtime.Timer
	at    int64
	armed bool
}

func (a *alarm) init(n *Network, f func()) { a.n, a.f = n, f }

// set has f run at that time, or earlier if it was set for an earlier one
// already: whoever wants it later looks at the time and sets it again.
func (a *alarm) set(at int64) {
	if a.armed && a.at <= at {
		return
	}
	a.at, a.armed = at, true
	in := at - a.n.now()
	if a.timer == nil {
		a.timer = a.n.after(in, a.fire)
	} else {
		a.timer.Reset(nanoseconds(in))
	}
}

func (a *alarm) stop() {
	if a.armed {
		a.armed = false
		a.timer.Stop()
	}
}

func (a *alarm) fire() {
	if !a.armed {
		return // stopped from another strand, too late
	}
	a.armed = false
	if a.n.now() < a.at {
		a.set(a.at)
		return
	}
	a.f()
}

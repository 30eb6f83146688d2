package scenarios

import (
	"slices"

	"github.com/smalti/smalti/sim/fault"
)

// A scenario with a core is healed in part: its hosts recover while everything else stays as
// bad as it is, as in TigerBeetle's VOPR. What holds for all must hold for a core among
// hosts that are down, cut off, slow or lie.

// between are the classes of faults on the ways between hosts, and on nothing else: those
// that touch no two of the core leave it whole.
var between = []string{"bridge", "burst", "cut", "flap", "halfopen", "hold", "jitter", "loss", "partition", "reset", "slow", "throttle"}

// lasting tells whether a fault goes on while the core recovers.
func (s Scenario) lasting(x fault.Fault) bool {
	if len(s.Core) == 0 {
		return false
	}
	touched := 0
	for _, h := range x.Hosts() {
		if slices.Contains(s.Core, h) {
			touched++
		}
	}
	return touched == 0 || touched == 1 && slices.Contains(between, x.Class())
}

// recovers tells whether a host must be well in the end.
func (s Scenario) recovers(host string) bool {
	return len(s.Core) == 0 || slices.Contains(s.Core, host)
}

// besieged tells whether somebody goes on to take places while the core recovers.
func (s Scenario) besieged() bool {
	return s.struck(s.lasting, "besiege")
}

// core draws some of the hosts, and those that they bootstrap from.
func (d *drawing) core() {
	if len(d.Hosts) < minVillage || !d.Chance(coreChance) {
		return
	}
	chosen := map[string]bool{d.Hosts[0].Name: true}
	for _, name := range d.shuffled()[:2+d.IntN(len(d.Hosts)-2)] {
		chosen[name] = true
	}
	for _, h := range slices.Backward(d.Hosts) { // a host bootstraps from one before it
		if chosen[h.Name] {
			for _, b := range h.Bootstrap {
				chosen[b] = true
			}
		}
	}
	for _, h := range d.Hosts {
		if chosen[h.Name] {
			d.Core = append(d.Core, h.Name)
		}
	}
	if len(d.Core) == len(d.Hosts) {
		d.Core = nil
	}
}

// coreChance is how often only a core recovers, in ppm.
const coreChance = 500_000

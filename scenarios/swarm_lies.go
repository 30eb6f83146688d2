package scenarios

import (
	"fmt"
	"time"
)

const (
	// lieChance is the chance of liars, and then of each class of what they do: the
	// product is the chance of other classes. Half of the seeds have liars: the others
	// are of few hosts, or not drawn.
	lieChance      = 600_000
	lieClassChance = 750_000
	// minVillage is how many hosts there are where some lie, at most a quarter of them.
	minVillage = 4
	// maxLies is how long a lie lasts at most.
	maxLies = 20 * time.Second
)

// lies draws hosts that are Byzantine, and what they do. What is drawn before is as it would
// be without.
func (d *drawing) lies() {
	if len(d.Hosts) < minVillage || !d.Chance(lieChance) {
		return
	}
	names := d.shuffled()
	x := 1 + d.IntN(len(names)/4)
	liars, honest := names[:x], names[x:]
	classes := []func() string{
		func() string { return fmt.Sprintf("accuse %%s %d", 1<<d.IntN(5)) },
		func() string { return "besiege %s" },
		func() string { return "equivocate %s" },
		func() string { return "foreign %s" },
		func() string { return "forge %s" },
		func() string { return "future %s" },
		func() string { return "lure %s " + honest[d.IntN(len(honest))] },
		func() string { return "malform %s" },
		func() string { return "replay %s" },
		func() string { return "silent %s" },
		func() string { return "suppress %s" },
		func() string { return fmt.Sprintf("sybil %%s %d", 1<<d.IntN(7)) },
	}
	for _, class := range classes {
		if !d.Chance(lieClassChance) {
			continue
		}
		for range 1 + d.IntN(2) {
			text := fmt.Sprintf(class(), liars[d.IntN(len(liars))])
			d.Faults = append(d.Faults, d.strike(text, maxLies))
		}
	}
}

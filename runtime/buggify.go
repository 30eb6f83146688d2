package runtime

// Rates of Bugs, in ppm: a site is active in a quarter of all runs, and fires
// in a quarter of its visits then, as in FoundationDB's simulation.
const (
	bugActive = 250_000
	bugFires  = 250_000
)

// Bugs decides, in simulation, where product code behaves as badly as it may:
// short batches, late wake-ups, full queues. A nil *Bugs never does.
type Bugs struct {
	seed   Seed
	active map[string]*Rand // nil value: the site is not active in this run
}

// NewBugs starts the decisions of seed.
func NewBugs(seed Seed) *Bugs { return &Bugs{seed: seed, active: map[string]*Rand{}} }

// Fire tells whether the site called so behaves badly this time.
func (b *Bugs) Fire(site string) bool {
	if b == nil {
		return false
	}
	r, known := b.active[site]
	if !known {
		if draw := NewRand(b.seed.Derive(site)); draw.Chance(bugActive) {
			r = draw
		}
		b.active[site] = r
	}
	return r != nil && r.Chance(bugFires)
}

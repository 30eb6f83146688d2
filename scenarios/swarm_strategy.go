package scenarios

import "github.com/smalti/smalti/runtime"

// strategies are what half of the seeds of the swarm run with; the others run with
// the default.
var strategies = []string{
	"fifo", "lifo", "pct:1", "pct:3", "delay:8", "delay:64", "starve:5ms", "lag:1ms", "lag:20ms",
	"starve:20ms+pct:3", "lag:5ms+fifo", "lag:5ms+lifo", "lag:5ms+pct:2", "lag:2ms+starve:10ms+delay:8",
}

// swarmStrategy draws whose turn it is, on a random stream of its own: what else the
// scenario has does not depend on it.
func swarmStrategy(seed uint64) string {
	r := runtime.NewRand(runtime.SeedOf(seed).Derive("swarm", "strategy"))
	if r.Chance(500_000) {
		return ""
	}
	return strategies[r.IntN(len(strategies))]
}

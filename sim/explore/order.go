package explore

import (
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

// fair draws, as the kernel does by itself.
type fair struct{ random *runtime.Rand }

func (f fair) Next(_ time.Duration, turns []sim.Turn) (sim.Turn, time.Duration) {
	return turns[f.random.IntN(len(turns))], 0
}

type fifo struct{}

func (fifo) Next(_ time.Duration, turns []sim.Turn) (sim.Turn, time.Duration) { return turns[0], 0 }

type lifo struct{}

func (lifo) Next(_ time.Duration, turns []sim.Turn) (sim.Turn, time.Duration) {
	return turns[len(turns)-1], 0
}

// places draws n places of a stretch; there may be fewer, if two fall together.
func places(random *runtime.Rand, into []int) {
	for i := range into {
		into[i] = random.IntN(stretch)
	}
}

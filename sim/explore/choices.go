package explore

import (
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

// Choices gives a strategy that is made of bytes: each choice among two or more takes one,
// which counts the strands from the one that has waited longest, around. When all are
// taken it is first come, first served. It is for fuzzing, where small changes of the bytes
// are small changes of the run, and for runs that are told in full.
func Choices(bytes []byte) func(*runtime.Rand) sim.Strategy {
	return func(*runtime.Rand) sim.Strategy { return &choices{bytes} }
}

type choices struct{ left []byte }

func (c *choices) Next(_ time.Duration, turns []sim.Turn) (sim.Turn, time.Duration) {
	if len(turns) == 1 || len(c.left) == 0 {
		return turns[0], 0
	}
	i := int(c.left[0]) % len(turns)
	c.left = c.left[1:]
	return turns[i], 0
}

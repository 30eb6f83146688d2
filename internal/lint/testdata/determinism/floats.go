package determinism

import (
	"math"
	"time"
)

const half = 0.5 * 2 // constants are exact

func floats(x float64, y float32, d time.Duration) bool {
	_ = x * 2              // want "float arithmetic is forbidden in runtime/stream: use integers"
	_ = -y                 // want "float arithmetic"
	x += 1                 // want "float arithmetic"
	y++                    // want "float arithmetic"
	_ = math.Log(x)        // want "float arithmetic .math.Log."
	_ = max(x, 1)          // want "comparing floats"
	_ = complex(x, x) * 1i // want "float arithmetic"
	_ = math.Float64bits(x)
	_ = x / float64(d) // want "float arithmetic"
	_ = d * 3 / 2
	_ = max(d, 1)
	_ = half
	return x < 1 || // want "comparing floats"
		d.Seconds() == 2 // want "comparing floats"
}

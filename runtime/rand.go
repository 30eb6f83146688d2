package runtime

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/zeebo/blake3"
)

// Seed starts a random stream.
type Seed [32]byte

// Derive gives the seed of the stream that names lead to. Streams of different
// names are independent: drawing more from one changes no other.
func (s Seed) Derive(names ...string) Seed {
	h := blake3.New()
	_, _ = h.Write(s[:])
	var length [8]byte
	for _, name := range names {
		binary.BigEndian.PutUint64(length[:], uint64(len(name)))
		_, _ = h.Write(length[:])
		_, _ = h.WriteString(name)
	}
	var d Seed
	h.Sum(d[:0])
	return d
}

// SeedOf gives the seed that stands for a number, as in simrun --seed N.
func SeedOf(n uint64) Seed {
	var s Seed
	binary.LittleEndian.PutUint64(s[:], n)
	return s.Derive("smalti seed")
}

// Rand is a stream of random numbers, ChaCha8 under integer-only arithmetic:
// the same seed gives the same draws on every machine. It is never for
// secrets, and belongs to one strand or task.
type Rand struct{ source rand.ChaCha8 }

// NewRand starts the stream of seed.
func NewRand(seed Seed) *Rand {
	r := &Rand{}
	r.source.Seed(seed)
	return r
}

// Uint64 draws 64 bits.
func (r *Rand) Uint64() uint64 { return r.source.Uint64() }

// Uint64N draws from [0, n), without bias (Lemire, "Fast Random Integer
// Generation in an Interval", 2019). n must not be 0.
func (r *Rand) Uint64N(n uint64) uint64 {
	if n == 0 {
		panic("runtime: Uint64N of 0")
	}
	high, low := bits.Mul64(r.Uint64(), n)
	if low < n {
		for floor := -n % n; low < floor; {
			high, low = bits.Mul64(r.Uint64(), n)
		}
	}
	return high
}

// IntN draws from [0, n); n must be above 0.
func (r *Rand) IntN(n int) int {
	if n <= 0 {
		panic("runtime: IntN of a number below 1")
	}
	return int(r.Uint64N(uint64(n)))
}

// Between draws from [low, high], both inclusive; low when they are reversed.
func (r *Rand) Between(low, high int64) int64 {
	if high <= low {
		return low
	}
	return low + int64(r.Uint64N(uint64(high-low)+1))
}

// Duration draws from [low, high], both inclusive; low when they are reversed.
func (r *Rand) Duration(low, high time.Duration) time.Duration {
	return time.Duration(r.Between(int64(low), int64(high)))
}

// Chance is true in ppm of a million draws.
func (r *Rand) Chance(ppm int) bool { return r.Uint64N(1_000_000) < uint64(max(0, ppm)) }

// Shuffle permutes n elements (Fisher-Yates), calling swap for each exchange.
func (r *Rand) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, r.IntN(i+1))
	}
}

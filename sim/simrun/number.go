package simrun

import (
	"fmt"
	"math/bits"
	"time"
)

// seconds prints nanoseconds as seconds with microseconds, in 11 characters.
func seconds(ns int64) string {
	return fmt.Sprintf("%4d.%06d", ns/1e9, ns%1e9/1e3)
}

// count is "1 host", "2 hosts".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// perSecond is n in each second of took.
func perSecond(n uint64, took time.Duration) uint64 {
	high, low := bits.Mul64(n, uint64(time.Second))
	ns := uint64(max(took, time.Millisecond))
	if high >= ns {
		return 0 // more than there are numbers for
	}
	rate, _ := bits.Div64(high, low, ns)
	return rate
}

// tenths prints a number of tenths.
func tenths(n uint64) string { return fmt.Sprintf("%d.%d", n/10, n%10) }

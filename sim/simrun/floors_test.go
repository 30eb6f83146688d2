package simrun

import (
	"testing"
	"time"
)

// BenchmarkFanout is a round of bench fanout, for profiles.
func BenchmarkFanout(b *testing.B) { benchmarkRound(b, fanoutRound) }

// BenchmarkKernel is a round of bench kernel.
func BenchmarkKernel(b *testing.B) { benchmarkRound(b, kernelRound) }

func benchmarkRound(b *testing.B, measure func(seed uint64) (round, error)) {
	b.ReportAllocs()
	for b.Loop() {
		r, err := measure(1)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(r.steps), "steps/op")
	}
}

func TestKernelRoundDoesNotAllocate(t *testing.T) {
	r, err := kernelRound(1)
	if err != nil {
		t.Fatal(err)
	}
	if r.allocs > 1000 || r.steps < kernelSteps {
		t.Errorf("%d allocations in %d steps, want those of Run itself only", r.allocs, r.steps)
	}
}

func TestMedianIsOfTheSameRun(t *testing.T) {
	n := 0
	r, err := median(7, rounds, func(seed uint64) (round, error) {
		n++
		return round{took: []time.Duration{5, 1, 4, 2, 3}[n-1], steps: 10, hash: seed}, nil
	})
	if err != nil || r.Median != 3 || r.Hash != "0000000000000007" || n != rounds {
		t.Errorf("median %d, hash %s, %v after %d rounds; want 3 of 5", r.Median, r.Hash, err, n)
	}
	if _, err := median(7, rounds, func(uint64) (round, error) { n++; return round{hash: uint64(n)}, nil }); err == nil {
		t.Error("rounds that differ give no error")
	}
}

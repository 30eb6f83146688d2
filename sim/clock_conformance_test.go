package sim_test

import (
	"context"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/transporttest/clocktest"
	"github.com/smalti/smalti/sim"
)

// TestHostClocksConform runs the clocks of simulated hosts, some of them off,
// too fast or too slow, and all but one booted late.
func TestHostClocksConform(t *testing.T) {
	for name, tc := range map[string]struct {
		skew  time.Duration
		drift int
	}{
		"exact": {}, "ahead": {skew: 90 * time.Minute}, "behind": {skew: -time.Hour}, "fast": {drift: sim.MaxDrift}, "slow": {drift: -sim.MaxDrift}, "uneven": {drift: 123_457},
	} {
		t.Run(name, func(t *testing.T) {
			clocktest.Run(t, clocktest.Harness{
				Name:  "kernel, " + name,
				Steps: true,
				Run: func(t *testing.T, body func(ctx context.Context, w clocktest.World)) {
					runOnHost(t, tc.skew, tc.drift, body)
				},
			})
		})
	}
}

func runOnHost(t *testing.T, skew time.Duration, drift int, body func(ctx context.Context, w clocktest.World)) {
	t.Helper()
	for seed := range uint64(5) {
		w := sim.New(sim.Config{Seed: seed})
		if err := w.Run(time.Duration(seed) * time.Minute); err != nil {
			t.Fatal(err)
		}
		h := w.Host("a")
		h.StepClock(skew)
		h.Drift(drift)
		done := false
		h.Boot(func(ctx context.Context, env *runtime.Env) {
			defer func() { done = true }()
			body(ctx, clocktest.World{Env: env, Step: h.StepClock})
		})
		if ended, err := w.RunUntil(func() bool { return done }, w.Now()+time.Hour); err != nil || !ended {
			t.Errorf("seed %d: body ended %v, %v", seed, ended, err)
		}
		if err := w.Close(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

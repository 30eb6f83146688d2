package sim_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

// idle is a program that waits for ever.
func idle(ctx context.Context, env *runtime.Env) { _ = env.Sleep(ctx, math.MaxInt64) }

func run(t *testing.T, w *sim.World, until time.Duration) {
	t.Helper()
	if err := w.Run(until); err != nil {
		t.Fatal(err)
	}
}

func TestDriftMovesBothClocksAndTheirTimers(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	h := w.Host("a")
	var fired []string
	var clock runtime.Clock
	h.Boot(func(ctx context.Context, env *runtime.Env) {
		clock = env.Clock
		s := env.Scheduler.Strand("s")
		note := func(name string) func() {
			return func() { fired = append(fired, fmt.Sprintf("%s at %s", name, w.Now())) }
		}
		clock.AfterFunc(s, 10*time.Second, note("before"))
		clock.At(s, sim.Epoch.Add(20*time.Second), note("wall"))
		clock.AfterFunc(s, 30*time.Second, note("after"))
		clock.AfterFunc(s, math.MaxInt64, note("never"))
		idle(ctx, env)
	})
	run(t, w, 5*time.Second)
	if gained := h.Drift(250_000); gained != 0 {
		t.Errorf("gained %s before there was a drift", gained)
	}
	run(t, w, 13*time.Second) // the host's clock reads 15 s
	if clock.Mono() != 15*time.Second || !clock.Now().Equal(sim.Epoch.Add(15*time.Second)) {
		t.Errorf("mono %s, wall %s after 5s and 8s at 5/4, want 15s", clock.Mono(), clock.Now().Sub(sim.Epoch))
	}
	if gained := h.Drift(-250_000 - 500_000); gained != 2*time.Second {
		t.Errorf("gained %s in 8s at 5/4, want 2s", gained)
	}
	run(t, w, 33*time.Second) // 25 s
	if gained := h.Drift(500_000); gained != -10*time.Second {
		t.Errorf("gained %s in 20s at 1/2, want -10s", gained)
	}
	run(t, w, time.Hour)
	want := []string{"before at 9s", "wall at 23s", "after at 38s"}
	if diff := cmp.Diff(want, fired); diff != "" {
		t.Errorf("timers (-want +got):\n%s", diff)
	}
	if off := clock.Now().Sub(sim.Epoch) - w.Now(); off != -8*time.Second {
		t.Errorf("after the drift the clock is off by %s, want what it gained, -8s", off)
	}
}

func TestDriftAddsUpWithinItsBound(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	h := w.Host("a")
	h.Boot(idle)
	for _, ppm := range []int{sim.MaxDrift, sim.MaxDrift, sim.MaxDrift} {
		h.Drift(ppm)
	}
	run(t, w, 10*time.Second)
	if gained := h.Drift(-2 * sim.MaxDrift); gained != 5*time.Second {
		t.Errorf("gained %s in 10s, want 5s: the bound", gained)
	}
	run(t, w, 20*time.Second)
	if gained := h.Drift(-sim.MaxDrift); gained != 5*time.Second {
		t.Errorf("gained %s in 10s at what is left, want 5s", gained)
	}
	run(t, w, 30*time.Second)
	if gained := h.Drift(0); gained != 0 {
		t.Errorf("gained %s without a drift", gained)
	}
}

func TestHostThatBootsWhileItsClockDriftsStartsAtZero(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	h := w.Host("a")
	h.Drift(-100_000)
	run(t, w, 10*time.Second)
	h.Boot(idle)
	if mono := h.Env().Clock.Mono(); mono != 0 {
		t.Errorf("mono starts at %s", mono)
	}
	run(t, w, 20*time.Second)
	if mono := h.Env().Clock.Mono(); mono != 9*time.Second {
		t.Errorf("mono %s after 10s at 9/10", mono)
	}
}

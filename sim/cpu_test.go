package sim_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

func TestSlowHostTakesOneStepAtATime(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	h, other := w.Host("a"), w.Host("b")
	h.Boot(idle)
	other.Boot(idle)
	run(t, w, time.Second)
	var at []time.Duration
	note := func() { at = append(at, w.Now()-time.Second) }
	work := func(h *sim.Host, n int) {
		for _, name := range []string{"s", "t"} {
			s := h.Env().Scheduler.Strand(name)
			for range n {
				s.Post(note)
			}
		}
	}
	ms := func(list ...int) (d []time.Duration) {
		for _, x := range list {
			d = append(d, time.Duration(x)*time.Millisecond)
		}
		return d
	}
	work(h, 2) // it stands in the kernel already
	h.Slow(10 * time.Millisecond)
	run(t, w, 1100*time.Millisecond)
	if diff := cmp.Diff(ms(0, 10, 20, 30), at); diff != "" {
		t.Errorf("four steps (-want +got):\n%s", diff)
	}
	at = nil
	work(other, 2)
	run(t, w, 1150*time.Millisecond)
	if diff := cmp.Diff(ms(100, 100, 100, 100), at); diff != "" {
		t.Errorf("another host (-want +got):\n%s", diff)
	}
	at = nil
	h.Slow(5 * time.Millisecond) // they add up
	work(h, 1)
	run(t, w, 1155*time.Millisecond)
	if late := h.Quicken(10 * time.Millisecond); late < 3 {
		t.Errorf("%d steps were late, want 3 at least", late)
	}
	work(h, 1)
	run(t, w, 1163*time.Millisecond)
	h.Quicken(5 * time.Millisecond) // two are left
	run(t, w, 1200*time.Millisecond)
	if diff := cmp.Diff(ms(150, 163, 163, 163), at); diff != "" {
		t.Errorf("steps up to the end (-want +got):\n%s", diff)
	}
	at = nil
	if late := h.Quicken(time.Second); late != 0 {
		t.Errorf("%d were late on a host that is not slow", late)
	}
	work(h, 2)
	run(t, w, 1300*time.Millisecond)
	if diff := cmp.Diff(ms(200, 200, 200, 200), at); diff != "" {
		t.Errorf("after the end (-want +got):\n%s", diff)
	}
}

func TestSlownessSurvivesPauseAndCrash(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	h := w.Host("a")
	var at []time.Duration
	h.Boot(func(ctx context.Context, env *runtime.Env) {
		for env.Sleep(ctx, time.Millisecond) == nil {
			at = append(at, w.Now())
		}
	})
	steps := func(until time.Duration) int {
		at = nil
		run(t, w, until)
		return len(at)
	}
	run(t, w, time.Second)
	h.Slow(50 * time.Millisecond)
	if n := steps(2 * time.Second); n < 8 || n > 12 { // a timer and a resumption each
		t.Errorf("%d turns in a second of a slow host, want about 10", n)
	}
	for range 10 {
		h.Env().Scheduler.Strand("s").Post(func() { at = append(at, w.Now()) })
	}
	run(t, w, w.Now()+time.Millisecond)
	h.Pause()
	if n := steps(3 * time.Second); n != 0 {
		t.Errorf("%d turns during a pause", n)
	}
	h.Resume()
	if n := steps(4 * time.Second); n < 10 || n > 20 {
		t.Errorf("%d turns after the pause, want about 10", n)
	}
	h.Restart()
	if n := steps(5 * time.Second); n < 8 || n > 12 {
		t.Errorf("%d turns after a restart, want about 10", n)
	}
	h.Pause()
	h.Quicken(50 * time.Millisecond)
	if n := steps(6 * time.Second); n != 0 {
		t.Errorf("%d turns during a pause", n)
	}
	h.Resume()
	if n := steps(7 * time.Second); n < 900 {
		t.Errorf("%d turns in a second, want about 1,000", n)
	}
	h.Pause()
	h.Slow(50 * time.Millisecond)
	if n := steps(8 * time.Second); n != 0 {
		t.Errorf("%d turns during a pause in which the host got slow", n)
	}
	h.Resume()
	if n := steps(9 * time.Second); n < 8 || n > 12 {
		t.Errorf("%d turns of a host that got slow in a pause, want about 10", n)
	}
}

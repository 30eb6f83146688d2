package sim_test

import (
	"context"
	"errors"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

// bustle runs tasks, strands and timers on a few hosts, one of which crashes.
func bustle(seed uint64) (sim.Stats, error) {
	w := sim.New(sim.Config{Seed: seed})
	defer w.Close()
	for _, name := range []string{"a", "b", "c"} {
		w.Host(name).Boot(func(ctx context.Context, env *runtime.Env) {
			strand := env.Scheduler.Strand("work")
			random := strand.Rand("delays")
			left := 200
			var tick func()
			tick = func() {
				if left--; left > 0 {
					env.Clock.AfterFunc(strand, random.Duration(0, time.Millisecond), tick)
				}
			}
			strand.Post(tick)
			for range 100 {
				if env.Sleep(ctx, time.Millisecond) != nil {
					return
				}
			}
		})
	}
	w.Env().Clock.AfterFunc(w.Env().Scheduler.Strand("faults"), 20*time.Millisecond, w.Host("b").Restart)
	err := w.Run(time.Second)
	return w.Stats(), err
}

func TestSameSeedGivesTheSameRun(t *testing.T) {
	first, err := bustle(7)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		again, err := bustle(7)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Fatalf("runs of one seed differ (-first +again):\n%s", diff)
		}
	}
	other, _ := bustle(8)
	if other.Hash == first.Hash {
		t.Errorf("seeds 7 and 8 give one hash, %016x", first.Hash)
	}
}

func TestOrderAmongStrandsIsDrawnFromTheSeed(t *testing.T) {
	orders := map[string]bool{}
	for seed := range uint64(50) {
		w := sim.New(sim.Config{Seed: seed})
		var order []string
		for _, name := range []string{"a", "b", "c"} {
			s := w.Env().Scheduler.Strand(name)
			s.Post(func() { order = append(order, name) })
			s.Post(func() { order = append(order, strings.ToUpper(name)) })
		}
		if err := w.Run(time.Second); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a", "b", "c"} {
			if slices.Index(order, name) > slices.Index(order, strings.ToUpper(name)) {
				t.Fatalf("seed %d: strand %s ran out of the order of Post: %v", seed, name, order)
			}
		}
		orders[strings.Join(order, "")] = true
		w.Close()
	}
	if len(orders) < 20 {
		t.Errorf("50 seeds gave %d different orders, want at least 20", len(orders))
	}
}

func TestSleepTakesVirtualTimeOnly(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	var woke time.Duration
	err := w.RunTask("sleeper", func(ctx context.Context) {
		if err := w.Env().Sleep(ctx, 1000*time.Hour); err != nil {
			t.Error(err)
		}
		woke = w.Now()
	})
	if err != nil || woke != 1000*time.Hour {
		t.Errorf("woke at %s, %v, want 1000h", woke, err)
	}
}

func TestTimeoutEndsAwaitWithItsCause(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	err := w.RunTask("waiter", func(ctx context.Context) {
		env := w.Env()
		short, cancel := env.WithTimeout(ctx, time.Second)
		defer cancel()
		disarmed := false
		err := env.Await(short, func(func()) func() { return func() { disarmed = true } })
		if !errors.Is(err, context.DeadlineExceeded) || !disarmed || w.Now() != time.Second {
			t.Errorf("await = %v at %s, disarmed %v; want a deadline exceeded at 1s, disarmed", err, w.Now(), disarmed)
		}
		if short.Err() != context.DeadlineExceeded {
			t.Errorf("ctx.Err() = %v", short.Err())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAwaitArmsEvenWhenItsContextHasEnded(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	err := w.RunTask("t", func(ctx context.Context) {
		over, cancel := context.WithCancel(ctx)
		cancel()
		armed, disarmed := 0, 0
		err := w.Env().Await(over, func(func()) func() { armed++; return func() { disarmed++ } })
		if !errors.Is(err, context.Canceled) || armed != 1 || disarmed != 1 {
			t.Errorf("await = %v, armed %d, disarmed %d times", err, armed, disarmed)
		}
		if err := w.Env().Await(over, func(wake func()) func() { wake(); return nil }); err != nil {
			t.Errorf("woken while arming: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAwaitPanicsWithAHintOutsideTheContract(t *testing.T) {
	never := func(func()) func() { return nil }
	for name, tc := range map[string]struct {
		hint string
		run  func(w *sim.World)
	}{
		"on a strand": {"a strand must not block", func(w *sim.World) {
			w.Env().Scheduler.Strand("s").Post(func() { _ = w.Env().Await(context.Background(), never) })
		}},
		"with Background": {"pass on the ctx", func(w *sim.World) {
			w.Go("t", func(context.Context) { _ = w.Env().Await(context.Background(), never) })
		}},
		"with another task's context": {"its own ctx", func(w *sim.World) {
			var theirs context.Context
			w.Go("one", func(ctx context.Context) { theirs = ctx; _ = w.Env().Sleep(ctx, time.Hour) })
			w.Go("two", func(ctx context.Context) {
				_ = w.Env().Sleep(ctx, time.Second)
				_ = w.Env().Await(theirs, never)
			})
		}},
		"with a foreign deadline": {"Env.WithTimeout", func(w *sim.World) {
			w.Go("t", func(ctx context.Context) {
				foreign, cancel := context.WithTimeout(ctx, time.Hour)
				defer cancel()
				_ = w.Env().Await(foreign, never)
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := sim.New(sim.Config{Seed: 1})
			defer w.Close()
			tc.run(w)
			var failure *sim.Failure
			if err := w.Run(time.Minute); !errors.As(err, &failure) || failure.Kind != "panic" || !strings.Contains(failure.Detail, tc.hint) {
				t.Errorf("run = %v, want a panic that says %q", err, tc.hint)
			}
		})
	}
}

func TestCrashUnwindsTasksAndSilencesTheirEnv(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	h := w.Host("a")
	var unwound, wentOn, posted, fired bool
	var late error
	h.Boot(func(ctx context.Context, env *runtime.Env) {
		if env.Clock.Mono() > 0 {
			return
		}
		s := env.Scheduler.Strand("s")
		env.Clock.AfterFunc(s, 2*time.Second, func() { fired = true })
		defer func() {
			unwound = true
			late = env.Sleep(ctx, time.Second)
			s.Post(func() { posted = true })
			env.Mark("after the crash")
		}()
		_ = env.Sleep(ctx, time.Hour)
		wentOn = true
	})
	w.Env().Clock.AfterFunc(w.Env().Scheduler.Strand("faults"), time.Second, h.Crash)
	if err := w.Run(time.Minute); err != nil {
		t.Fatal(err)
	}
	if !unwound || wentOn || posted || fired || !errors.Is(late, runtime.ErrCrashed) {
		t.Errorf("unwound %v, went on %v, posted %v, fired %v, late sleep %v", unwound, wentOn, posted, fired, late)
	}
}

func TestTaskOfACrashedHostNeedNotHaveBegun(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	h := w.Host("a")
	ran := false
	for range 3 {
		h.Boot(func(context.Context, *runtime.Env) { ran = true })
		h.Crash()
	}
	if err := w.Run(time.Second); err != nil || ran {
		t.Errorf("run = %v, ran %v", err, ran)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestTaskThatSwallowsItsCrashIsReported(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	h := w.Host("a")
	h.Boot(func(ctx context.Context, env *runtime.Env) {
		for {
			func() {
				defer func() { _ = recover() }()
				_ = env.Sleep(ctx, time.Second)
			}()
		}
	})
	w.Env().Clock.AfterFunc(w.Env().Scheduler.Strand("faults"), time.Second, h.Crash)
	var failure *sim.Failure
	if err := w.Run(time.Minute); !errors.As(err, &failure) || !strings.Contains(failure.Detail, "must not swallow") {
		t.Errorf("run = %v, want a report of the task", err)
	}
}

func TestPanicsAreFailuresWithTheirStack(t *testing.T) {
	for name, start := range map[string]func(w *sim.World, f func()){
		"task":   func(w *sim.World, f func()) { w.Go("t", func(context.Context) { f() }) },
		"strand": func(w *sim.World, f func()) { w.Env().Scheduler.Strand("s").Post(f) },
	} {
		w := sim.New(sim.Config{Seed: 1})
		start(w, func() { panic("boom") })
		var failure *sim.Failure
		if err := w.Run(time.Minute); !errors.As(err, &failure) || !strings.Contains(failure.Detail, "boom") || !strings.Contains(failure.Detail, "kernel_test.go") {
			t.Errorf("%s: %v, want a failure with boom and its stack", name, err)
		}
		w.Close()
	}
}

func TestLivelockAndBudgetEndARun(t *testing.T) {
	spin := func(w *sim.World, pause time.Duration) {
		s := w.Env().Scheduler.Strand("s")
		var again func()
		again = func() { w.Env().Clock.AfterFunc(s, pause, again) }
		s.Post(again)
	}
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	spin(w, 0)
	var failure *sim.Failure
	if err := w.Run(time.Minute); !errors.As(err, &failure) || failure.Kind != "livelock" {
		t.Errorf("run = %v, want a livelock", err)
	}
	w = sim.New(sim.Config{Seed: 1, Budget: 1000})
	defer w.Close()
	spin(w, 1)
	if err := w.Run(time.Hour); !errors.Is(err, sim.ErrBudget) {
		t.Errorf("run = %v, want ErrBudget", err)
	}
}

// settle waits until goroutines of earlier tests have ended: one that ends during a
// world's life makes up for one that it leaves.
func settle(t *testing.T) {
	t.Helper()
	same, last := 0, -1
	for range 1000 {
		if n := goruntime.NumGoroutine(); n == last {
			same++
		} else {
			same, last = 0, n
		}
		if same == 20 {
			return
		}
		<-time.After(time.Millisecond)
	}
	t.Fatal("the number of goroutines does not settle")
}

func TestGoroutineOutsideTheContractIsFound(t *testing.T) {
	settle(t)
	w := sim.New(sim.Config{Seed: 1})
	leave := make(chan struct{})
	w.Go("t", func(context.Context) { go func() { <-leave }() })
	if err := w.Run(time.Second); err != nil {
		t.Fatal(err)
	}
	err := w.Close()
	close(leave)
	if err == nil || !strings.Contains(err.Error(), "outlive") {
		t.Errorf("close = %v, want a report of the goroutine", err)
	}
}

func TestStoreLosesWhatWasNotDurable(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	h := w.Host("a")
	var kept, lost []byte
	h.Boot(func(ctx context.Context, env *runtime.Env) {
		s := env.Scheduler.Strand("s")
		if env.Clock.Now().Sub(sim.Epoch) > time.Second {
			kept, _ = env.Load("first")
			lost, _ = env.Load("second")
			return
		}
		env.Save(s, "first", []byte("1"), func(err error) {
			if err != nil {
				t.Error(err)
			}
			env.Save(s, "second", []byte("2"), func(error) { t.Error("durable after the crash") })
			w.Env().Clock.AfterFunc(w.Env().Scheduler.Strand("faults"), 0, h.Crash)
		})
	})
	w.Env().Clock.AfterFunc(w.Env().Scheduler.Strand("restart"), 2*time.Second, h.Restart)
	if err := w.Run(time.Minute); err != nil {
		t.Fatal(err)
	}
	if string(kept) != "1" || lost != nil {
		t.Errorf("after the crash: first %q, second %q, want 1 and nothing", kept, lost)
	}
}

func BenchmarkKernel(b *testing.B) {
	b.ReportAllocs()
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	env := w.Env()
	var steps int
	for range 10 {
		s := env.Scheduler.Strand("s")
		random := s.Rand("d")
		for range 100 {
			var timer runtime.Timer
			timer = env.Clock.AfterFunc(s, time.Millisecond, func() {
				steps++
				timer.Reset(random.Duration(time.Microsecond, time.Millisecond))
			})
		}
	}
	if _, err := w.RunUntil(func() bool { return steps >= 10_000 }, time.Hour); err != nil {
		b.Fatal(err)
	}
	steps = 0
	b.ResetTimer()
	_, err := w.RunUntil(func() bool { return steps >= b.N }, 1000*time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
}

func BenchmarkTaskSleep(b *testing.B) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	err := w.RunTask("t", func(ctx context.Context) {
		for range b.N {
			_ = w.Env().Sleep(ctx, time.Microsecond)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
}

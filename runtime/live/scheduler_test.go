package live_test

import (
	"context"
	"errors"
	goruntime "runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/live"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newScheduler(t *testing.T, config live.SchedulerConfig) *live.Scheduler {
	t.Helper()
	s := live.NewScheduler(config)
	t.Cleanup(func() {
		s.Stop()
		s.Wait()
	})
	return s
}

// settle waits until everything posted on s so far has run.
func settle(s runtime.Strand) {
	done := make(chan struct{})
	s.Post(func() { close(done) })
	<-done
}

func TestStrandRunsEachSourceInOrderAndOneAtATime(t *testing.T) {
	s := newScheduler(t, live.SchedulerConfig{})
	strand := s.Strand("s")
	const sources, posts = 8, 500
	var inside atomic.Int32
	got := make([][]int, sources)
	var group sync.WaitGroup
	for source := range sources {
		group.Go(func() {
			for i := range posts {
				strand.Post(func() {
					if inside.Add(1) != 1 {
						t.Error("two functions at once")
					}
					got[source] = append(got[source], i)
					inside.Add(-1)
				})
			}
		})
	}
	group.Wait()
	settle(strand)
	for source := range sources {
		for i := range posts {
			if got[source][i] != i {
				t.Fatalf("source %d: entry %d is %d", source, i, got[source][i])
			}
		}
	}
}

func TestPostNeverRunsInline(t *testing.T) {
	s := newScheduler(t, live.SchedulerConfig{})
	strand := s.Strand("s")
	var order []string
	strand.Post(func() {
		strand.Post(func() { order = append(order, "inner") })
		order = append(order, "outer")
	})
	settle(strand)
	settle(strand)
	if diff := cmp.Diff(order, []string{"outer", "inner"}); diff != "" {
		t.Error(diff)
	}
}

func TestStrandSurvivesAFunctionThatEndsItsGoroutine(t *testing.T) {
	s := newScheduler(t, live.SchedulerConfig{})
	strand := s.Strand("s")
	gate := make(chan struct{})
	strand.Post(func() { <-gate })
	strand.Post(goruntime.Goexit)
	ran := false
	strand.Post(func() { ran = true })
	close(gate)
	settle(strand)
	if !ran {
		t.Error("what was posted after it did not run")
	}
}

func TestPanicGoesToTheHookAndTheStrandGoesOn(t *testing.T) {
	type seen struct{ where, value, stack string }
	panics := make(chan seen, 2)
	s := newScheduler(t, live.SchedulerConfig{OnPanic: func(where string, value any, stack []byte) {
		panics <- seen{where, value.(string), string(stack)}
	}})
	strand := s.Strand("worker")
	strand.Post(func() { panic("posted") })
	settle(strand)
	if got := <-panics; got.where != "worker" || got.value != "posted" || !strings.Contains(got.stack, "scheduler_test") {
		t.Errorf("got %+v", got)
	}
	s.Go("task", func(context.Context) { panic("task") })
	if got := <-panics; got.where != "task" || got.value != "task" {
		t.Errorf("got %+v", got)
	}
}

func TestStopWakesParkedTasksAndDropsPostedWork(t *testing.T) {
	s := live.NewScheduler(live.SchedulerConfig{})
	strand := s.Strand("s")
	parked, result := make(chan struct{}), make(chan error, 2)
	s.Go("task", func(ctx context.Context) {
		result <- s.Await(context.Background(), func(func()) func() { close(parked); return nil })
		<-ctx.Done()
		result <- context.Cause(ctx)
	})
	<-parked
	inside, leave := make(chan struct{}), make(chan struct{})
	var after atomic.Bool
	strand.Post(func() { close(inside); <-leave })
	strand.Post(func() { after.Store(true) })
	<-inside
	stopped := make(chan struct{})
	go func() { s.Stop(); close(stopped) }()
	for range 2 {
		if err := <-result; !errors.Is(err, runtime.ErrStopped) {
			t.Errorf("parked task woke with %v, want ErrStopped", err)
		}
	}
	select {
	case <-stopped:
		t.Error("Stop returned while a strand was running")
	default:
	}
	close(leave)
	<-stopped
	s.Stop()
	s.Wait()
	strand.Post(func() { after.Store(true) })
	s.Go("late", func(context.Context) { after.Store(true) })
	s.Wait()
	if after.Load() {
		t.Error("work ran after Stop")
	}
	armed := false
	err := s.Await(context.Background(), func(func()) func() { armed = true; return nil })
	if !errors.Is(err, runtime.ErrStopped) || !armed {
		t.Errorf("Await after Stop: %v, armed %v, want ErrStopped and the caller's lock released", err, armed)
	}
}

func TestAwaitGivesNilWhenWokenAndTheCauseOtherwise(t *testing.T) {
	s := newScheduler(t, live.SchedulerConfig{})
	cause := errors.New("cause")
	ended, end := context.WithCancelCause(context.Background())
	end(cause)
	wake := func(wake func()) func() { wake(); wake(); return nil }
	if err := s.Await(context.Background(), wake); err != nil {
		t.Errorf("woken while arming: %v", err)
	}
	disarmed := 0
	if err := s.Await(ended, func(func()) func() { return func() { disarmed++ } }); !errors.Is(err, cause) || disarmed != 1 {
		t.Errorf("ended context: %v, disarmed %d times, want the cause, once", err, disarmed)
	}
	for range 100 {
		if err := s.Await(ended, wake); err != nil {
			t.Fatalf("woken, context ended too: %v, want nil", err)
		}
		late := func(wake func()) func() { return wake }
		if err := s.Await(ended, late); err != nil {
			t.Fatalf("woken while disarming: %v, want nil", err)
		}
	}
}

func TestRandIsOneStreamPerStrandAndName(t *testing.T) {
	draw := func(seed runtime.Seed, strand, name string) uint64 {
		return newScheduler(t, live.SchedulerConfig{Seed: seed}).Strand(strand).Rand(name).Uint64()
	}
	one := runtime.SeedOf(1)
	if first, again := draw(one, "a", "x"), draw(one, "a", "x"); first != again {
		t.Error("same seed and names, other draw")
	}
	for name, other := range map[string]uint64{
		"seed": draw(runtime.SeedOf(2), "a", "x"), "strand": draw(one, "b", "x"), "name": draw(one, "a", "y"),
		"system": draw(runtime.Seed{}, "a", "x"),
	} {
		if other == draw(one, "a", "x") {
			t.Errorf("other %s, same draw", name)
		}
	}
	s := newScheduler(t, live.SchedulerConfig{}).Strand("s")
	if first, again := s.Rand("x"), s.Rand("x"); first != again {
		t.Error("two streams of one name")
	}
}

func TestEnvSleepsAndTimesOutOnTheLiveClock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := live.NewScheduler(live.SchedulerConfig{})
		env := &runtime.Env{Clock: live.NewClock(clock.New()), Scheduler: s}
		done := make(chan struct{})
		s.Go("task", func(ctx context.Context) {
			defer close(done)
			if err := env.Sleep(ctx, time.Hour); err != nil || env.Clock.Mono() != time.Hour {
				t.Errorf("slept %v, %v", env.Clock.Mono(), err)
			}
			short, cancel := env.WithTimeout(ctx, time.Minute)
			defer cancel()
			if err := env.Sleep(short, time.Hour); !errors.Is(err, context.DeadlineExceeded) || env.Clock.Mono() != time.Hour+time.Minute {
				t.Errorf("woke at %v with %v, want the deadline", env.Clock.Mono(), err)
			}
		})
		<-done
		s.Stop()
		s.Wait()
	})
}

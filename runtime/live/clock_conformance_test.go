package live_test

import (
	"context"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/live"
	"github.com/smalti/smalti/runtime/transporttest/clocktest"
)

// TestClockConformsInVirtualTime runs live's clock in a bubble, on a source
// whose wall time can be stepped.
func TestClockConformsInVirtualTime(t *testing.T) {
	clocktest.Run(t, clocktest.Harness{
		Name:  "live in a bubble",
		Steps: true,
		Run: func(t *testing.T, body func(ctx context.Context, w clocktest.World)) {
			inBubble(t, func(*testing.T) {
				source := &steppable{Clock: clock.New()}
				runTask(source, func(ctx context.Context, env *runtime.Env) {
					body(ctx, clocktest.World{Env: env, Step: func(d time.Duration) { source.step.Add(int64(d)) }})
				})
			})
		},
	})
}

// TestClockConformsInRealTime runs it on the machine's clock.
func TestClockConformsInRealTime(t *testing.T) {
	clocktest.Run(t, clocktest.Harness{
		Name: "live in real time",
		Omits: []string{
			"a stopped wall timer does not follow a step",
			"a wall timer follows a step forward within a second",
			"a wall timer waits for a clock stepped back",
			"mono and plain timers ignore steps",
		},
		Run: func(t *testing.T, body func(ctx context.Context, w clocktest.World)) {
			t.Parallel()
			runTask(nil, func(ctx context.Context, env *runtime.Env) {
				body(ctx, clocktest.World{Env: env})
			})
		},
	})
}

// runTask runs f as a task of a scheduler of its own and returns with it.
func runTask(source clock.Clock, f func(ctx context.Context, env *runtime.Env)) {
	c := live.NewClock(source)
	s := live.NewScheduler(live.SchedulerConfig{})
	env := &runtime.Env{Clock: c, Scheduler: s}
	done := make(chan struct{})
	s.Go("body", func(ctx context.Context) {
		defer close(done)
		f(ctx, env)
	})
	<-done
	c.Stop()
	s.Stop()
	s.Wait()
}

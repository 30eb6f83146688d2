package sim_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

func TestLeftNamesWhatWaitsAndWhere(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	h := w.Host("a")
	var watch runtime.Watch[bool]
	h.Boot(func(ctx context.Context, env *runtime.Env) {
		env.Scheduler.Go("sleeper", func(ctx context.Context) { _ = env.Sleep(ctx, time.Hour) })
		env.Scheduler.Go("waiter", func(ctx context.Context) { _, _ = watch.Wait(ctx, env, func(v bool) bool { return v }) })
		env.Clock.AfterFunc(env.Scheduler.Strand("late"), time.Minute, late)
	})
	if err := w.Run(time.Second); err != nil {
		t.Fatal(err)
	}
	for round := range 2 { // asking changes nothing
		text := strings.Join(h.Left(), "\n")
		for _, want := range []string{
			`task "sleeper" waits in runtime.(*Env).Sleep, called at left_test.go:19`,
			`task "waiter" waits in runtime.(*Watch[...]).Wait, called at left_test.go:20`,
			`timer of strand "late", due in 59s: sim_test.late, left_test.go:`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("round %d: left\n%s\nwant %s in it", round, text, want)
			}
		}
	}
	h.StopTasks()
	if err := w.Run(2 * time.Second); err != nil {
		t.Fatal(err)
	}
	if tasks, timers, _ := h.Pending(); tasks != 0 || timers != 1 {
		t.Errorf("%d tasks and %d timers are left once tasks are stopped, want 0 and 1", tasks, timers)
	}
}

func late() {}

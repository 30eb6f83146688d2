package sim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/sim"
)

// ticker notes the time each second, on a strand and in a task.
func ticker(w *sim.World, notes *[]string) func(ctx context.Context, env *runtime.Env) {
	note := func(env *runtime.Env, who string) {
		*notes = append(*notes, fmt.Sprintf("%s %s %s", w.Now(), who, env.Clock.Mono()))
	}
	return func(ctx context.Context, env *runtime.Env) {
		s := env.Scheduler.Strand("s")
		for i := range 4 {
			env.Clock.AfterFunc(s, time.Duration(i+1)*time.Second, func() { note(env, "timer") })
		}
		for env.Sleep(ctx, 1500*time.Millisecond) == nil {
			note(env, "task")
		}
	}
}

func TestPausedHostStandsStillAndThenRunsInABurst(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	h := w.Host("a")
	var notes []string
	h.Boot(ticker(w, &notes))
	run(t, w, 1200*time.Millisecond)
	h.Pause()
	run(t, w, 3500*time.Millisecond)
	if diff := cmp.Diff([]string{"1s timer 1s"}, notes); diff != "" {
		t.Errorf("up to the end of the pause (-want +got):\n%s", diff)
	}
	if late := h.Resume(); late == 0 {
		t.Error("nobody was late")
	}
	run(t, w, 4*time.Second)
	count := map[string]int{}
	for _, n := range notes[1:] {
		count[n]++
	}
	want := map[string]int{"3.5s timer 3.5s": 2, "3.5s task 3.5s": 1, "4s timer 4s": 1}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("after the pause (-want +got):\n%s", diff)
	}
}

func TestPauseKeepsTheOrderOfAStrandAndWhatWasPosted(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	var order []int
	h := w.Host("a")
	h.Boot(idle)
	run(t, w, time.Second)
	s := h.Env().Scheduler.Strand("s")
	post := func(i int) { s.Post(func() { order = append(order, i) }) }
	post(1)
	h.Pause() // with work in the inbox
	post(2)
	made := h.Env().Scheduler.Strand("made meanwhile")
	made.Post(func() { post(3) })
	run(t, w, 2*time.Second)
	if len(order) != 0 {
		t.Errorf("%v ran on a paused host", order)
	}
	if late := h.Resume(); late != 2 {
		t.Errorf("%d strands were late, want 2", late)
	}
	run(t, w, 3*time.Second)
	if diff := cmp.Diff([]int{1, 2, 3}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestPausesNest(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	h := w.Host("a")
	h.Boot(idle)
	run(t, w, time.Second)
	ran := false
	h.Pause()
	h.Pause()
	h.Env().Scheduler.Strand("s").Post(func() { ran = true })
	if late := h.Resume(); late != 0 {
		t.Errorf("%d strands were late after one of two", late)
	}
	run(t, w, 2*time.Second)
	if ran {
		t.Error("one Resume undid two Pauses")
	}
	if late := h.Resume(); late != 1 {
		t.Errorf("%d strands were late, want 1", late)
	}
	h.Resume() // one too many
	run(t, w, 3*time.Second)
	if !ran {
		t.Error("two Resumes did not undo two Pauses")
	}
	h.Pause()
	ran = false
	h.Env().Scheduler.Strand("t").Post(func() { ran = true })
	run(t, w, 4*time.Second)
	if ran {
		t.Error("a Resume too many undid a later Pause")
	}
}

func TestCrashOfAPausedHostEndsItsTasksAndItBootsPaused(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	h := w.Host("a")
	boots, unwound := 0, 0
	var late error
	h.Boot(func(ctx context.Context, env *runtime.Env) {
		boots++
		defer func() {
			unwound++
			late = env.Sleep(ctx, time.Second)
		}()
		for env.Sleep(ctx, time.Second) == nil {
		}
	})
	run(t, w, 1500*time.Millisecond)
	h.Pause()
	run(t, w, 3*time.Second) // a timer has fired
	h.Crash()
	if unwound != 1 || !errors.Is(late, runtime.ErrCrashed) {
		t.Errorf("%d tasks unwound, late sleep %v", unwound, late)
	}
	h.Restart()
	run(t, w, 10*time.Second)
	if boots != 1 {
		t.Errorf("%d boots: a host that boots while paused stands still", boots)
	}
	h.Resume()
	run(t, w, 20*time.Second)
	if boots != 2 || unwound != 1 {
		t.Errorf("%d boots, %d tasks unwound, want 2 and 1", boots, unwound)
	}
	h.Pause()
	if err := w.Close(); err != nil || unwound != 2 {
		t.Errorf("close of a world with a paused host: %v, %d tasks unwound", err, unwound)
	}
}

func TestPausedHostIsFrozenInTheNetwork(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	marks := map[string]int{}
	w.Observe(countMarks(marks))
	a, b := w.Host("a"), w.Host("b")
	b.Boot(idle)
	a.Boot(func(ctx context.Context, env *runtime.Env) {
		env.Transport.Dial(b.Key().PeerID(), []string{b.Addr()}, runtime.Protocol{Name: "p"}, env.Scheduler.Strand("s"), silent{})
		idle(ctx, env)
	})
	b.Pause()
	b.Pause()
	run(t, w, time.Second)
	if marks[netsim.MarkHeld] == 0 {
		t.Errorf("nothing waits for a paused host: %v", marks)
	}
	b.Resume()
	b.Resume()
	run(t, w, 2*time.Second)
	if up := marks["session.up"]; up != 2 {
		t.Errorf("%d ends of a session after the pause, want 2", up)
	}
}

// countMarks counts marks by name, and sessions as "session.up".
func countMarks(marks map[string]int) func(*event.Record) {
	return func(r *event.Record) {
		switch r.Kind {
		case event.Mark:
			marks[r.Text]++
		case event.SessionUp:
			marks[r.Kind.String()]++
		}
	}
}

// silent hears a link and does nothing.
type silent struct{}

func (silent) OnOpen()                 {}
func (silent) OnMessage([]byte)        {}
func (silent) OnWritable()             {}
func (silent) OnClosed(runtime.Closed) {}

// TestPausesReplay runs hosts that are paused again and again, twice.
func TestPausesReplay(t *testing.T) {
	play := func(seed uint64) sim.Stats {
		w := sim.New(sim.Config{Seed: seed})
		defer w.Close()
		var notes []string
		for _, name := range []string{"a", "b", "c"} {
			w.Host(name).Boot(ticker(w, &notes))
		}
		random := w.Rand("pauses")
		for range 100 {
			h := w.Hosts()[random.IntN(3)]
			h.Pause()
			run(t, w, w.Now()+random.Duration(0, time.Second))
			if random.Chance(300_000) {
				h.Restart()
			}
			h.Resume()
		}
		return w.Stats()
	}
	first := play(1)
	if diff := cmp.Diff(first, play(1)); diff != "" {
		t.Errorf("runs of one seed differ (-first +again):\n%s", diff)
	}
	if play(2).Hash == first.Hash {
		t.Error("seeds 1 and 2 have one hash")
	}
}

package live_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/live"
)

// worker is a small worker whose log depends on the order of its inbox and on
// its random stream.
type worker struct {
	random *runtime.Rand
	sum    uint64
	log    []string
}

func (w *worker) on(source string, nth uint64) {
	w.sum = w.sum*31 + w.random.Uint64N(nth+1)
	w.log = append(w.log, fmt.Sprintf("%s/%d %d", source, nth, w.sum))
}

func TestRecordedInboxReplaysToTheSameLog(t *testing.T) {
	recorder := &live.Recorder{}
	seed := runtime.SeedOf(7)
	s := newScheduler(t, live.SchedulerConfig{Seed: seed, Hook: recorder.Hook})
	strand := s.Strand("worker")
	c := live.NewClock(clock.New())
	raced := &worker{random: strand.Rand("x")}
	var group sync.WaitGroup
	for _, source := range []string{"a", "b", "c", "d"} {
		view := live.Labelled(strand, source)
		group.Go(func() {
			for nth := range uint64(500) {
				view.Post(func() { raced.on(source, nth+1) })
			}
		})
	}
	ticks, ticked := uint64(0), make(chan struct{})
	var timer runtime.Timer
	tick := func() {
		ticks++
		raced.on("timer 1", ticks)
		if ticks == 20 {
			close(ticked)
		} else {
			timer.Reset(10 * time.Microsecond)
		}
	}
	live.Labelled(strand, "setup").Post(func() {
		raced.on("setup", 1)
		timer = c.AfterFunc(strand, 0, tick)
	})
	group.Wait()
	<-ticked
	settle(strand)

	entries, lost := recorder.Entries("worker")
	if len(entries) < 4*500+20+1 || lost != 0 {
		t.Fatalf("%d entries recorded, %d lost", len(entries), lost)
	}
	again := live.NewScheduler(live.SchedulerConfig{Seed: seed})
	defer again.Stop()
	replayed := &worker{random: again.Strand("worker").Rand("x")}
	for i, e := range entries {
		if e.Seq != uint64(i+1) {
			t.Fatalf("entry %d has sequence number %d", i, e.Seq)
		}
		switch e.Source {
		case "a", "b", "c", "d", "setup", "timer 1":
			replayed.on(e.Source, e.Nth)
		}
	}
	if diff := cmp.Diff(replayed.log, raced.log); diff != "" {
		t.Error(diff)
	}
}

func TestUnlabelledEntryIsNamedAfterItsFunction(t *testing.T) {
	recorder := &live.Recorder{Limit: 2}
	s := newScheduler(t, live.SchedulerConfig{Hook: recorder.Hook})
	strand := s.Strand("s")
	for range 3 {
		settle(strand)
	}
	entries, lost := recorder.Entries("s")
	want := []live.Entry{
		{Strand: "s", Seq: 1, Source: "github.com/smalti/smalti/runtime/live_test.settle.func1", Nth: 1},
		{Strand: "s", Seq: 2, Source: "github.com/smalti/smalti/runtime/live_test.settle.func1", Nth: 2},
	}
	if diff := cmp.Diff(entries, want); diff != "" {
		t.Error(diff)
	}
	if lost != 1 {
		t.Errorf("%d entries lost, want 1", lost)
	}
}

func TestFiringThatStopOvertookLeavesNoTrace(t *testing.T) {
	recorder := &live.Recorder{}
	fired := make(chan struct{}, 2)
	s := newScheduler(t, live.SchedulerConfig{Hook: func(e live.Entry, f func()) func() {
		if e.Source != "setup" {
			fired <- struct{}{}
		}
		return recorder.Hook(e, f)
	}})
	source := clock.NewMock()
	c := live.NewClock(source)
	strand := s.Strand("s")
	ran := make(chan string, 2)
	live.Labelled(strand, "setup").Post(func() {
		stopped := c.AfterFunc(strand, time.Millisecond, func() { ran <- "stopped" })
		c.AfterFunc(strand, 2*time.Millisecond, func() { ran <- "left alone" })
		source.Add(time.Millisecond)
		<-fired
		stopped.Stop()
		source.Add(time.Millisecond)
	})
	if got := <-ran; got != "left alone" {
		t.Errorf("the timer that was %s fired", got)
	}
	entries, _ := recorder.Entries("s")
	want := []live.Entry{
		{Strand: "s", Seq: 1, Source: "setup", Nth: 1},
		{Strand: "s", Seq: 3, Source: "timer 2", Nth: 1},
	}
	if diff := cmp.Diff(entries, want); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkPostAndRun(b *testing.B) {
	s := live.NewScheduler(live.SchedulerConfig{})
	defer s.Stop()
	strand := s.Strand("s")
	f := func() {}
	b.ReportAllocs()
	for b.Loop() {
		strand.Post(f)
	}
	settle(strand)
}

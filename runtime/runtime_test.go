package runtime_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
)

// The draws are what seeds in bug reports rest on: a change of these values
// makes every one of them another run.
func TestRandomStreamsHaveGoldenValues(t *testing.T) {
	r := runtime.NewRand(runtime.SeedOf(42).Derive("golden"))
	order := []int{0, 1, 2, 3, 4, 5, 6, 7}
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	got := []any{r.Uint64(), r.Uint64N(1000), r.IntN(7), r.Between(-5, 5), r.Duration(time.Second, time.Minute), r.Chance(500_000), order}
	want := []any{uint64(7182387643425744807), uint64(48), 1, int64(-5), time.Duration(46973840415), true, []int{3, 7, 0, 6, 1, 4, 2, 5}}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("draws (-got +want):\n%s", diff)
	}
}

func TestDerivedSeedsDependOnEveryNameAndItsBounds(t *testing.T) {
	s := runtime.SeedOf(1)
	seen := map[runtime.Seed]bool{s: true}
	for _, d := range []runtime.Seed{s.Derive("a"), s.Derive("a", "b"), s.Derive("ab"), s.Derive("b", "a"), s.Derive("a").Derive("b"), s.Derive(), runtime.SeedOf(2)} {
		if seen[d] {
			t.Errorf("seed %x twice", d[:4])
		}
		seen[d] = true
	}
}

func TestDrawsStayWithinTheirBounds(t *testing.T) {
	r := runtime.NewRand(runtime.SeedOf(3))
	hit := map[int64]int{}
	for range 10_000 {
		hit[r.Between(-2, 2)]++
	}
	for v := int64(-2); v <= 2; v++ {
		if hit[v] < 1800 || hit[v] > 2200 {
			t.Errorf("%d was drawn %d times of 10,000 from 5 values", v, hit[v])
		}
	}
	if len(hit) != 5 || r.Between(3, 3) != 3 || r.Between(4, 3) != 4 {
		t.Errorf("drawn %v, want -2 to 2; an empty range gives its low end", hit)
	}
}

func TestWatchIsSeenByWhoeverWaits(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	var watch runtime.Watch[int]
	env := w.Env()
	strand := env.Scheduler.Strand("s")
	var posted []int
	var stop func()
	strand.Post(func() { stop = watch.Subscribe(strand, func(v int) { posted = append(posted, v) }) })
	err := w.RunTask("waiter", func(ctx context.Context) {
		env.Clock.AfterFunc(strand, time.Second, func() { watch.Set(1); watch.Set(2); watch.Set(3) })
		env.Clock.AfterFunc(strand, 2*time.Second, func() { watch.Set(4) })
		env.Clock.AfterFunc(strand, 3*time.Second, func() { stop(); watch.Set(5) })
		if v, err := watch.Wait(ctx, env, func(v int) bool { return v >= 4 }); v != 4 || err != nil || w.Now() != 2*time.Second {
			t.Errorf("waited until %d, %v at %s", v, err, w.Now())
		}
		if v, err := watch.Wait(ctx, env, func(v int) bool { return v == 4 }); v != 4 || err != nil {
			t.Errorf("the present value was not seen: %d, %v", v, err)
		}
		short, cancel := env.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if v, err := watch.Wait(short, env, func(v int) bool { return v == 99 }); v != 5 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waited for nothing: %d, %v", v, err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 3, 4}; !slices.Equal(posted, want) {
		t.Errorf("subscriber got %v, want %v: the present value, the last of several, nothing after its stop", posted, want)
	}
}

func TestWatchOfThePresentMissesNoSetWhileArming(t *testing.T) {
	for seed := range uint64(50) {
		w := sim.New(sim.Config{Seed: seed})
		var watch runtime.Watch[int]
		env := w.Env()
		strand := env.Scheduler.Strand("s")
		for i := range 20 {
			env.Clock.AfterFunc(strand, time.Duration(i)*time.Microsecond, func() { watch.Set(i + 1) })
		}
		err := w.RunTask("waiter", func(ctx context.Context) {
			for i := range 20 {
				if v, err := watch.Wait(ctx, env, func(v int) bool { return v > i }); v <= i || err != nil {
					t.Errorf("seed %d: %d, %v", seed, v, err)
				}
			}
		})
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		w.Close()
	}
}

func TestDeadlinesOfAnEnvAreItsOwn(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	env := w.Env()
	err := w.RunTask("t", func(ctx context.Context) {
		outer, cancelOuter := env.WithTimeout(ctx, time.Minute)
		defer cancelOuter()
		inner, cancelInner := env.WithDeadline(outer, env.Clock.Now().Add(time.Hour))
		defer cancelInner()
		for name, c := range map[string]context.Context{"outer": outer, "inner": inner} {
			if d, ok := c.Deadline(); !ok || !d.Equal(sim.Epoch.Add(time.Minute)) || runtime.ForeignDeadline(c) {
				t.Errorf("%s: deadline %v, %v, foreign %v", name, d, ok, runtime.ForeignDeadline(c))
			}
		}
		plain, cancelPlain := context.WithCancel(inner)
		defer cancelPlain()
		if runtime.ForeignDeadline(plain) || runtime.ForeignDeadline(ctx) {
			t.Error("a context without a deadline of its own is called foreign")
		}
		if err := env.Sleep(plain, 2*time.Hour); !errors.Is(err, context.DeadlineExceeded) || w.Now() != time.Minute {
			t.Errorf("sleep ended with %v at %s", err, w.Now())
		}
		cancelInner()
	})
	if err != nil {
		t.Fatal(err)
	}
}

type counter struct {
	n    int
	last event.Event
}

func (c *counter) Event(e event.Event) { c.n, c.last = c.n+1, e }

func TestReportStampsEventsWithoutAllocating(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	c := &counter{}
	env := &runtime.Env{Clock: w.Env().Clock, Scheduler: w.Env().Scheduler, Observer: c}
	if n := testing.AllocsPerRun(100, func() { env.Report(&event.Event{Kind: event.Enqueued, From: 1, To: 2, N: 2}) }); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
	if c.last.Wall != sim.Epoch.UnixNano() || c.last.Kind != event.Enqueued {
		t.Errorf("reported %+v", c.last)
	}
	(&runtime.Env{}).Report(&event.Event{Kind: event.Mark}) // nobody listens
}

func TestAbsentStoreSaysSo(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	if _, err := w.Env().Load("x"); !errors.Is(err, runtime.ErrNoStore) {
		t.Errorf("load = %v", err)
	}
	var saved error
	s := w.Env().Scheduler.Strand("s")
	s.Post(func() { w.Env().Save(s, "x", nil, func(err error) { saved = err }) })
	if err := w.Run(time.Second); err != nil || !errors.Is(saved, runtime.ErrNoStore) {
		t.Errorf("save = %v, %v", saved, err)
	}
}

// fullStore keeps nothing.
type fullStore struct{ err error }

func (s fullStore) Get(string) ([]byte, error) { return nil, s.err }

func (s fullStore) Put(strand runtime.Strand, _ string, _ []byte, done func(error)) {
	strand.Post(func() { done(s.err) })
}

func TestValueThatIsNotKeptIsReported(t *testing.T) {
	for err, want := range map[error]int{errors.New("put value: no space"): 1, runtime.ErrStopped: 0, nil: 0} {
		w := sim.New(sim.Config{Seed: 1})
		seen := &counter{}
		env := &runtime.Env{Clock: w.Env().Clock, Scheduler: w.Env().Scheduler, Store: fullStore{err}, Observer: seen}
		s := env.Scheduler.Strand("s")
		var saved error
		s.Post(func() { env.Save(s, "x", nil, func(err error) { saved = err }) })
		if err := w.Run(time.Second); err != nil {
			t.Fatal(err)
		}
		w.Close()
		told := seen.last.Kind == event.StoreFailed && err != nil && seen.last.Text == err.Error()
		if !errors.Is(saved, err) || seen.n != want || told != (want > 0) {
			t.Errorf("saved with %v, reported %d times, last %+v, want %v and %d", saved, seen.n, seen.last, err, want)
		}
	}
}

func TestBuggifyIsOffInProductionAndFollowsItsSeed(t *testing.T) {
	if (&runtime.Env{}).Buggify("site") {
		t.Error("buggified without Bugs")
	}
	active := 0
	for seed := range uint64(400) {
		one, two := &runtime.Env{Bugs: runtime.NewBugs(runtime.SeedOf(seed))}, &runtime.Env{Bugs: runtime.NewBugs(runtime.SeedOf(seed))}
		fired := 0
		for range 100 {
			a, b := one.Buggify("site"), two.Buggify("site")
			if a != b {
				t.Fatalf("seed %d: two runs differ", seed)
			}
			if a {
				fired++
			}
		}
		if fired > 0 {
			active++
			if fired < 8 || fired > 45 {
				t.Errorf("seed %d: fired %d of 100 times", seed, fired)
			}
		}
	}
	if active < 70 || active > 130 {
		t.Errorf("active in %d of 400 runs, want a quarter", active)
	}
}

func TestClosedIsFoundByItsReason(t *testing.T) {
	var err error = runtime.Closed{Reason: wire.TooSlow}
	if !errors.Is(err, wire.TooSlow) || errors.Is(err, wire.NotAllowed) {
		t.Errorf("errors.Is of %v", err)
	}
}

package clocktest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime"
)

// Harness runs cases in one kind of world.
type Harness struct {
	// Name is the world's, for logs.
	Name string
	// Steps tells whether World.Step works.
	Steps bool
	// Omits names the cases that need a step where there is none, sorted.
	Omits []string
	// Run makes a world, runs body as a task of its Env and ends the world.
	Run func(t *testing.T, body func(ctx context.Context, w World))
}

// World is where one case runs.
type World struct {
	// Env has the clock under test.
	Env *runtime.Env
	// Step moves its wall clock by d, forward or back. Nil where it cannot.
	Step func(d time.Duration)
}

// Case is one promise.
type Case struct {
	Name string
	// Steps: the case steps the wall clock.
	Steps bool
	Body  func(b *Bed)
}

// limit bounds each case; it is far above what any takes.
const limit = time.Minute

// Run runs the suite in the worlds of h.
func Run(t *testing.T, h Harness) {
	t.Helper()
	var omitted []string
	for _, c := range Cases() {
		if c.Steps && !h.Steps {
			omitted = append(omitted, c.Name)
			t.Logf("%s does not run %q: it cannot step its wall clock", h.Name, c.Name)
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			ran := false
			h.Run(t, func(ctx context.Context, w World) {
				ran = true
				runBody(t, ctx, w, c.Body)
			})
			if !ran {
				t.Errorf("%s returned without running the body", h.Name)
			}
		})
	}
	slices.Sort(omitted)
	if diff := cmp.Diff(omitted, slices.Clone(h.Omits)); diff != "" {
		t.Errorf("cases that %s does not run (-got +declared):\n%s", h.Name, diff)
	}
}

// Bed is what a body works with.
type Bed struct {
	testing.TB
	ctx    context.Context // the body's own, for as long as the body runs
	env    *runtime.Env
	clock  runtime.Clock
	strand runtime.Strand
	step   func(d time.Duration)
	fired  runtime.Watch[[]firing]
	list   []firing // on the strand
}

// firing is one call of a timer's function.
type firing struct {
	name string
	mono time.Duration
	now  time.Time
}

// aborted unwinds a body after Fatalf.
type aborted struct{}

func runBody(t testing.TB, ctx context.Context, w World, body func(b *Bed)) {
	inner, cancel := w.Env.WithTimeout(ctx, limit)
	defer cancel()
	b := &Bed{TB: t, ctx: inner, env: w.Env, clock: w.Env.Clock, strand: w.Env.Scheduler.Strand("suite"), step: w.Step}
	defer func() {
		switch p := recover(); p.(type) {
		case nil, aborted:
		default:
			panic(p)
		}
	}()
	body(b)
}

// Fatalf fails the case and ends its body.
func (b *Bed) Fatalf(format string, args ...any) {
	b.Helper()
	b.Errorf(format, args...)
	panic(aborted{})
}

// Sleep lets d pass.
func (b *Bed) Sleep(d time.Duration) {
	if err := b.env.Sleep(b.ctx, d); err != nil {
		b.Fatalf("sleep for %v: %v", d, err)
	}
}

// Do runs f on the strand and returns when it has run.
func (b *Bed) Do(f func()) {
	var done runtime.Watch[bool]
	b.strand.Post(func() {
		f()
		done.Set(true)
	})
	if _, err := done.Wait(b.ctx, b.env, func(ok bool) bool { return ok }); err != nil {
		b.Fatalf("run on the strand: %v", err)
	}
}

// note gives a timer function that records its calls.
func (b *Bed) note(name string) func() {
	return func() {
		b.list = append(b.list, firing{name, b.clock.Mono(), b.clock.Now()})
		b.fired.Set(b.list)
	}
}

// wait returns the first n firings.
func (b *Bed) wait(n int) []firing {
	list, err := b.fired.Wait(b.ctx, b.env, func(list []firing) bool { return len(list) >= n })
	if err != nil {
		b.Fatalf("%d timers fired, waiting for %d: %v", len(list), n, err)
	}
	return list
}

// expect checks the names of all firings so far, in order.
func (b *Bed) expect(want ...string) {
	b.Helper()
	got := make([]string, 0, len(want))
	b.Do(func() {
		for _, f := range b.list {
			got = append(got, f.name)
		}
	})
	if diff := cmp.Diff(got, append([]string{}, want...)); diff != "" {
		b.Errorf("fired (-got +want):\n%s", diff)
	}
}

package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/smalti/smalti/internal/wall"
	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// Epoch is the wall time at which every world begins, before the offset of a
// host: 2030-03-17 17:46:40 UTC.
var Epoch = time.Unix(1_900_000_000, 0).UTC()

// DefaultBudget is how many steps a run may take, when Config says nothing.
const DefaultBudget = 200_000_000

// DefaultHangLimit is how long a step may take in real time, when Config says nothing.
const DefaultHangLimit = 10 * time.Second

// ErrBudget says that the run took all the steps that it may: its outcome is
// unknown.
var ErrBudget = errors.New("step budget used up")

// Failure is what ended a run: simulated code that panicked, a livelock, or
// what an observer told Fail.
type Failure struct {
	Kind   string // "panic", "livelock", or the name of an invariant
	Detail string
	At     time.Duration // virtual time
}

func (f *Failure) Error() string { return fmt.Sprintf("%s at %s: %s", f.Kind, f.At, f.Detail) }

// Config says how a world is made. Its zero value is usable.
type Config struct {
	Seed   uint64
	Budget uint64 // most steps of all runs together; 0: DefaultBudget
	// HangLimit is how long, in real time, no step may end before the process is ended with
	// all its stacks: a step blocks outside the contract then. 0: DefaultHangLimit; less than
	// 0: for ever, as under a debugger, which is noticed on Linux.
	HangLimit time.Duration
	Path      netsim.Path // between hosts of which Net was told nothing else; zero: 1 ms fixed
	// Buggify turns the rare behaviours of product code on.
	Buggify bool
	// Strategy makes what decides whose turn it is, on a random stream of its
	// own. nil, or a nil Strategy: a fair draw among all that could run.
	Strategy func(random *runtime.Rand) Strategy
}

// World is one simulation: a kernel, a network and hosts.
type World struct {
	// Net is the network; faults are injected on it.
	Net *netsim.Network

	config     Config
	seed       runtime.Seed
	kernel     *kernel
	root       *Host // runs the world's own strands and tasks; never crashes
	hosts      []*Host
	named      map[string]*Host
	observers  []func(*event.Record)
	events     uint64
	record     event.Record // the latest, shown to all observers
	goroutines int
	closed     bool
	streams    []ident.StreamID
}

// New makes a world.
func New(config Config) *World {
	if config.Budget == 0 {
		config.Budget = DefaultBudget
	}
	w := &World{config: config, named: map[string]*Host{}, seed: runtime.SeedOf(config.Seed), goroutines: wall.Goroutines(math.MaxInt)}
	w.kernel = newKernel(w.seed)
	w.kernel.hang = cmp.Or(max(config.HangLimit, -1), DefaultHangLimit)
	if config.Strategy != nil {
		w.kernel.strategy = config.Strategy(w.Rand("strategy"))
	}
	w.root = &Host{world: w, name: "world"}
	w.root.boot()
	w.Net = netsim.New(netsim.Config{
		Clock:   w.root.inc.env.Clock,
		Strand:  w.root.inc.env.Scheduler.Strand("network"),
		Seed:    w.seed.Derive("net"),
		Default: config.Path,
		Mark:    func(name string) { w.Report(&event.Event{Kind: event.Mark, Text: name}) },
	})
	return w
}

// Publish makes streams known in the world, as their names would be: an attacker who
// never heard of a stream cannot ask for it.
func (w *World) Publish(streams ...ident.StreamID) { w.streams = append(w.streams, streams...) }

// Streams returns the streams that Publish made known.
func (w *World) Streams() []ident.StreamID { return w.streams }

// Host gives the host called name, made at the first call.
func (w *World) Host(name string) *Host {
	h := w.named[name]
	if h == nil {
		h = newHost(w, name, len(w.hosts)+1)
		w.hosts = append(w.hosts, h)
		w.named[name] = h
	}
	return h
}

// Hosts lists the hosts in the order in which they were made.
func (w *World) Hosts() []*Host { return slices.Clone(w.hosts) }

// Env is the world's own: a clock without skew, strands and tasks that no
// crash ends, no transport. Scripts and workloads run on it.
func (w *World) Env() *runtime.Env { return w.root.inc.env }

// Rand gives the random stream called name, independent of all others.
func (w *World) Rand(name string) *runtime.Rand { return runtime.NewRand(w.seed.Derive(name)) }

// Seed gives the seed of the stream called name, for keys and the like.
func (w *World) Seed(name string) runtime.Seed { return w.seed.Derive(name) }

// Go starts a task of the world's.
func (w *World) Go(name string, f func(ctx context.Context)) { w.root.inc.goTask(name, f) }

// Now is the virtual time since the world began.
func (w *World) Now() time.Duration { return time.Duration(w.kernel.now) }

// Observe calls f for every event of every host and of the world, in order. f
// must not change the world, but may call Fail. The record is the world's, and
// good until f returns: who keeps it copies it.
func (w *World) Observe(f func(*event.Record)) { w.observers = append(w.observers, f) }

// Report makes an event of the world's own: a fault that began, a clock that
// was stepped.
func (w *World) Report(e *event.Event) {
	e.Wall, e.Mono = w.root.wall(), w.kernel.now
	w.report(w.root, e)
}

// report shows an event of h to all observers.
func (w *World) report(h *Host, e *event.Event) {
	w.events++
	r := &w.record
	r.At, r.Host, r.Boot = w.kernel.now, h.name, h.incarnation
	r.Event = *e
	w.kernel.hash.event(h.index, &r.Event)
	for _, f := range w.observers {
		f(r)
	}
}

// Fail ends the present run with a Failure of this kind. The first one counts.
func (w *World) Fail(kind, detail string) { w.kernel.fail(kind, detail) }

// Run makes steps until virtual time reaches until, counted from the beginning
// of the world, or something fails: a *Failure, or ErrBudget.
func (w *World) Run(until time.Duration) error {
	return w.kernel.run(int64(until), w.config.Budget, nil)
}

// RunUntil is Run that ends as soon as done holds. It tells whether it did.
func (w *World) RunUntil(done func() bool, until time.Duration) (bool, error) {
	err := w.kernel.run(int64(until), w.config.Budget, done)
	return done(), err
}

// RunTask runs f as a task of the world's until it returns. A world in which
// nothing is left to do while f waits is a failure of kind "stuck".
func (w *World) RunTask(name string, f func(ctx context.Context)) error {
	ended := false
	w.Go(name, func(ctx context.Context) {
		defer func() { ended = true }()
		f(ctx)
	})
	err := w.kernel.run(math.MaxInt64, w.config.Budget, func() bool { return ended })
	if err == nil && !ended {
		w.kernel.fail("stuck", "task "+name+" waits for something that will never come")
		err = w.kernel.failure
	}
	return err
}

// Stats tells what the world did so far.
func (w *World) Stats() Stats {
	return Stats{Steps: w.kernel.steps, Events: w.events, Hash: uint64(w.kernel.hash), Now: w.Now()}
}

// Stats are the numbers of a run. Two runs of one seed have equal ones.
type Stats struct {
	Steps, Events, Hash uint64
	Now                 time.Duration
}

// Close ends all hosts and tasks. It tells which goroutines, if any, outlive
// them: simulated code started them outside the contract. Twice is fine.
func (w *World) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	for _, h := range w.hosts {
		if h.inc != nil {
			h.stop()
		}
	}
	w.root.stop()
	if n := wall.Goroutines(w.goroutines); n > w.goroutines {
		return fmt.Errorf("close world: %d goroutines outlive the run: simulated code used a go statement instead of Scheduler.Go", n-w.goroutines)
	}
	return nil
}

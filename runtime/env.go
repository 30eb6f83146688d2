package runtime

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/smalti/smalti/runtime/event"
)

// Errors of a world that has ended or lacks something.
var (
	// ErrCrashed: the simulated host crashed; this incarnation is no more.
	ErrCrashed = errors.New("host crashed")
	// ErrStopped: the node was stopped.
	ErrStopped = errors.New("node stopped")
	// ErrNoStore: the node was given nowhere to keep anything.
	ErrNoStore = errors.New("no store")
)

// Env is the only door to the outside. It belongs to one incarnation of one
// node; after that node stopped or crashed every method does nothing. Clock,
// Scheduler and Transport must be set; the rest may be zero.
//
// An Env is shared by pointer and must not be copied after first use.
type Env struct {
	Clock     Clock
	Scheduler Scheduler
	Transport Transport
	Store     Store    // nil: calls through Load and Save give ErrNoStore
	Observer  Observer // nil: events go nowhere
	Bugs      *Bugs    // nil in production

	once     sync.Once
	timeouts Strand
}

// Observer receives every event. It is called on strands and on transport
// goroutines, so it must be safe for concurrent use, and must neither block
// nor allocate on the data path nor call back. In simulation it is called in
// kernel order.
type Observer interface {
	Event(e event.Event)
}

// Report stamps ev with the time and the node, and hands a copy to the observer.
func (e *Env) Report(ev *event.Event) {
	if e.Observer == nil {
		return
	}
	ev.Wall = e.Clock.Now().UnixNano()
	ev.Mono = int64(e.Clock.Mono())
	if e.Transport != nil {
		ev.Node = e.Transport.Local()
	}
	e.Observer.Event(*ev)
}

// Mark reports that the rare place called name was reached. Sweeps fail when a
// required mark is never hit.
func (e *Env) Mark(name string) { e.Report(&event.Event{Kind: event.Mark, Text: name}) }

// Buggify tells whether the rare behaviour at site should happen now: never in
// production, sometimes in simulation.
func (e *Env) Buggify(site string) bool { return e.Bugs.Fire(site) }

// Await parks the calling task until wake is called or ctx ends; see
// Scheduler.Await.
func (e *Env) Await(ctx context.Context, arm func(wake func()) (disarm func())) error {
	return e.Scheduler.Await(ctx, arm)
}

// Sleep parks the calling task for d of monotonic time. It returns nil, or the
// cause of ctx.
func (e *Env) Sleep(ctx context.Context, d time.Duration) error {
	return e.Await(ctx, func(wake func()) func() {
		return e.Clock.AfterFunc(e.timeoutStrand(), max(0, d), wake).Stop
	})
}

// Load reads a value from the store. A value that was never saved is
// fs.ErrNotExist.
func (e *Env) Load(name string) ([]byte, error) {
	if e.Store == nil {
		return nil, ErrNoStore
	}
	return e.Store.Get(name)
}

// Save replaces a value in the store and calls done on s when it is durable.
func (e *Env) Save(s Strand, name string, data []byte, done func(error)) {
	if e.Store == nil {
		s.Post(func() { done(ErrNoStore) })
		return
	}
	e.Store.Put(s, name, data, func(err error) {
		if err != nil && !errors.Is(err, ErrStopped) {
			e.Report(&event.Event{Kind: event.StoreFailed, Text: err.Error()})
		}
		done(err)
	})
}

// timeoutStrand is where the timers of tasks fire: each only wakes or cancels.
func (e *Env) timeoutStrand() Strand {
	e.once.Do(func() { e.timeouts = e.Scheduler.Strand("timeouts") })
	return e.timeouts
}

package live

import (
	"context"
	"crypto/rand"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"sync/atomic"

	"github.com/smalti/smalti/runtime"
)

var _ runtime.Scheduler = (*Scheduler)(nil)

// SchedulerConfig configures a Scheduler. The zero value is what a production
// node wants.
type SchedulerConfig struct {
	// Seed starts the random streams of all strands. Zero: 32 bytes from the
	// operating system.
	Seed runtime.Seed
	// Hook sees every entry of every strand's inbox. Nil: none.
	Hook Hook
	// OnPanic hears of a panic in a posted function or a task, with the name
	// of the strand or task and the stack; the strand goes on with its next
	// entry. It runs where the panic happened. Nil: the process crashes.
	OnPanic func(where string, value any, stack []byte)
}

// Scheduler runs strands and tasks on goroutines. Make one with NewScheduler.
type Scheduler struct {
	config  SchedulerConfig
	ctx     context.Context
	cancel  context.CancelCauseFunc
	stopped atomic.Bool
	active  atomic.Int64 // strands and store writers that are running
	idle    chan struct{}
	once    sync.Once
	tasks   sync.WaitGroup
	mu      sync.Mutex // orders tasks.Add before Wait
}

// NewScheduler starts a scheduler.
func NewScheduler(config SchedulerConfig) *Scheduler {
	if config.Seed == (runtime.Seed{}) {
		_, _ = rand.Read(config.Seed[:]) // never fails, see crypto/rand
	}
	s := &Scheduler{config: config, idle: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// Strand makes a strand. Its random streams depend on the scheduler's seed and
// on name only.
func (s *Scheduler) Strand(name string) runtime.Strand {
	return newStrand(s, name)
}

// Go starts a task on a goroutine of its own. After Stop it does nothing.
func (s *Scheduler) Go(name string, f func(ctx context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped.Load() {
		return
	}
	s.tasks.Go(func() {
		pprof.Do(s.ctx, pprof.Labels("task", name), func(ctx context.Context) {
			s.guard(name, func() { f(ctx) })
		})
	})
}

// Await parks the caller until wake is called, ctx ends or the scheduler is
// stopped; see runtime.Scheduler. Any ctx will do, and any goroutine.
func (s *Scheduler) Await(ctx context.Context, arm func(wake func()) (disarm func())) error {
	woken := make(chan struct{}, 1)
	disarm := arm(func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	err := runtime.ErrStopped
	select {
	case <-woken:
		return nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-s.ctx.Done():
	}
	if disarm != nil {
		disarm()
	}
	// A wake that came before disarm took hold counts: who called it may have
	// given the caller something that nobody else is told of.
	select {
	case <-woken:
		return nil
	default:
		return err
	}
}

// Stop drops all posted work, wakes every parked Await with
// runtime.ErrStopped, cancels the contexts of tasks, and returns once no
// strand is running and every value that the store accepted is written. It
// must not be called on a strand. Twice is fine. Tasks may still be on their
// way out: see Wait.
func (s *Scheduler) Stop() {
	s.mu.Lock()
	s.stopped.Store(true)
	s.mu.Unlock()
	s.cancel(runtime.ErrStopped)
	if s.active.Load() == 0 {
		s.once.Do(func() { close(s.idle) })
	}
	<-s.idle
}

// Wait returns when every task has returned. It is for use after Stop, and not
// in a task.
func (s *Scheduler) Wait() { s.tasks.Wait() }

// begin accounts for a goroutine that Stop has to wait for; false after Stop.
func (s *Scheduler) begin() bool {
	s.active.Add(1)
	if s.stopped.Load() {
		s.end()
		return false
	}
	return true
}

func (s *Scheduler) end() {
	if s.active.Add(-1) == 0 && s.stopped.Load() {
		s.once.Do(func() { close(s.idle) })
	}
}

// guard runs f and hands a panic to OnPanic, if there is one.
func (s *Scheduler) guard(where string, f func()) {
	if s.config.OnPanic != nil {
		defer func() {
			if value := recover(); value != nil {
				s.config.OnPanic(where, value, debug.Stack())
			}
		}()
	}
	f()
}

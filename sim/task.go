package sim

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"
	"time"

	"github.com/smalti/smalti/runtime"
)

// task is a coroutine on a strand of its own: waking it posts its resumption.
type task struct {
	strand   *strand
	name     string
	f        func(ctx context.Context)
	next     func() (struct{}, bool)
	stop     func() // ends a coroutine that never began
	yield    func(struct{}) bool
	resume   func()          // run, bound once
	ctx      context.Context // of the Await that it is parked in, when that can end
	slot     int             // in kernel.parked, -1 outside
	epoch    uint64          // of the present Await; a wake of an older one is void
	woken    bool
	parked   bool
	posted   bool // its resumption stands in its strand's inbox
	unwound  bool // the private panic was thrown
	done     bool
	deadCall int // Awaits after the crash

	asked   bool      // where it waits is to be noted in callers
	callers []uintptr // for Left
}

// deadCalls is how often a task may call Await after its host crashed before
// it is reported: its deferred calls may, a loop that swallows the panic must
// not.
const deadCalls = 1000

// unwinding is the private panic that ends a task of a crashed host.
type unwinding struct{}

// taskKey finds the task of a context.
type taskKey struct{}

// taskContext identifies a task. It never ends by itself: its Done is nil, so
// that only tasks with a context of their own making are polled.
type taskContext struct{ task *task }

func (taskContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (taskContext) Done() <-chan struct{}       { return nil }
func (taskContext) Err() error                  { return nil }
func (c taskContext) Value(key any) any {
	if key == (taskKey{}) {
		return c.task
	}
	return nil
}

func (inc *incarnation) goTask(name string, f func(ctx context.Context)) {
	t := &task{strand: inc.newStrand("task/" + name), name: name, f: f, slot: -1}
	t.resume = t.run
	inc.tasks = append(inc.tasks, t)
	t.next, t.stop = iter.Pull(t.body)
	t.unpark()
}

// body is the coroutine. A panic is kept with its own stack, which would be
// lost on the way to the kernel; Goexit passes through.
func (t *task) body(yield func(struct{}) bool) {
	t.yield = yield
	defer func() {
		t.done = true
		switch v := recover().(type) {
		case nil, unwinding:
		default:
			t.strand.k.fail("panic", fmt.Sprintf("task %s: %v\n%s", t.strand.label(), v, debug.Stack()))
		}
	}()
	t.f(taskContext{t})
}

// run lets the coroutine go on until it parks again or ends.
func (t *task) run() {
	t.posted = false
	if t.done {
		return
	}
	k := t.strand.k
	outer := k.current
	k.current = t
	defer func() { k.current = outer }()
	t.next()
	if t.done {
		t.strand.inc.forgetTask(t)
	}
}

// await implements runtime.Scheduler.Await.
func (inc *incarnation) await(ctx context.Context, arm func(wake func()) (disarm func())) error {
	k := inc.host.world.kernel
	t, _ := ctx.Value(taskKey{}).(*task)
	switch {
	case t == nil && k.current == nil:
		panic("sim: Await outside a task: a strand must not block; post the rest from the callback that it waits for, or start a task with Scheduler.Go")
	case t == nil:
		panic("sim: Await with a context of no task: pass on the ctx that Scheduler.Go gave to the task, not context.Background")
	case t != k.current:
		panic(fmt.Sprintf("sim: task %s awaits with the context of task %s: each task passes on its own ctx", label(k.current), t.strand.label()))
	case runtime.ForeignDeadline(ctx):
		panic("sim: Await with a deadline on the machine's clock: use Env.WithTimeout or Env.WithDeadline instead of context.WithTimeout or context.WithDeadline")
	case t.strand.inc.dead:
		return t.dead()
	case inc.stopped:
		return t.stopped()
	}
	t.epoch++
	t.woken = false
	epoch := t.epoch
	disarm := arm(func() { t.wake(epoch) })
	t.park(ctx)
	switch {
	case t.strand.inc.dead:
		return t.dead()
	case t.woken:
		return nil
	}
	if disarm != nil {
		disarm()
	}
	if inc.stopped {
		return runtime.ErrStopped
	}
	return context.Cause(ctx)
}

// stopped is what Await does once the host's tasks are to end.
func (t *task) stopped() error {
	if t.deadCall++; t.deadCall > deadCalls {
		t.strand.k.fail("livelock", fmt.Sprintf("task %s goes on after its scheduler stopped: Await, Sleep and all that waits return an error then, which it must not ignore", t.strand.label()))
		panic(unwinding{})
	}
	return runtime.ErrStopped
}

// park gives the kernel back its turn until wake, the end of ctx or a crash.
func (t *task) park(ctx context.Context) {
	t.parked = true
	k := t.strand.k
	if t.woken {
		t.unpark()
	} else if ctx.Done() != nil {
		t.ctx, t.slot = ctx, len(k.parked)
		k.parked = append(k.parked, t)
		if ctx.Err() != nil {
			t.unpark()
		}
	}
	t.yield(struct{}{})
	for t.asked {
		t.answer()
		t.yield(struct{}{})
	}
	t.parked = false
	t.epoch++ // wakes of this Await are void from here on
}

// unpark posts the resumption, unless that stands in the inbox already.
func (t *task) unpark() {
	if t.slot >= 0 {
		k := t.strand.k
		last := len(k.parked) - 1
		k.parked[t.slot] = k.parked[last]
		k.parked[t.slot].slot = t.slot
		k.parked[last] = nil
		k.parked = k.parked[:last]
		t.slot, t.ctx = -1, nil
	}
	if !t.posted {
		t.posted = true
		t.strand.Post(t.resume)
	}
}

func (t *task) wake(epoch uint64) {
	if epoch != t.epoch || t.woken || t.strand.inc.dead {
		return
	}
	t.woken = true
	if t.parked {
		t.unpark()
	}
}

// dead is what Await does once the host has crashed: it unwinds the task, and
// lets the calls that are deferred on the way fail.
func (t *task) dead() error {
	if !t.unwound {
		t.unwound = true
		panic(unwinding{})
	}
	if t.deadCall++; t.deadCall > deadCalls {
		t.strand.k.fail("panic", fmt.Sprintf("task %s goes on after its host crashed: it must not swallow the panic that unwinds it, nor retry on ErrCrashed", t.strand.label()))
		for { // it can neither end nor go on
			t.yield(struct{}{})
		}
	}
	return runtime.ErrCrashed
}

// unwind ends a parked task of a crashed host.
func (t *task) unwind() {
	switch {
	case t.parked:
		t.unpark()
		t.run()
	case t.yield == nil:
		t.stop()
	}
	t.done = true
}

func label(t *task) string {
	if t == nil {
		return "(none)"
	}
	return t.strand.label()
}

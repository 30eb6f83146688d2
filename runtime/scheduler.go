package runtime

import "context"

// Scheduler runs a node's code.
type Scheduler interface {
	// Strand makes a strand. Names are for people, traces and random streams:
	// the name must be unique within the node for its stream to be its own.
	Strand(name string) Strand
	// Go starts a task. Its ctx identifies it, must not be used by another
	// task, and ends when the node stops.
	Go(name string, f func(ctx context.Context))
	// Await parks the caller until wake is called or ctx ends.
	//
	// arm runs once, in the caller, before it parks; it may release a lock of
	// the caller's. It gets wake, which is idempotent, may be called from any
	// strand, before or after arm returns, and carries nothing: whoever wakes
	// checks again. Await gives nil when woken, even if ctx ended as well;
	// else the disarm that arm gave has run and the cause of ctx is returned,
	// or ErrStopped when the node stopped first. disarm may be nil.
	//
	// In simulation Await panics, with a hint, when ctx belongs to no task
	// (a strand must not block), to another task, or has a deadline that did
	// not come from Env.WithTimeout or Env.WithDeadline.
	Await(ctx context.Context, arm func(wake func()) (disarm func())) error
}

// Strand runs posted functions one at a time, in the order of Post. Post never
// blocks and never runs f itself; it may be called from any goroutine in
// production, and in simulation from code that the kernel runs. After the node
// stopped, f is dropped.
//
// A source keeps at most one function outstanding on a strand, a method value
// bound once and a posted flag, so that the queue is bounded by the number of
// sources.
type Strand interface {
	Post(f func())
	// Rand gives the strand's own random stream called name: the same object
	// at every call. Only this strand may draw from it.
	Rand(name string) *Rand
}

package runtime

import (
	"context"
	"errors"
	"time"
)

// WithTimeout gives a context that ends d of monotonic time from now, with
// context.DeadlineExceeded as its cause. Calling cancel releases its timer.
// In tasks it takes the place of context.WithTimeout, which knows only the
// machine's clock.
func (e *Env) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return e.derive(ctx, e.Clock.Now().Add(d), func(expire func()) Timer {
		return e.Clock.AfterFunc(e.timeoutStrand(), max(0, d), expire)
	})
}

// WithDeadline gives a context that ends when the wall clock reaches t, which
// may be sooner or later than expected if that clock is stepped.
func (e *Env) WithDeadline(ctx context.Context, t time.Time) (context.Context, context.CancelFunc) {
	return e.derive(ctx, t, func(expire func()) Timer {
		return e.Clock.At(e.timeoutStrand(), t, expire)
	})
}

func (e *Env) derive(ctx context.Context, deadline time.Time, start func(expire func()) Timer) (context.Context, context.CancelFunc) {
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(deadline) {
		deadline = earlier
	}
	inner, cancel := context.WithCancelCause(ctx)
	timer := start(func() { cancel(context.DeadlineExceeded) })
	return &timedContext{Context: inner, deadline: deadline}, func() {
		timer.Stop()
		cancel(context.Canceled)
	}
}

// timedContext carries a deadline on an Env's clock.
type timedContext struct {
	context.Context
	deadline time.Time
}

// timedKey finds the innermost timedContext of a context.
type timedKey struct{}

func (c *timedContext) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *timedContext) Err() error {
	err := c.Context.Err()
	if err != nil && errors.Is(context.Cause(c.Context), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

func (c *timedContext) Value(key any) any {
	if key == (timedKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// ForeignDeadline tells whether ctx has a deadline that no Env gave it. Such a
// deadline is on the machine's clock, which a simulation does not follow.
func ForeignDeadline(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	if !ok {
		return false
	}
	own, _ := ctx.Value(timedKey{}).(*timedContext)
	return own == nil || !own.deadline.Equal(deadline)
}

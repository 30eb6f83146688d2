package stream

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/smalti/smalti/runtime"
)

// waiters are callers that wait for a queue, the longest first. The queue's mutex
// guards the list.
type waiters struct {
	list  []*waiter
	spare atomic.Pointer[waiter] // of the last who waited, for the next
}

// waiter is one of them.
type waiter struct {
	waiters *waiters
	mu      *sync.Mutex
	ready   func() bool
	wake    func()
	arm     func(wake func()) (disarm func()) // enlist, bound once
	disarm  func()                            // leave, bound once
}

// await parks the caller until it is woken, or not at all if ready holds. mu is the
// queue's mutex; ready is called with it held.
func (l *waiters) await(ctx context.Context, env *runtime.Env, mu *sync.Mutex, ready func() bool) error {
	w := l.spare.Swap(nil)
	if w == nil {
		w = &waiter{waiters: l}
		w.arm, w.disarm = w.enlist, w.leave
	}
	w.mu, w.ready = mu, ready
	err := env.Await(ctx, w.arm)
	l.spare.Store(w)
	return err
}

func (w *waiter) enlist(wake func()) (disarm func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ready() {
		wake()
		return nil
	}
	w.wake = wake
	w.waiters.list = append(w.waiters.list, w)
	return w.disarm
}

// leave forgets a waiter that gave up. It may have been woken already.
func (w *waiter) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.waiters
	l.list = slices.DeleteFunc(l.list, func(o *waiter) bool { return o == w })
}

// wake wakes up to n and forgets them: whoever finds nothing queues again.
func (l *waiters) wake(n int) {
	n = min(n, len(l.list))
	for _, w := range l.list[:n] {
		w.wake()
	}
	l.list = slices.Delete(l.list, 0, n)
}

// wakeAll is wake for everyone.
func (l *waiters) wakeAll() { l.wake(len(l.list)) }

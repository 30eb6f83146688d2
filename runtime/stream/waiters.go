package stream

import (
	"context"
	"slices"
	"sync"

	"github.com/smalti/smalti/runtime"
)

// waiters are callers that wait for a queue, the longest first. The queue's
// mutex guards them; they are woken without it.
type waiters []*waiter

type waiter struct{ wake func() }

// await parks the caller until it is woken, or not at all if ready holds. mu
// guards the list; ready is called with it held.
func (l *waiters) await(ctx context.Context, env *runtime.Env, mu *sync.Mutex, ready func() bool) error {
	return env.Await(ctx, func(wake func()) func() {
		mu.Lock()
		if ready() {
			mu.Unlock()
			wake()
			return nil
		}
		w := l.add(wake)
		mu.Unlock()
		return func() {
			mu.Lock()
			defer mu.Unlock()
			l.remove(w)
		}
	})
}

func (l *waiters) add(wake func()) *waiter {
	w := &waiter{wake}
	*l = append(*l, w)
	return w
}

// remove forgets a waiter that gave up. It may have been taken already.
func (l *waiters) remove(w *waiter) {
	*l = slices.DeleteFunc(*l, func(o *waiter) bool { return o == w })
}

// take takes up to n off the list: whoever is woken and finds nothing queues
// again.
func (l *waiters) take(n int) waiters {
	n = min(n, len(*l))
	if n == 0 {
		return nil
	}
	taken := slices.Clone((*l)[:n])
	*l = slices.Delete(*l, 0, n)
	return taken
}

func (l waiters) wake() {
	for _, w := range l {
		w.wake()
	}
}

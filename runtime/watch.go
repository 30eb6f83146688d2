package runtime

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Watch is a value that can be waited for: level-triggered, so that whoever
// looks sees the present, and may miss what was in between. The zero value
// holds the zero T and is ready for use; it must not be copied.
//
// Get and Wait may be called from any goroutine or task, Set from one strand,
// Subscribe from the subscriber's strand.
type Watch[T any] struct {
	value   atomic.Pointer[T] // nil: the zero T; set with mu held
	mu      sync.Mutex
	version uint64
	subs    []*subscriber[T]
	waiters []*waiter
}

type subscriber[T any] struct {
	watch   *Watch[T]
	strand  Strand
	f       func(T)
	posted  bool // guarded by watch.mu
	stopped bool // guarded by watch.mu
	seen    uint64
	deliver func() // run, bound once
}

type waiter struct{ wake func() }

// Get gives the present value. It takes no lock.
func (w *Watch[T]) Get() (v T) {
	if p := w.value.Load(); p != nil {
		v = *p
	}
	return v
}

// Set replaces the value and tells everyone who waits or subscribed, even if
// it is the same.
func (w *Watch[T]) Set(v T) {
	w.mu.Lock()
	w.value.Store(&v)
	w.version++
	for _, s := range w.subs {
		s.post()
	}
	waiters := w.waiters
	w.waiters = nil
	w.mu.Unlock()
	for _, x := range waiters {
		x.wake()
	}
}

// Subscribe posts the present value, and each new one, to f on s. Values that
// are set faster than the strand runs are coalesced into the last. stop, on
// the same strand, ends it: f is not called any more.
func (w *Watch[T]) Subscribe(s Strand, f func(T)) (stop func()) {
	sub := &subscriber[T]{watch: w, strand: s, f: f}
	sub.deliver = sub.run
	w.mu.Lock()
	defer w.mu.Unlock()
	w.subs = append(w.subs, sub)
	sub.seen = w.version - 1
	sub.post()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		sub.stopped = true
		w.subs = slices.DeleteFunc(w.subs, func(other *subscriber[T]) bool { return other == sub })
	}
}

// post is called with the watch's lock held; Strand.Post never calls back.
func (s *subscriber[T]) post() {
	if !s.posted {
		s.posted = true
		s.strand.Post(s.deliver)
	}
}

func (s *subscriber[T]) run() {
	s.watch.mu.Lock()
	v, version, stopped := s.watch.Get(), s.watch.version, s.stopped
	s.posted = false
	fresh := version != s.seen
	s.seen = version
	s.watch.mu.Unlock()
	if fresh && !stopped {
		s.f(v)
	}
}

// Wait returns the first value, the present one included, that it sees satisfy
// ok; shorter pulses may be missed. ok runs in the caller, without locks. The
// error is the cause of ctx, with the last value seen.
func (w *Watch[T]) Wait(ctx context.Context, e *Env, ok func(T) bool) (T, error) {
	for {
		w.mu.Lock()
		v, version := w.Get(), w.version
		w.mu.Unlock()
		if ok(v) {
			return v, nil
		}
		err := e.Await(ctx, func(wake func()) func() { return w.arm(version, wake) })
		if err != nil {
			return v, err
		}
	}
}

// arm registers wake for the next Set, or calls it if version is stale already.
func (w *Watch[T]) arm(version uint64, wake func()) (disarm func()) {
	w.mu.Lock()
	if w.version != version {
		w.mu.Unlock()
		wake()
		return nil
	}
	x := &waiter{wake: wake}
	w.waiters = append(w.waiters, x)
	w.mu.Unlock()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.waiters = slices.DeleteFunc(w.waiters, func(other *waiter) bool { return other == x })
	}
}

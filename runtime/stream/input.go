package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/smalti/smalti/runtime"
)

// input is a producer's bounded queue between the application's goroutines and
// the worker's strand.
type input struct {
	env    *runtime.Env
	strand runtime.Strand
	drain  func() // the worker's, bound once
	max    room   // of the empty queue

	mu      sync.Mutex
	frames  fifo[[]byte]
	bytes   int
	next    uint64 // sequence number of the next datum
	online  bool
	closed  bool
	posted  bool // drain stands on the strand, or the worker will come back by itself
	waiters waiters
}

// late is how late something is in a simulation that asks for it.
const late = 5 * time.Millisecond

// put queues a frame and gives it its number. It tells why it could not.
func (q *input) put(frame []byte) (seq uint64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refusal(len(frame)); err != nil {
		return 0, err
	}
	seq = q.next
	q.next++
	binary.BigEndian.PutUint64(frame[1:datumHeader], seq)
	q.frames.push(frame)
	q.bytes += len(frame)
	if !q.posted {
		q.posted = true
		if q.env.Buggify("stream/late-input") {
			q.env.Clock.AfterFunc(q.strand, late, q.drain)
		} else {
			q.strand.Post(q.drain)
		}
	}
	return seq, nil
}

// refusal tells what keeps a frame of size bytes out; q.mu is held.
func (q *input) refusal(size int) error {
	n := q.frames.len()
	switch {
	case q.closed:
		return ErrClosed
	case !q.online:
		return ErrOffline
	case n > 0 && (n >= q.max.datums || q.bytes+size > q.max.bytes):
		return ErrFull
	default:
		return nil
	}
}

// wait parks the caller until a frame of size bytes may fit, or its handle is
// closed.
func (q *input) wait(ctx context.Context, size int, closed func() bool) error {
	return q.waiters.await(ctx, q.env, &q.mu, func() bool {
		err := q.refusal(size)
		return err == nil || errors.Is(err, ErrClosed) || closed()
	})
}

// wakeAll has everyone who waits look again.
func (q *input) wakeAll() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiters.wakeAll()
}

// take moves as many of the oldest frames to batch as fit. more tells whether
// others are left; if not, the next put posts drain again.
func (q *input) take(batch [][]byte, fit room) (_ [][]byte, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := fit.fits(q.frames.all())
	for _, frame := range q.frames.all()[:n] {
		q.bytes -= len(frame)
		batch = append(batch, frame)
	}
	q.frames.pop(n)
	more = q.frames.len() > 0
	q.posted = more
	// Whoever is woken either puts, so that there will be another take, or
	// finds that somebody else did.
	if q.env.Buggify("stream/wake-all-senders") {
		q.waiters.wakeAll()
	} else {
		q.waiters.wake(n)
	}
	return batch, more
}

// oldest gives the frame that take gives next, if there is one.
func (q *input) oldest() [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.frames.len() == 0 {
		return nil
	}
	return [][]byte{q.frames.all()[0]}
}

// set changes whether datums are let in, and wakes everyone to look.
func (q *input) set(online, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if online != q.online || closed != q.closed {
		q.online, q.closed = online, closed
		q.waiters.wakeAll()
	}
}

package stream

import (
	"context"
	"slices"
	"sync"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
)

// origin is a producer's incarnation, shared by all that came from it.
type origin struct {
	producer    ident.PeerID
	incarnation uint64
	traffic     traffic // what the application took
	consumed    uint64  // number of the last datum or gap that the application took; queue.mu guards it
}

// arrival is a datum or a gap in a consumer's queue.
type arrival struct {
	*origin
	gap     // of a datum, its number and a count of 1
	kind    arrivalKind
	payload []byte
}

// arrivalKind tells a datum from the kinds of gaps.
type arrivalKind uint8

const (
	arrivalDatum arrivalKind = iota
	arrivalGap
	arrivalGapAtMost
	arrivalRestart // a gap, and an unknown number of datums before it
	arrivalGone    // an unknown number of datums
)

// queue is a consumer's bounded queue between its strand and the application's
// goroutines. The bound holds but for what was on its way when a link was
// paused: one batch of each. A link that is opened while the queue is full is
// paused from its start on.
type queue struct {
	env       *runtime.Env
	strand    runtime.Strand
	onRoom    func()      // the worker's, bound once: posted when a full queue is half empty
	onTaken   func()      // the worker's, bound once: posted when the application took something and reporting is on
	ready     func() bool // due, bound once
	maxDatums int
	maxBytes  int

	mu      sync.Mutex
	items   fifo[arrival]
	bytes   int
	full    bool // the worker was told so and waits for onRoom
	reports bool // onTaken is to be posted at the next pop
	pops    uint64
	closed  bool
	dropped int // datums, since it was closed
	waiters waiters
	traffic traffic // of all producers
}

// push queues a batch and tells whether the queue is full now: then the worker
// pauses its links until onRoom.
func (q *queue) push(batch []arrival) (full bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		q.drop(batch)
		return false
	}
	for i := range batch {
		q.bytes += len(batch[i].payload)
		if !q.merge(&batch[i]) {
			q.items.push(batch[i : i+1]...)
		}
	}
	if q.items.len() >= q.maxDatums || q.bytes >= q.maxBytes || q.env.Buggify("stream/full-queue") {
		q.full = true
	}
	if q.env.Buggify("stream/wake-all-receivers") {
		q.waiters.wakeAll()
	} else {
		q.waiters.wake(len(batch))
	}
	return q.full
}

// merge merges a gap into the last gap of its producer, if no datum of that producer is between
// the two. It bounds the gaps of a consumer that reconnects often while its application
// receives nothing: at most two per producer wait behind the last datum.
func (q *queue) merge(a *arrival) bool {
	if a.kind == arrivalDatum {
		return false
	}
	i := q.lastOf(a.producer)
	if i < 0 || q.items.all()[i].kind == arrivalDatum {
		return false
	}
	last := &q.items.all()[i]
	goesOn := last.incarnation == a.incarnation && last.to+1 == a.from
	switch {
	case last.kind == arrivalGone && goesOn:
		q.items.remove(i) // the producer came back after all
		return q.merge(a)
	case goesOn && a.kind < arrivalRestart:
		last.origin, last.to, last.count = a.origin, a.to, last.count+a.count
		last.kind = max(last.kind, a.kind)
	case last.kind >= arrivalRestart:
		*last = *a
		last.kind = arrivalRestart // for what was missing before
	default:
		return false
	}
	return true
}

// lastOf returns the index of what was queued last of a producer, -1 if nothing is.
func (q *queue) lastOf(producer ident.PeerID) int {
	for i, a := range slices.Backward(q.items.all()) {
		if a.producer == producer {
			return i
		}
	}
	return -1
}

// isFull tells whether the worker waits for onRoom.
func (q *queue) isFull() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.full
}

// pop takes the oldest into a: ErrEmpty when there is none, ErrClosed when there
// will be none.
func (q *queue) pop(a *arrival) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.items.len() == 0 {
		if q.closed {
			return ErrClosed
		}
		return ErrEmpty
	}
	*a = q.items.all()[0]
	q.items.pop(1)
	q.bytes -= len(a.payload)
	if a.kind == arrivalDatum {
		a.traffic.add(1, len(a.payload))
		q.traffic.add(1, len(a.payload))
	}
	a.consumed = a.to
	q.pops++
	if q.reports {
		q.reports = false
		q.strand.Post(q.onTaken)
	}
	if q.full && q.items.len() <= q.maxDatums/2 && q.bytes <= q.maxBytes/2 {
		q.full = false
		q.strand.Post(q.onRoom)
	}
	return nil
}

// report has onTaken posted when the application takes something next.
func (q *queue) report() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reports = !q.closed
}

// consumed returns the number of the last datum or gap that the application took of
// an origin, and how often it took something of any.
func (q *queue) consumed(o *origin) (last, pops uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return o.consumed, q.pops
}

// taken returns how often the application took something.
func (q *queue) taken() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pops
}

// untouched reports whether something waits for the application, and it took nothing since
// taken returned pops.
func (q *queue) untouched(pops uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items.len() > 0 && q.pops == pops
}

// wait parks the caller until something may have arrived.
func (q *queue) wait(ctx context.Context) error {
	return q.waiters.await(ctx, q.env, &q.mu, q.ready)
}

// canceled returns the cause of ctx, which has ended. It asks the scheduler, as wait does:
// a task of a stopped node that ignores the error is a livelock to the simulator.
func (q *queue) canceled(ctx context.Context) error {
	return q.env.Await(ctx, func(func()) func() { return nil })
}

// due tells whether pop gives something other than ErrEmpty; q.mu is held.
func (q *queue) due() bool { return q.items.len() > 0 || q.closed }

// close ends all waits, and drops what was not taken and what comes yet. It returns how many
// datums were dropped, those of earlier calls included.
func (q *queue) close() (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drop(q.items.all())
	q.items, q.bytes, q.closed = fifo[arrival]{}, 0, true
	q.waiters.wakeAll()
	return q.dropped
}

// drop counts the datums of a batch; with the lock held.
func (q *queue) drop(batch []arrival) {
	for i := range batch {
		if batch[i].kind == arrivalDatum {
			q.dropped++
		}
	}
}

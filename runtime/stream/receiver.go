package stream

import (
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// receiver keeps one consumer subscribed to one producer for as long as that
// is eligible. It lives on the consumer's strand.
type receiver struct {
	worker  *receivers
	peer    *discovery.Peer
	attempt *attempt // the present link, nil while backing off
	retry   runtime.Timer
	wait    time.Duration // the present interval of the back-off
	expires ticket.Expiration
	expiry  runtime.Timer
	last    bool // the producer withdrew the stream: no attempt after the present one
	gone    bool // it is not one of the worker's any more
	progress
}

// progress is what outlives a receiver, so that a consumer that comes back is
// told what it missed.
type progress struct {
	id          uint64
	tries       int64
	incarnation uint64 // of the producer that was last connected, 0 before the first
	next        uint64 // the number expected next of it
}

// connect dials the producer and says at once what is wanted: the message waits
// for the link to open.
func (r *receiver) connect() {
	w := r.worker
	r.tries++
	w.env.Report(r.event(event.Event{Kind: event.Subscribing, N: r.tries}))
	a := &attempt{receiver: r}
	a.flush = a.onFlush
	r.attempt = a
	a.link = w.env.Transport.Dial(r.peer.Entry.Peer, r.peer.Entry.Addrs, Protocol, w.strand, a)
	_, _ = a.link.Send(wire.MustMarshal(subscribe{Version: version, Stream: w.stream}))
}

// up tells whether the subscription exists.
func (r *receiver) up() bool { return r.attempt != nil && r.attempt.up }

// update takes what changed about the producer. A new entry resets the
// back-off: the last verdict may not stand any more.
func (r *receiver) update(peer *discovery.Peer, expires ticket.Expiration, last bool) {
	changed := r.peer.Entry.Version != peer.Entry.Version
	r.peer, r.last = peer, last
	if expires != r.expires {
		r.expires = expires
		r.arm()
	}
	if !changed {
		return
	}
	r.wait = 0
	if r.attempt == nil {
		r.retry.Stop()
		r.connect()
	}
}

// arm sets the timer at which the producer's right ends. It is a hint:
// onExpiry looks at the clock.
func (r *receiver) arm() {
	stopTimer(r.expiry)
	if !r.expires.IsNever() {
		r.expiry = r.worker.env.Clock.At(r.worker.strand, r.expires.Time(), r.onExpiry)
	}
}

func (r *receiver) onExpiry() {
	r.worker.judge(r.peer.Entry.Peer, r.peer)
	if !r.gone {
		r.arm() // the clock was stepped back
	}
}

// stop ends the receiver. What had arrived is kept; callbacks of its link are
// ignored from here on.
func (r *receiver) stop(reason wire.Reason) {
	r.gone = true
	stopTimer(r.retry)
	stopTimer(r.expiry)
	if r.attempt != nil {
		r.attempt.link.Close(reason)
		r.detach(reason)
	}
}

// fail ends the present link for the producer's fault.
func (r *receiver) fail(reason wire.Reason) {
	r.attempt.link.Close(reason)
	r.ended(reason)
}

// detach forgets the present link.
func (r *receiver) detach(reason wire.Reason) {
	a, w := r.attempt, r.worker
	r.attempt = nil
	a.hand()
	w.env.Report(r.event(event.Event{Kind: event.Unsubscribed, Reason: reason}))
	if a.up {
		w.connected--
		w.changed()
	}
}

// ended follows the end of the present link, however it came.
func (r *receiver) ended(reason wire.Reason) {
	a, w := r.attempt, r.worker
	r.detach(reason)
	if r.last {
		w.remove(r, reason)
		return
	}
	if a.up && w.env.Clock.Mono()-a.since >= max(r.wait, backoffFirst) {
		r.wait = 0 // it held for longer than its interval
	}
	switch reason {
	case wire.GracefulShutdown, wire.StreamNotFound, wire.NotAllowed, wire.Expired, wire.Revoked, wire.Filtered, wire.BadCriteria, wire.CallbackPanic,
		wire.ProtocolViolation, wire.VersionMismatch:
		// A verdict. It may fall with the producer's next entry, of which update
		// tells, but also with ours, of which nothing tells when the producer
		// has it: hence one more attempt now and then.
		r.wait = backoffCap
	case wire.UnknownPeer:
		w.directory.SyncThen(w.strand, r.peer.Entry.Peer, r.peer.Entry.Addrs, func(error) {})
	}
	r.backOff()
}

// backOff arms the next attempt.
func (r *receiver) backOff() {
	r.wait = nextWait(r.wait)
	delay := r.worker.strand.Rand("backoff").Duration(0, r.wait)
	if r.retry == nil {
		r.retry = r.worker.env.Clock.AfterFunc(r.worker.strand, delay, r.connect)
		return
	}
	r.retry.Reset(delay)
}

// nextWait gives the interval after one of wait.
func nextWait(wait time.Duration) time.Duration {
	return min(max(2*wait, backoffFirst), backoffCap)
}

func (r *receiver) event(e event.Event) event.Event {
	e.Peer, e.Stream, e.Sub, e.Incarnation = r.peer.Entry.Peer, r.worker.stream, r.id, r.incarnation
	return e
}

func stopTimer(t runtime.Timer) {
	if t != nil {
		t.Stop()
	}
}

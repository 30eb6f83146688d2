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
// offers the stream and is eligible. It lives on the consumer's strand.
type receiver struct {
	worker  *receivers
	peer    *discovery.Peer
	attempt *attempt // the present link, nil while backing off
	retry   runtime.Timer
	wait    time.Duration // the present interval of the back-off
	failing time.Duration // Mono since when attempts fail, -1 if the last one did not
	barred  wire.Reason   // why no subscription is wanted; None: one is
	verdict wire.Reason   // of the last attempt
	expires ticket.Expiration
	expiry  runtime.Timer
	slow    bool   // the last subscription ended with TooSlow
	pops    uint64 // queue.pops at that time
	waits   bool   // the next attempt waits until the application takes something
	news    bool   // the attempt that waits follows news of the producer
	last    bool   // the producer withdrew the stream: no attempt after the present one
	gone    bool   // it is not one of the worker's any more
	untrack func()
	distance
	progress
}

// progress is what outlives a receiver, so that a consumer that comes back is
// told what it missed.
type progress struct {
	id          uint64
	tries       int64
	incarnation uint64 // of the producer that was last connected, 0 before the first
	next        uint64 // the number expected next of it
	rest        rest   // what is known of its datums from next on
	before      uint64 // the incarnation that the producer named as the one before it that sent something
	unheard     int64  // when the node started that may have admitted the consumer first, which did not hear of it; 0: none
}

// sender returns the incarnation that the next producer's start message names as its
// predecessor if no other incarnation sent a datum in between.
func (p progress) sender() uint64 {
	if p.next > 1 {
		return p.incarnation
	}
	return p.before
}

// rest is what a consumer knows of the datums that follow the last one that it got of a
// producer's incarnation.
type rest int

const (
	restOpen rest = iota // they are to come, or missing
	restNone             // there are none: the incarnation ended in order
	restTold             // there may be some, of which the application was told
)

// connect dials the producer and says at once what is wanted: the message waits
// for the link to open.
func (r *receiver) connect(news bool) {
	w := r.worker
	r.tries++
	r.waits, r.news = false, false
	e := event.Event{Kind: event.Subscribing, N: r.tries, Text: w.config.Criteria}
	if news {
		e.From = 1
	}
	w.env.Report(r.event(&e))
	a := &attempt{receiver: r}
	r.attempt = a
	a.link = w.env.Transport.Dial(r.peer.Entry.Peer, w.directory.Dialable(r.peer), w.protocol, w.strand, a)
	_, _ = a.link.Send(wire.MustMarshal(newSubscribe(w.stream, w.config.Criteria, w.maxDatum, w.token)))
}

// waiting reports whether the producer may have admitted this consumer, or may do so now: it can
// have the subscription before this side knows that the link is open.
func (r *receiver) waiting() bool { return r.attempt != nil }

// up tells whether the subscription exists.
func (r *receiver) up() bool { return r.attempt != nil && r.attempt.up }

// why tells what keeps the subscription from being.
func (r *receiver) why() wire.Reason {
	if r.barred != wire.None {
		return r.barred
	}
	return r.verdict
}

// judge takes what changed about the producer, or about what this side demands of
// it.
func (r *receiver) judge(peer *discovery.Peer) {
	w := r.worker
	before := r.peer
	r.peer = peer
	expires, reason := w.demands.right(w.caller, peer)
	if reason == wire.None && r.attempt == nil && !w.demands.mayBeNear(peer) {
		reason = wire.NotAllowed
	}
	if reason != wire.None {
		r.bar(reason)
		return
	}
	if expires != r.expires || r.barred != wire.None { // bar stopped the timer
		r.expires = expires
		r.arm()
	}
	news := r.barred != wire.None || before.Entry.Version != peer.Entry.Version
	r.barred = wire.None
	if news {
		r.anew()
	}
	w.changed()
}

// anew begins the back-off from the start: the last verdict may not stand any
// more.
func (r *receiver) anew() {
	r.wait, r.failing = 0, -1
	if r.attempt == nil {
		stopTimer(r.retry)
		r.again(true)
	}
}

// again connects. After TooSlow it waits until the application has taken something, because
// a consumer whose queue is still full would make the producer wait for BlockMax once more.
func (r *receiver) again(news bool) {
	q := r.worker.queue
	if r.slow && q.untouched(r.pops) {
		r.waits, r.news = true, r.news || news
		q.report()
		if q.untouched(r.pops) {
			r.worker.env.Mark("stream/waits-for-reader")
			return // until onTaken
		}
	}
	r.connect(news)
}

// bar ends the subscription, if there is one, until the producer is eligible
// again. Time alone may change that, if tickets are asked for.
func (r *receiver) bar(reason wire.Reason) {
	w := r.worker
	if r.last {
		w.remove(r, reason)
		return
	}
	r.barred = reason
	stopTimer(r.expiry)
	stopTimer(r.retry)
	if r.attempt != nil {
		r.attempt.link.Close(reason)
		r.detach(reason)
	}
	if len(w.config.Tickets) > 0 {
		r.wait = w.config.Backoff.Max
		r.backOff(0)
	}
	w.board.changed()
}

// appeal tries again where the producer refused, after it was told of this node's
// new entry. An attempt that is under way may still be refused for the old one.
func (r *receiver) appeal() {
	if r.attempt != nil {
		r.attempt.outdated = true
		return
	}
	if r.barred != wire.None || !verdict(r.verdict) {
		return
	}
	w := r.worker
	w.directory.SyncThen(w.strand, r.peer.Entry.Peer, w.directory.Dialable(r.peer), func(error) {
		if !r.gone && r.barred == wire.None {
			r.anew()
		}
	})
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
	r.judge(r.peer)
	if !r.gone && r.barred == wire.None {
		r.arm() // the clock was stepped back
	}
}

// stop ends the receiver. What had arrived is kept; callbacks of its link are
// ignored from here on.
func (r *receiver) stop(reason wire.Reason) {
	r.gone = true
	r.untrack()
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
	stopTimer(a.deadline)
	a.hand()
	e := event.Event{Kind: event.Unsubscribed, Reason: reason}
	if a.up {
		e.N = 1
		w.connected--
	}
	w.env.Report(r.event(&e))
	if a.up {
		w.changed()
	}
}

// ended follows the end of the present link, however it came.
func (r *receiver) ended(reason wire.Reason) {
	a, w := r.attempt, r.worker
	r.detach(reason)
	last := r.verdict
	r.verdict = reason
	switch {
	case a.up && reason == wire.GracefulShutdown:
		r.rest = restNone
	case !a.up && a.opened && r.incarnation == 0 && r.unheard == 0 && !refusal(reason):
		r.unheard = r.peer.Entry.Version.Started
	}
	w.board.changed()
	if r.last {
		w.remove(r, reason)
		return
	}
	if a.outdated {
		defer r.appeal() // by when the back-off is armed
	}
	now := w.env.Clock.Mono()
	switch {
	case a.up && now-a.since >= max(r.wait, w.config.Backoff.First):
		r.failing = -1 // it held for longer than its interval
		if !r.slow || reason != wire.TooSlow {
			r.wait = 0 // a subscription under Block holds for BlockMax even if nothing is read
		}
	case r.failing < 0:
		r.failing = now
	}
	if a.up {
		r.slow = reason == wire.TooSlow
		r.pops = w.queue.taken()
	}
	least := time.Duration(0)
	switch {
	case a.up && reason == wire.GracefulShutdown:
		// The stream is withdrawn, of which the news is on its way, or it is offered anew
		// already, of which there is none.
	case verdict(reason):
		// It may fall with the producer's next entry, of which judge is told, with
		// ours, of which appeal is, or for a reason that nobody tells: hence one
		// more attempt now and then, which is not soon.
		r.wait, least = w.config.Backoff.Max, w.config.Backoff.Max/2
	case reason == wire.UnknownPeer, reason == wire.DialFailed && last != reason && len(w.directory.Dialable(r.peer)) > 0:
		// One of the two does not know the other, or the other is gone, and nobody else
		// may look for long: discovery finds out, by itself once it was told.
		w.directory.SyncThen(w.strand, r.peer.Entry.Peer, w.directory.Dialable(r.peer), func(error) {})
	}
	if limit := w.config.Backoff.GiveUp; limit > 0 && r.failing >= 0 && now-r.failing >= limit {
		w.env.Mark("stream/gave-up")
		return // until there is news
	}
	w.env.Report(r.event(&event.Event{Kind: event.Retrying, Reason: reason, N: int64(r.backOff(least))}))
}

// lost tells the application that it may miss datums of a producer that offers the stream no
// more, and did not end in order.
func (r *receiver) lost() {
	if r.incarnation == 0 || r.rest != restOpen {
		return
	}
	w := r.worker
	r.rest = restTold
	w.env.Report(r.event(&event.Event{Kind: event.MissedUnknown, From: r.next}))
	o := &origin{producer: r.peer.Entry.Peer, incarnation: r.incarnation}
	w.queue.push([]arrival{{origin: o, gap: gap{from: r.next, to: r.next - 1}, kind: arrivalGone}})
}

// refusal reports whether r is a reason for which a producer refuses a consumer, as opposed to
// one for which it ends an admitted subscription.
func refusal(r wire.Reason) bool {
	switch r {
	case wire.UnknownPeer, wire.NoCapacity, wire.Overloaded, wire.Duplicate, wire.UnknownProtocol, wire.Cancelled:
		return true
	default:
		return verdict(r)
	}
}

// verdict tells whether a producer that ends or refuses for this reason will go
// on doing so until something changes.
func verdict(r wire.Reason) bool {
	switch r {
	case wire.GracefulShutdown, wire.StreamNotFound, wire.NotAllowed, wire.Expired, wire.Revoked, wire.Filtered, wire.BadCriteria, wire.CallbackPanic,
		wire.ProtocolViolation, wire.VersionMismatch, wire.TooLarge:
		return true
	default:
		return false
	}
}

// backOff arms the next attempt, after least or more.
func (r *receiver) backOff(least time.Duration) (delay time.Duration) {
	b := r.worker.config.Backoff
	r.wait = nextWait(r.wait, b)
	delay = r.worker.strand.Rand("backoff").Duration(least, r.wait)
	if r.worker.env.Buggify("stream/retry-at-once") {
		delay = least
	}
	if r.retry == nil {
		r.retry = r.worker.env.Clock.AfterFunc(r.worker.strand, delay, r.onRetry)
	} else {
		r.retry.Reset(delay)
	}
	return delay
}

func (r *receiver) onRetry() {
	if r.barred == wire.None {
		r.again(false)
		return
	}
	r.judge(r.peer)
}

// nextWait gives the interval after one of wait.
func nextWait(wait time.Duration, b Backoff) time.Duration {
	return min(max(2*wait, b.First), b.Max)
}

func (r *receiver) event(e *event.Event) *event.Event {
	e.Peer, e.Stream, e.Sub, e.Incarnation = r.peer.Entry.Peer, r.worker.stream, r.id, r.incarnation
	return e
}

func stopTimer(t runtime.Timer) {
	if t != nil {
		t.Stop()
	}
}

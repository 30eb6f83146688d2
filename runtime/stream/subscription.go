package stream

import (
	"errors"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// stage is how far a subscription is.
type stage int

const (
	knocking stage = iota // not admitted; refused, maybe
	serving
	emptying // nothing more is enqueued, what the ring holds is delivered
	flushing // the ring is empty and the link drains
	cut      // ended at once; its link is about to be closed
)

// subscription is one consumer of a producer: the handler of its link, its
// bounded queue and its right. It lives on the worker's strand.
type subscription struct {
	worker  *fanout
	link    runtime.Link
	peer    ident.PeerID
	guest   *guest // nil before admission
	id      uint64
	stage   stage
	ring    ring
	expires ticket.Expiration
	expiry  runtime.Timer
	owed    bool        // it was served when a Close began
	reason  wire.Reason // why this side ends it
}

var _ runtime.Handler = (*subscription)(nil)

// enqueue takes a batch: straight to the link while the ring is empty, the rest
// to the ring. What does not fit ends the subscription; under Block everything
// fits. False: it had no right to any of it.
func (s *subscription) enqueue(batch [][]byte) bool {
	if s.lapsed() {
		s.cut(wire.Expired)
		return false
	}
	if s.ring.len() == 0 {
		n, tooLarge := s.send(batch)
		s.report(event.Enqueued, batch[:n], wire.None)
		s.report(event.Written, batch[:n], wire.None)
		if tooLarge {
			s.cut(wire.TooLarge)
			return true
		}
		batch = batch[n:]
	}
	fits := s.ring.room().fits(batch)
	s.ring.push(batch[:fits])
	s.report(event.Enqueued, batch[:fits], wire.None)
	if fits < len(batch) {
		s.worker.env.Mark("stream/ring-full")
		s.cut(wire.TooSlow)
	}
	return true
}

// lapsed tells whether the right has ended by now: this comparison, not the
// timer, is what keeps datums from being enqueued after the end.
func (s *subscription) lapsed() bool {
	return !s.expires.IsNever() && s.expires.Passed(s.worker.env.Clock.Now())
}

// send hands frames to the link and tells how many it took. If not all, the
// link becomes writable later, or is about to be closed, or will never take the
// next one.
func (s *subscription) send(frames [][]byte) (n int, tooLarge bool) {
	n, err := s.link.Send(frames...)
	return n, errors.Is(err, runtime.ErrTooLarge)
}

// pump moves the ring to the link.
func (s *subscription) pump() {
	if s.ring.len() == 0 {
		return
	}
	oldest := s.ring.all()
	n, tooLarge := s.send(oldest)
	s.report(event.Written, oldest[:n], wire.None)
	s.ring.pop(n)
	if tooLarge {
		s.cut(wire.TooLarge)
	}
}

// drain lets nothing more be enqueued, delivers what the ring holds and then
// drains the link.
func (s *subscription) drain() {
	if s.stage == serving {
		s.stage = emptying
		s.worker.env.Report(s.event(event.Event{Kind: event.SubDraining, Reason: wire.GracefulShutdown}))
	}
	if s.stage == emptying && s.ring.len() == 0 {
		s.stage, s.reason = flushing, wire.GracefulShutdown
		s.link.Drain(wire.GracefulShutdown, s.worker.config.DrainMax)
	}
}

// cut ends the subscription at once: its queue is dropped, and the slot is free
// before the link is closed.
func (s *subscription) cut(r wire.Reason) {
	if s.stage == serving {
		s.worker.env.Report(s.event(event.Event{Kind: event.SubDraining, Reason: r}))
	}
	s.stage, s.reason = cut, s.reason.Worst(r)
	stopTimer(s.expiry)
	s.drop(s.ring.all(), s.reason)
	s.ring.pop(s.ring.len())
	s.link.Close(s.reason)
	s.worker.remove(s)
}

// drop tells of datums that were enqueued and will not be delivered.
func (s *subscription) drop(frames [][]byte, r wire.Reason) {
	s.report(event.Dropped, frames, r)
	if s.owed && !left(r) {
		s.worker.undrain.Datums += len(frames)
	}
}

// arm sets the timer that ends the link when the right ends. It is a hint:
// onExpiry looks at the clock.
func (s *subscription) arm() {
	stopTimer(s.expiry)
	if !s.expires.IsNever() {
		s.expiry = s.worker.env.Clock.At(s.worker.strand, s.expires.Time(), s.onExpiry)
	}
}

// onExpiry ends the link. What drains already was enqueued in time.
func (s *subscription) onExpiry() {
	switch {
	case s.stage == flushing:
	case s.lapsed():
		s.cut(wire.Expired)
	default:
		s.arm() // the clock was stepped back
	}
}

// OnOpen is not called for accepted links.
func (s *subscription) OnOpen() {}

// OnMessage hears what a consumer has no reason to say after its handshake.
func (s *subscription) OnMessage([]byte) {
	if s.served() {
		s.cut(wire.ProtocolViolation)
	}
}

// OnWritable refills the link from the ring.
func (s *subscription) OnWritable() {
	if !s.served() {
		return
	}
	s.pump()
	if s.stage == emptying {
		s.drain()
	}
	s.worker.kick()
}

// served tells whether the subscription is one of the worker's.
func (s *subscription) served() bool { return s.stage != knocking && s.stage != cut }

// OnClosed settles the account: what the link gives back was not delivered.
func (s *subscription) OnClosed(c runtime.Closed) {
	stopTimer(s.expiry)
	if s.guest == nil {
		return // refused
	}
	w := s.worker
	reason := s.reason
	if reason == wire.None || !c.Local {
		reason = c.Reason
	}
	s.drop(s.ring.all(), reason)
	unsent := datums(c.Unsent)
	s.drop(unsent, reason)
	if s.owed && !c.Drained && !left(reason) {
		w.undrain.Consumers++
	}
	w.env.Report(s.event(event.Event{Kind: event.SubEnded, Reason: reason, N: int64(len(unsent))}))
	if s.served() {
		w.remove(s)
	}
	w.onSubClosed()
}

// left tells whether a consumer went away because it wanted to: what it did not
// take, it did not want.
func left(r wire.Reason) bool { return r == wire.Cancelled || r == wire.Finished }

// datums are the frames that carry one: not the answer to the handshake.
func datums(frames [][]byte) [][]byte {
	for len(frames) > 0 && frames[0][0] != frameDatum {
		frames = frames[1:]
	}
	return frames
}

// report tells of a run of datums, if it is one.
func (s *subscription) report(kind event.Kind, frames [][]byte, r wire.Reason) {
	if len(frames) == 0 {
		return
	}
	s.worker.env.Report(s.event(event.Event{
		Kind: kind, Reason: r, From: frameSeq(frames[0]), To: frameSeq(frames[len(frames)-1]), N: int64(len(frames)),
	}))
}

func (s *subscription) event(e event.Event) event.Event {
	e.Sub, e.Peer = s.id, s.peer
	return s.worker.event(e)
}

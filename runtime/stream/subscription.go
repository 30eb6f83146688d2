package stream

import (
	"time"

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
	worker   *fanout
	link     runtime.Link
	peer     ident.PeerID
	guest    *guest // nil before admission
	id       uint64
	stage    stage
	criteria string
	consumer uint64  // as it names itself
	maxDatum int     // that the consumer's node takes, in bytes
	filter   *filter // of worker.filters; nil: everything matches
	since    time.Time
	traffic  traffic // what the link took
	ring     ring
	missed   gap // what a lag policy skipped and the consumer was not told yet: before the ring under DropOldest, after it under DropNewest
	expires  ticket.Expiration
	expiry   runtime.Timer
	untrack  func()
	owed     bool        // it was served when a Close began
	reason   wire.Reason // why this side ends it

	sent       uint64        // number of the last datum or gap that the link took
	consumed   uint64        // number of the last one that the consumer's application took, as it reported
	admittedAt time.Duration // Mono
	hungry     bool          // its application has taken all that arrived, as it reported
	waitsSince time.Duration // Mono of its last report, or of the first datum after it had taken all
	progressAt time.Duration // Mono of its last sign of progress, or of the admission
	repeats    int64         // messages without news
	heard      bool          // it knows of its admission
	odd        bool          // it sent a message of a later version
	blocks     bool          // under Block, it keeps datums in the input
	blockedAt  time.Duration // Mono since when
}

var _ runtime.Handler = (*subscription)(nil)

// enqueue takes a batch: straight to the link while the ring is empty, the rest
// to the ring. It tells how many datums were taken, from the first on, and why not
// the rest. What does not fit is up to the lag policy; under Block everything
// fits.
func (s *subscription) enqueue(batch [][]byte) (taken int, why wire.Reason) {
	if s.lapsed() {
		s.cut(wire.Expired)
		return 0, wire.Expired
	}
	rest := batch
	if len(batch) > 0 && s.ring.len() == 0 && s.tell() {
		n := s.send(batch)
		s.report(event.Enqueued, batch[:n], wire.None)
		s.written(batch[:n])
		rest = batch[n:]
	}
	if len(rest) == 0 {
		return len(batch), wire.None
	}
	fits := s.admits(rest)
	s.ring.push(rest[:fits])
	s.report(event.Enqueued, rest[:fits], wire.None)
	if fits == len(rest) {
		return len(batch), wire.None
	}
	s.worker.env.Mark("stream/ring-full")
	return len(batch) - len(rest) + fits, s.lag(rest[fits:])
}

// admits tells how many of frames the ring takes as things are. A gap that the
// consumer must hear of first takes a place.
func (s *subscription) admits(frames [][]byte) int {
	room := s.ring.room()
	if s.worker.config.Lag != DropNewest || s.missed.empty() {
		return room.fits(frames)
	}
	room.datums, room.bytes, room.empty = room.datums-1, room.bytes-gapSize, false
	n := room.fits(frames)
	if n > 0 {
		s.ring.push([][]byte{s.missed.frame()})
		s.missed = gap{}
	}
	return n
}

// lag does what the policy says about datums for which the ring has no room. It
// gives the reason for which they were not taken, None if they were.
func (s *subscription) lag(frames [][]byte) wire.Reason {
	switch s.worker.config.Lag {
	case DropNewest:
		s.report(event.Enqueued, frames, wire.None)
		s.drop(frames, wire.Lagged)
		s.missed = s.missed.with(frames)
		return wire.Lagged
	case DropOldest:
		s.report(event.Enqueued, frames, wire.None)
		for _, f := range frames {
			s.makeRoom(f)
			s.ring.push([][]byte{f})
		}
		return wire.None
	default:
		s.cut(wire.TooSlow)
		return wire.TooSlow
	}
}

// makeRoom skips the oldest datums of the ring until one more fits.
func (s *subscription) makeRoom(frame []byte) {
	one := [][]byte{frame}
	n := 0
	for room := s.ring.room(); room.fits(one) == 0; n++ {
		room.datums++
		room.bytes += len(s.ring.all()[n])
		room.empty = n+1 == s.ring.len()
	}
	oldest := s.ring.all()[:n]
	s.drop(oldest, wire.Lagged)
	s.missed = s.missed.with(oldest)
	s.ring.pop(n)
}

// tell sends the gap that stands before whatever is sent next. It is false while
// the link has no room for it.
func (s *subscription) tell() bool {
	if s.missed.empty() {
		return true
	}
	if n, _ := s.link.Send(s.missed.frame()); n == 0 {
		return false
	}
	s.sent = s.missed.to
	s.missed = gap{}
	return true
}

// skip tells which datums of a batch the criteria left out.
func (s *subscription) skip(batch, matched [][]byte) {
	for len(batch) > 0 {
		n := 0
		for n < len(batch) && (len(matched) == 0 || frameSeq(batch[n]) != frameSeq(matched[0])) {
			n++
		}
		s.report(event.Unmatched, batch[:n], wire.None)
		batch = batch[n:]
		for len(batch) > 0 && len(matched) > 0 && frameSeq(batch[0]) == frameSeq(matched[0]) {
			batch, matched = batch[1:], matched[1:]
		}
	}
}

// lapsed tells whether the right has ended by now: this comparison, not the
// timer, is what keeps datums from being enqueued after the end.
func (s *subscription) lapsed() bool {
	return !s.expires.IsNever() && s.expires.Passed(s.worker.env.Clock.Now())
}

// send hands frames to the link and tells how many it took. If not all, the
// link becomes writable later, or is about to be closed. None is too large: the
// protocol's limit is that of the node's datums.
func (s *subscription) send(frames [][]byte) (n int) {
	settled := s.settled()
	n, _ = s.link.Send(frames...)
	if n > 0 {
		if settled { // it had nothing to take before
			s.progressAt = s.worker.env.Clock.Mono()
			s.waitsSince = s.progressAt
		}
		s.sent = lastSeq(frames[n-1])
	}
	return n
}

// pump moves the ring to the link, and tells of gaps in their place.
func (s *subscription) pump() {
	if s.worker.config.Lag == DropOldest && !s.tell() {
		return
	}
	if s.ring.len() > 0 {
		oldest := s.ring.all()
		n := s.send(oldest)
		s.written(oldest[:n])
		s.ring.pop(n)
	}
	if s.ring.len() == 0 {
		s.tell()
	}
}

// written counts frames that the link took.
func (s *subscription) written(frames [][]byte) {
	s.report(event.Written, frames, wire.None)
	n, bytes := 0, 0
	for _, f := range frames {
		if f[0] == frameDatum {
			n++
			bytes += len(framePayload(f))
		}
	}
	s.traffic.add(n, bytes)
}

// flushMax is more than the drain of a link takes: the worker's own deadline, which
// goes by progress, comes first.
const flushMax = 24 * time.Hour

// settled reports whether the consumer's application took everything that was sent.
func (s *subscription) settled() bool {
	return s.consumed == s.sent && s.ring.len() == 0 && s.missed.empty()
}

// drain lets nothing more be enqueued, delivers what the ring holds and then
// drains the link.
func (s *subscription) drain() {
	if s.stage == serving {
		s.stage = emptying
		s.worker.env.Report(s.event(&event.Event{Kind: event.SubDraining, Reason: wire.GracefulShutdown}))
	}
	if s.stage == emptying && s.ring.len() == 0 && s.missed.empty() {
		if s.settled() {
			s.progressAt = s.worker.env.Clock.Mono()
		}
		s.stage = flushing
		s.link.Drain(wire.GracefulShutdown, flushMax)
	}
}

// cut ends the subscription at once: its queue is dropped, and the slot is free
// before the link is closed.
func (s *subscription) cut(r wire.Reason) {
	if s.stage == serving {
		s.worker.env.Report(s.event(&event.Event{Kind: event.SubDraining, Reason: r}))
	}
	s.stage, s.reason = cut, s.reason.Worst(r)
	stopTimer(s.expiry)
	s.drop(s.ring.all(), s.reason)
	s.ring.pop(s.ring.len())
	s.link.Close(s.reason)
	s.worker.remove(s)
}

// drop tells of datums that were enqueued and will not be delivered.
func (s *subscription) drop(frames [][]byte, r wire.Reason) (n int) {
	n = s.report(event.Dropped, frames, r)
	if s.owed && !left(r) && r != wire.Lagged { // what the policy skips the consumer is told
		s.worker.undrain.Datums += n
	}
	return n
}

// arm sets the timer that ends the link when the right ends. It is a hint:
// onExpiry looks at the clock.
func (s *subscription) arm() {
	stopTimer(s.expiry)
	if s.expires.IsNever() {
		return
	}
	at, env := s.expires.Time(), s.worker.env
	switch {
	case env.Buggify("stream/early-expiry"):
		at = at.Add(-late)
	case env.Buggify("stream/late-expiry"):
		at = at.Add(100 * late)
	}
	s.expiry = env.Clock.At(s.worker.strand, at, s.onExpiry)
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

// OnMessage takes a report of the consumer's progress. Its number is at least that of the
// report before and at most that of what was sent. There are at most as many reports
// with news as datums, and of all other messages a few an interval: so a consumer
// cannot make work.
func (s *subscription) OnMessage(m []byte) {
	if !s.served() {
		return
	}
	r, known, err := decodeReport(m)
	news := known && r.consumed > s.consumed
	if err != nil || known && (r.consumed < s.consumed || r.consumed > s.sent) || !news && !s.mayRepeat() {
		s.cut(wire.ProtocolViolation)
		return
	}
	if !s.heard {
		s.heard = true
		s.worker.admissions.heard(s.peer, s.consumer)
	}
	switch {
	case known:
		arrived := !news && r.waits && s.hungry
		s.consumed, s.hungry = r.consumed, !r.waits
		s.waitsSince = s.worker.env.Clock.Mono()
		if arrived { // up to an interval ago: no progress since then
			s.advance(max(s.progressAt, s.waitsSince-s.worker.config.progressEvery()))
		} else {
			s.advance(s.waitsSince)
		}
	case !s.odd:
		s.odd = true
		s.worker.env.Mark("stream/unknown-message")
	}
}

// mayRepeat reports whether a consumer may send one more message without news. All that
// it has sent may come at once after the network held it back.
func (s *subscription) mayRepeat() bool {
	const spare, rate = 16, 4
	s.repeats++
	w := s.worker
	return s.repeats <= spare+rate*int64((w.env.Clock.Mono()-s.admittedAt)/w.config.progressEvery())
}

// advance notes that the consumer made progress at a time.
func (s *subscription) advance(at time.Duration) {
	s.progressAt = at
	e := event.Event{Kind: event.SubProgress, To: s.consumed, N: int64(s.worker.env.Clock.Mono() - at)}
	if !s.hungry {
		e.From = 1
	}
	s.worker.env.Report(s.event(&e))
}

// excuseMost bounds, as a multiple of a time-out, how long a consumer without progress is kept
// while its application waits for datums. A datum of 16 MiB takes 45 s at 3 Mbit/s.
const excuseMost = 10

// excuse extends the time-out of a consumer whose application has taken all that arrived, while
// packets of its node arrive: the path is slow, and not the consumer. limit is the time-out.
// excuseMost bounds the extension, since the node may hang and a report may be false.
func (s *subscription) excuse(limit time.Duration) {
	if !s.hungry {
		return
	}
	now := s.worker.env.Clock.Mono()
	at := min(now-s.link.Session().Quiet(), s.waitsSince+(excuseMost-1)*limit)
	if at > s.progressAt && at+limit > now {
		s.advance(at)
	}
}

// patience returns when a subscription that blocks is to be cut, by Mono.
func (s *subscription) patience() time.Duration {
	return max(s.blockedAt, s.progressAt) + s.worker.config.BlockMax
}

// OnWritable refills the link from the ring.
func (s *subscription) OnWritable() {
	if !s.served() {
		return
	}
	if s.worker.closing {
		s.advance(s.worker.env.Clock.Mono()) // the consumer's node took what the link was full of
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
	reason := c.Reason // of a drain too: the connection may be lost meanwhile
	if s.stage == cut && c.Local {
		reason = s.reason
	}
	s.drop(s.ring.all(), reason)
	unsent := s.drop(c.Unsent, reason)
	if s.owed && !c.Drained && !left(reason) {
		w.undrain.Consumers++
	}
	w.env.Report(s.event(&event.Event{Kind: event.SubEnded, Reason: reason, N: int64(unsent)}))
	if s.served() {
		w.remove(s)
	}
	if reason == wire.IdleTimeout && len(s.guest.subs) == 0 && !w.closing {
		// Nobody else may look for long whether the consumer is gone.
		w.directory.SyncThen(w.strand, s.peer, w.directory.Dialable(s.guest.peer), func(error) {})
	}
	w.onSubClosed()
}

// left tells whether a consumer went away because it wanted to: what it did not
// take, it did not want.
func left(r wire.Reason) bool { return r == wire.Cancelled || r == wire.Finished }

// report tells of the datums among frames, in runs without a hole, and counts
// them.
func (s *subscription) report(kind event.Kind, frames [][]byte, r wire.Reason) (count int) {
	for i := 0; i < len(frames); {
		if frames[i][0] != frameDatum {
			i++
			continue
		}
		from := frameSeq(frames[i])
		n := s.run(frames[i:], from)
		count += n
		s.worker.env.Report(s.event(&event.Event{Kind: kind, Reason: r, From: from, To: from + uint64(n) - 1, N: int64(n), Bytes: payloadBytes(frames[i : i+n])}))
		i += n
	}
	return count
}

// run is how many frames, from the first on, are datums with consecutive numbers.
func (s *subscription) run(frames [][]byte, from uint64) int {
	last := len(frames) - 1
	if s.filter == nil && s.worker.config.Lag != DropNewest && frameSeq(frames[last]) == from+uint64(last) {
		return len(frames) // numbers ascend, so that nothing is missing in between
	}
	n := 1
	for n < len(frames) && frames[n][0] == frameDatum && frameSeq(frames[n]) == from+uint64(n) {
		n++
	}
	return n
}

func (s *subscription) event(e *event.Event) *event.Event {
	e.Sub, e.Peer = s.id, s.peer
	return s.worker.event(e)
}

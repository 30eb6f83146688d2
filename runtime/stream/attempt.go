package stream

import (
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// attempt is one link of a receiver: callbacks of an older one find that they
// are not the present one.
type attempt struct {
	receiver *receiver
	link     runtime.Link
	deadline runtime.Timer // of the producer's answer
	opened   bool          // the producer has the link, and may have admitted the consumer
	outdated bool          // this node's entry changed since it began
	up       bool          // the producer said start
	since    time.Duration // Mono when it did
	began    time.Time     // Now when it did
	origin   *origin       // what it said
	batch    []arrival     // received in this turn, handed on at its end
	bytes    int           // of the batch
	paused   bool
	every    time.Duration // the interval at which the producer wants reports; 0: none
	reported report        // what it was told last

	reportedAt time.Duration // Mono when; 0: not yet
	pops       uint64        // queue.pops then
	odd        bool          // it was told that the producer says what this version does not know
}

var _ runtime.Handler = (*attempt)(nil)

// OnOpen leaves a producer that is too far away, or waits for its answer, but not for ever.
func (a *attempt) OnOpen() {
	r := a.receiver
	if r.attempt != a {
		return
	}
	w := r.worker
	w.directory.Sample(r.peer.Entry.Peer, a.link.Session().RTT())
	if !w.demands.near(a.link.Session()) {
		r.verdict = wire.NotAllowed
		r.bar(wire.NotAllowed)
		return
	}
	r.admitted(a.link.Session())
	a.opened = true
	a.deadline = w.env.Clock.AfterFunc(w.strand, handshakeTimeout, a.onDeadline)
}

func (a *attempt) onDeadline() {
	if r := a.receiver; r.attempt == a && !a.up {
		r.fail(wire.HandshakeTimeout)
	}
}

// OnWritable does not follow: the one message always fits.
func (a *attempt) OnWritable() {}

// OnMessage takes the answer, then datums and gaps.
func (a *attempt) OnMessage(b []byte) {
	r := a.receiver
	if r.attempt != a {
		return
	}
	m, err := decodeMessage(b)
	switch {
	case err == nil && a.up && m.unknown():
		a.passOver()
	case err != nil || (m.kind == frameStart) == a.up || a.up && m.from < r.next:
		r.fail(wire.ProtocolViolation)
	case m.kind == frameStart:
		a.onStart(m.start)
	default:
		// Under criteria the numbers that are left out are those that do not match.
		if m.from > r.next && r.worker.config.Criteria == "" {
			a.miss(gap{r.next, m.from - 1, m.from - r.next}, arrivalGap, wire.Lagged)
		}
		if m.kind == frameGap {
			a.miss(m.gap, arrivalGap, wire.Lagged)
		} else {
			a.arrive(m.gap, arrivalDatum, m.payload)
		}
		r.next = m.to + 1
	}
	if !a.link.More() {
		a.hand()
	}
}

// onStart begins the subscription. A producer that is the same incarnation as
// before says with its next number what was missed in between, and another incarnation
// which one was before it.
func (a *attempt) onStart(s start) {
	r := a.receiver
	w := r.worker
	same := r.incarnation == s.Incarnation
	every := time.Duration(s.ProgressEvery) * time.Millisecond
	if s.Version != version || s.Incarnation == 0 || every > 0 && every < progressLeast || s.Next == 0 || s.Next > lastNumber || s.First > s.Next || same && s.Next < r.next {
		r.fail(wire.ProtocolViolation)
		return
	}
	a.up, a.since, a.began = true, w.env.Clock.Mono(), w.env.Clock.Now()
	a.origin = &origin{producer: r.peer.Entry.Peer, incarnation: s.Incarnation}
	stopTimer(a.deadline)
	was := r.progress
	r.rest, r.before, r.unheard = restOpen, s.Before, 0
	r.incarnation, r.next, r.verdict = s.Incarnation, s.Next, wire.None
	w.env.Report(r.event(&event.Event{Kind: event.Subscribed, From: s.Next, To: s.First}))
	kind := arrivalGap
	if w.config.Criteria != "" {
		kind = arrivalGapAtMost
	}
	switch {
	case same:
		a.miss(gap{was.next, s.Next - 1, s.Next - was.next}, kind, wire.None)
	case was.incarnation == 0:
		first := s.Next
		if s.First > 0 {
			first = s.First
		}
		if was.unheard != 0 && (s.Before != 0 || was.unheard != r.peer.Entry.Version.Started) {
			kind = arrivalRestart // another producer may have admitted the consumer
		}
		a.miss(gap{first, s.Next - 1, s.Next - first}, kind, wire.None)
	case was.rest == restOpen, was.rest == restNone && s.Before != 0 && s.Before != was.sender():
		a.miss(gap{1, s.Next - 1, s.Next - 1}, arrivalRestart, wire.None)
	default:
		a.miss(gap{1, s.Next - 1, s.Next - 1}, kind, wire.None)
	}
	if a.every, a.reported.consumed = every, s.Next-1; every > 0 {
		_, _ = a.link.Send(a.reported.encode()) // from now on this side waits for datums
		w.startReports(every)
	}
	w.connected++
	w.watchDistances()
	w.changed()
	if w.queue.isFull() {
		a.pause()
		a.expectReport()
	}
}

// passOver tells, once for each link, that a message is of a later version.
func (a *attempt) passOver() {
	if !a.odd {
		a.odd = true
		a.receiver.worker.env.Mark("stream/unknown-message")
	}
}

// miss tells the application of datums that it will not get.
func (a *attempt) miss(g gap, kind arrivalKind, reason wire.Reason) {
	if g.empty() && kind != arrivalRestart {
		return
	}
	if kind == arrivalRestart {
		a.receiver.worker.env.Report(a.receiver.event(&event.Event{Kind: event.MissedUnknown}))
	}
	if !g.empty() {
		a.receiver.worker.env.Report(a.receiver.event(&event.Event{Kind: event.Skipped, Reason: reason, From: g.from, To: g.to, N: int64(g.count)}))
	}
	a.arrive(g, kind, nil)
}

// arrive collects what comes in one turn of the strand, so that the queue is
// locked and its reader woken once. More than the queue holds is not collected.
func (a *attempt) arrive(g gap, kind arrivalKind, payload []byte) {
	w := a.receiver.worker
	a.batch = append(a.batch, arrival{a.origin, g, kind, payload})
	a.bytes += len(payload)
	if len(a.batch) >= min(maxBatch, w.config.Queue) || a.bytes >= min(maxBatchBytes, w.config.QueueBytes) || w.env.Buggify("stream/hand-one") {
		a.hand()
	}
}

// hand moves the batch to the consumer's queue, and stops reading if that is
// full.
func (a *attempt) hand() {
	if len(a.batch) == 0 {
		return
	}
	r := a.receiver
	a.received()
	full := r.worker.queue.push(a.batch)
	clear(a.batch)
	a.batch, a.bytes = a.batch[:0], 0
	if r.attempt != a {
		return
	}
	if full {
		a.pause()
	}
	a.expectReport()
}

// pause stops reading until the queue has room.
func (a *attempt) pause() {
	if !a.paused {
		a.paused = true
		a.link.Pause()
	}
}

// received reports the datums of the batch, in runs without a hole.
func (a *attempt) received() {
	e := event.Event{Kind: event.Received}
	for i := range a.batch {
		x := &a.batch[i]
		if x.kind != arrivalDatum {
			continue
		}
		if e.N > 0 && x.from != e.To+1 {
			a.receiver.worker.env.Report(a.receiver.event(&e))
			e.N, e.Bytes = 0, 0
		}
		if e.N == 0 {
			e.From = x.from
		}
		e.To = x.to
		e.N++
		e.Bytes += int64(len(x.payload))
	}
	if e.N > 0 {
		a.receiver.worker.env.Report(a.receiver.event(&e))
	}
}

// resume goes on reading once the queue has room.
func (a *attempt) resume() {
	if a.paused {
		a.paused = false
		a.link.Resume()
	}
}

// OnClosed decides when to try again.
func (a *attempt) OnClosed(c runtime.Closed) {
	if r := a.receiver; r.attempt == a {
		r.ended(c.Reason)
	}
}

package quicnet

import (
	"context"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// maxOpening is how many links a side opens on a session at once, so that they do not find
// the acceptor's places for new links taken by each other.
const maxOpening = 32

// openOn opens the link on a live session. It returns nil when the link is open; the link
// is as before otherwise, and may be opened on another session.
func (l *link) openOn(ctx context.Context, o *opening, s *session) (err error) {
	if err := s.reserve(ctx, l.protocol); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, l.t.config.LinkTimeout)
	defer cancel()
	defer func() {
		<-s.opening
		if err != nil {
			<-s.placesFor(l.protocol)
		}
	}()
	ln, err := s.laneFor(ctx)
	if err != nil {
		return err
	}
	if !l.enter(ln) {
		return refuse(wire.Cancelled, "")
	}
	select {
	case err = <-o.answer:
		s.answeredAt.Store(int64(l.t.config.Clock.Mono()))
	case <-ctx.Done():
		err = refuse(wire.HandshakeTimeout, "no answer to the opening of a link")
	case <-s.conn.Context().Done():
		err = context.Cause(s.conn.Context())
	}
	if err != nil && l.retract(o, err) {
		return err
	}
	return nil
}

// enter gives the link a place on a lane, and has the peer asked to accept it.
func (l *link) enter(ln *lane) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.lane = ln
	l.window = ln.s.window()
	l.credit = l.window
	l.greeting = wire.FrameOpen
	l.wake()
	return true
}

// retract undoes enter, unless the link opened meanwhile.
func (l *link) retract(o *opening, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opening == nil {
		return false
	}
	if _, remote := reasonOf(err); o.sent && !l.ended && !remote {
		l.lane.reset(l.id, wire.Cancelled)
	}
	l.lane.remove(l)
	l.lane, l.id, l.greeting, l.queued, o.sent = nil, 0, 0, false, false
	o.answer = make(chan error, 1) // without what came too late
	return true
}

// accept takes a link that the peer opens, or refuses it. An error is the end of the
// session.
func (ln *lane) accept(id uint64, payload []byte) error {
	window, name, err := wire.ParseUvarint(payload)
	if err != nil || window > maxPeerWindow {
		return refuse(wire.ProtocolViolation, "malformed opening of a link")
	}
	ln.mu.Lock()
	fresh := !ln.own && id > ln.last
	if fresh {
		ln.last = id
	}
	ln.mu.Unlock()
	if !fresh {
		return refuse(wire.ProtocolViolation, "a link is opened twice, or by the wrong side")
	}
	if len(name) == 0 || len(name) > wire.MaxProtocol {
		ln.reset(id, wire.ProtocolViolation)
		return nil
	}
	s := ln.s
	l := newLink(s.t, s.p.id, runtime.Protocol{Name: string(name)}, false)
	l.session.Store(s)
	if r := s.take(l); r != wire.None {
		ln.reset(id, r)
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := s.attach(l); r != wire.None {
		ln.reset(id, r)
		l.finish(runtime.Closed{Reason: r, Local: true})
		return nil
	}
	l.window = s.window()
	l.credit = l.window
	l.peerWindow, l.peerCredit = int(window), int(window)
	ln.adopt(l, id)
	l.offered = true
	l.from.strand.Post(l.offer)
	return nil
}

// offer gives the link to its listener. Links that a peer opens and ends faster than that takes
// keep their places, or they would wait without a bound.
func (l *link) offer() {
	l.from.accept(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offered = false
	l.leavePlace()
}

// leavePlace releases the place of a link that waited to be bound, if it does not any more;
// with the lock held. The peer may open another one as soon as it hears of that.
func (l *link) leavePlace() {
	if l.placed && !l.unbound && !(l.offered && l.ended) {
		l.placed = false
		l.from.unbound.Add(-1)
		l.session.Load().waiting.Add(-1)
	}
}

// adopt gives a link the number that the peer chose.
func (ln *lane) adopt(l *link, id uint64) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	l.lane, l.id = ln, id
	ln.links[id] = l
}

// take finds the listener of a link that the peer opened, gives it one of the places of those
// that wait for that, and registers it. A peer gets as many places as it may have openings
// that are not answered, and strangers together half of them.
func (s *session) take(l *link) wire.Reason {
	t := s.t
	t.mu.Lock()
	from := t.protocols[l.protocol]
	t.mu.Unlock()
	if from == nil {
		return wire.UnknownProtocol
	}
	most := t.config.Unbound
	if t.isStranger(s) {
		most = (most + 1) / 2
	}
	l.from = from
	l.most = from.protocol.Limit()
	l.unbound, l.placed = true, true
	r := wire.Overloaded
	if s.waiting.Add(1) <= maxOpening && from.unbound.Load() < int64(most) {
		r = t.register(l)
	}
	if from.unbound.Add(1); r != wire.None {
		l.unbound = false
		l.leavePlace()
	}
	return r
}

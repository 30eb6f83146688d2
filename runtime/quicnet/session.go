package quicnet

import (
	"context"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

var _ runtime.Session = (*session)(nil)

// session is one connection after its hello.
type session struct {
	t        *Transport
	p        *peer
	conn     *quic.Conn
	instance wire.Instance
	dialled  bool          // by this side
	up       time.Duration // Mono
	stranger bool

	mu     sync.Mutex
	links  map[*link]struct{} // to be told when the connection is lost
	users  int                // links and opens that keep the session from lingering
	linger *time.Timer        // runs while users is 0
	rested time.Duration      // Mono since which it does
	closed bool
}

func newSession(t *Transport, p *peer, conn *quic.Conn, instance wire.Instance, dialled bool) *session {
	return &session{
		t: t, p: p, conn: conn, instance: instance, dialled: dialled, up: t.config.Clock.Mono(),
		stranger: t.config.Known != nil && !t.config.Known(p.id),
		links:    map[*link]struct{}{},
	}
}

func (s *session) Peer() ident.PeerID { return s.p.id }

func (s *session) Instance() wire.Instance { return s.instance }

func (s *session) Exporter(label string, context []byte) ([]byte, error) {
	return exportKey(s.conn, label, context)
}

func (s *session) RTT() runtime.RTT {
	stats := s.conn.ConnectionStats()
	if stats.LatestRTT == 0 {
		return runtime.RTT{}
	}
	return runtime.RTT{Latest: stats.LatestRTT, Min: min(stats.MinRTT, stats.LatestRTT), At: s.t.config.Clock.Mono()}
}

// acquire keeps the session open until release; false if it is closed.
func (s *session) acquire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.users++
	if s.linger != nil {
		s.linger.Stop()
	}
	return true
}

func (s *session) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	s.rest()
}

// rest starts the linger of a session that nobody uses; with the lock held.
func (s *session) rest() {
	if s.users > 0 || s.closed {
		return
	}
	s.rested = s.t.config.Clock.Mono()
	if s.linger == nil {
		s.linger = time.AfterFunc(s.t.config.Linger, s.leave)
	} else {
		s.linger.Reset(s.t.config.Linger)
	}
}

// leave closes a session that nobody used for its linger.
func (s *session) leave() {
	if s.retire() {
		_ = s.conn.CloseWithError(quic.ApplicationErrorCode(wire.Finished), "")
	}
}

// retire lets nobody use a session any more that nobody uses. It tells whether that
// is so.
func (s *session) retire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users > 0 || s.closed {
		return false
	}
	s.closed = true
	return true
}

// resting tells since when nobody uses the session, if that is long enough for it to make
// room.
func (s *session) resting() (since time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rested, s.users == 0 && !s.closed && s.linger != nil && s.t.config.Clock.Mono()-s.rested >= wire.EvictAfter
}

// attach and detach have the loss of the session told to a link, which uses
// the session in between; attach fails when it is lost already.
func (s *session) attach(l *link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.links[l] = struct{}{}
	s.users++
	if s.linger != nil {
		s.linger.Stop()
	}
	return true
}

func (s *session) detach(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.links[l]; known {
		delete(s.links, l)
		s.users--
		s.rest()
	}
}

// close ends the connection with a reason that the peer learns.
func (s *session) close(r wire.Reason, text string) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	_ = s.conn.CloseWithError(quic.ApplicationErrorCode(r), text)
}

// announce reports the session, before those who waited for it go on.
func (s *session) announce() { s.t.report(event.SessionUp, s.p.id, wire.None, "") }

// run serves the session until its connection ends.
func (s *session) run() {
	s.mu.Lock()
	s.rest()
	s.mu.Unlock()
	for {
		stream, err := s.conn.AcceptStream(s.conn.Context())
		if err != nil {
			break
		}
		s.t.group.Go(func() { s.accept(stream) })
	}
	<-s.conn.Context().Done()
	cause := context.Cause(s.conn.Context())
	r, _ := reasonOf(cause)

	s.mu.Lock()
	s.closed = true
	if s.linger != nil {
		s.linger.Stop()
	}
	links := make([]*link, 0, len(s.links))
	for l := range s.links {
		links = append(links, l)
	}
	s.mu.Unlock()
	s.t.mu.Lock()
	if s.p.session == s {
		s.t.unlink(s.p)
	}
	s.t.sweep(s.p)
	s.t.mu.Unlock()
	for _, l := range links {
		l.lost(r)
	}
	s.t.report(event.SessionDown, s.p.id, r, "")
}

// accept does the acceptor's side of opening a link.
func (s *session) accept(stream *quic.Stream) {
	_ = stream.SetReadDeadline(time.Now().Add(s.t.config.LinkTimeout))
	kind, name, err := readFrame(stream, wire.MaxProtocol)
	if err == nil && kind != wire.FrameOpen {
		err = refuse(wire.ProtocolViolation, "link does not begin with an open frame")
	}
	_ = stream.SetReadDeadline(time.Time{})
	if err != nil {
		r, _ := reasonOf(err)
		reset(stream, r)
		return
	}
	l := newLink(s.t, s.p.id, string(name), false)
	if r := s.t.take(l); r != wire.None {
		reset(stream, r)
		return
	}
	if !s.attach(l) {
		l.fail(wire.ConnectionLost)
		reset(stream, wire.ConnectionLost)
		return
	}
	_, err = stream.Write(wire.AppendFrameHeader(nil, wire.FrameAccept, 0))
	if err != nil || !l.start(s, stream) {
		r, _ := reasonOf(err)
		l.fail(r)
		reset(stream, r) // both ways, or the peer's stream credit is lost
		s.detach(l)
		return
	}
	accept := l.from.accept
	l.from.strand.Post(func() { accept(l) })
	l.read()
}

// take finds the listener of a link that a peer opened, and registers it.
func (t *Transport) take(l *link) wire.Reason {
	t.mu.Lock()
	from := t.protocols[l.protocol]
	t.mu.Unlock()
	if from == nil {
		return wire.UnknownProtocol
	}
	if from.unbound.Add(1) > int64(t.config.Unbound) {
		from.unbound.Add(-1)
		return wire.Overloaded
	}
	l.from = from
	l.unbound = true
	if r := t.register(l); r != wire.None {
		from.unbound.Add(-1)
		return r
	}
	return wire.None
}

// reset ends both directions of a stream, so that its credit comes back.
func reset(stream *quic.Stream, r wire.Reason) {
	stream.CancelWrite(quic.StreamErrorCode(r))
	stream.CancelRead(quic.StreamErrorCode(r))
}

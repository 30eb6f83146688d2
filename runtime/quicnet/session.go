package quicnet

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
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
	control  *control
	instance wire.Instance
	dialled  bool          // by this side
	up       time.Duration // Mono
	stranger bool          // guarded by t.mu

	waiting    atomic.Int64  // links of the peer that are not bound, or not offered to their listeners
	opening    chan struct{} // a token for each link of this side that is not answered yet
	answeredAt atomic.Int64  // Mono of the last answer to one, in nanoseconds
	laneMu     sync.Mutex
	lanes      []*lane // of this side

	mu       sync.Mutex
	links    map[*link]struct{}       // to be told when the connection is lost
	places   map[string]chan struct{} // a token for each link of this side, by protocol
	accepted wire.LinkCount           // links that the peer opened
	theirs   []*lane                  // of the peer
	users    int                      // links and opens that keep the session from lingering
	packets  uint64                   // received from the peer when Quiet was called last
	packetAt time.Duration            // Mono when that number was new
	linger   *time.Timer              // runs while users is 0
	rested   time.Duration            // Mono since which it does
	closed   bool
	excess   int     // by how much links are over their windows
	wanting  []*link // wait for that to become less
}

func newSession(t *Transport, p *peer, conn *quic.Conn, c *control, instance wire.Instance, dialled bool) *session {
	return &session{
		t: t, p: p, conn: conn, control: c, instance: instance, dialled: dialled, up: t.config.Clock.Mono(),
		stranger: !t.knows(p.id),
		opening:  make(chan struct{}, maxOpening),
		links:    map[*link]struct{}{}, places: map[string]chan struct{}{},
	}
}

func (s *session) Peer() ident.PeerID { return s.p.id }

func (s *session) Instance() wire.Instance { return s.instance }

func (s *session) Exporter(label string, context []byte) ([]byte, error) {
	return exportKey(s.conn, label, context)
}

func (s *session) RTT() runtime.RTT {
	r, fresh := s.control.rtt(s.conn.ConnectionStats())
	if fresh {
		s.t.observe(&event.Event{Kind: event.SessionMeasured, Peer: s.p.id, N: int64(r.Latest)})
	}
	return r
}

// Quiet implements runtime.Session. keepAlive calls it as well, so that a packet is noticed
// within the interval of pings.
func (s *session) Quiet() time.Duration {
	packets, now := s.conn.ConnectionStats().PacketsReceived, s.t.config.Clock.Mono()
	s.mu.Lock()
	defer s.mu.Unlock()
	if packets != s.packets {
		s.packets, s.packetAt = packets, now
	}
	return now - s.packetAt
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

// placesFor returns the tokens for the links of this side with a protocol. Each has its own,
// so that subscriptions, however many, leave room for discovery.
func (s *session) placesFor(proto string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	places := s.places[proto]
	if places == nil {
		places = make(chan struct{}, s.t.config.LinksPerPeer)
		s.places[proto] = places
	}
	return places
}

// reserve gets a place for one more link of this side, and one among those that the peer has
// yet to answer. It waits for the latter as long as the peer answers others.
func (s *session) reserve(ctx context.Context, proto string) error {
	places, limit := s.placesFor(proto), s.t.config.LinkTimeout
	full := fmt.Sprintf("all %d links of protocol %s to the peer are in use (LinksPerPeer)", cap(places), proto)
	over := func() error { return refuse(wire.Overloaded, full) }
	if err := s.enter(ctx, places, limit, over); err != nil {
		return err
	}
	for wait := limit; ; {
		err := s.enter(ctx, s.opening, wait, func() error { return refuse(wire.HandshakeTimeout, "the peer answers no opening of a link") })
		if err == nil {
			return nil
		}
		wait = time.Duration(s.answeredAt.Load()) + limit - s.t.config.Clock.Mono()
		if wait <= 0 || ctx.Err() != nil || s.conn.Context().Err() != nil {
			<-places
			return err
		}
	}
}

// enter takes a place as soon as one is free, within a limit.
func (s *session) enter(ctx context.Context, places chan struct{}, limit time.Duration, over func() error) error {
	select {
	case places <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case places <- struct{}{}:
		return nil
	case <-s.conn.Context().Done():
		return context.Cause(s.conn.Context())
	case <-ctx.Done():
		return over()
	case <-timer.C:
		return over()
	}
}

// laneFor returns the lane for one more link of this side: a new one while there are few,
// then the one with the fewest links.
func (s *session) laneFor(ctx context.Context) (*lane, error) {
	s.laneMu.Lock()
	defer s.laneMu.Unlock()
	var best *lane
	fewest := 0
	for _, ln := range s.lanes {
		ln.mu.Lock()
		n := len(ln.links)
		ln.mu.Unlock()
		if best == nil || n < fewest {
			best, fewest = ln, n
		}
	}
	if best != nil && (fewest == 0 || len(s.lanes) == lanes) {
		return best, nil
	}
	stream, err := s.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	ln := newLane(s, stream, true)
	s.lanes = append(s.lanes, ln)
	s.t.group.Go(ln.read)
	return ln, nil
}

// window returns that of the session's next link.
func (s *session) window() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return wire.Window(s.t.config.LinkWindow, len(s.links))
}

// attach and detach have the loss of the session told to a link, which uses
// the session in between; with l.mu held. attach tells why the link cannot be.
func (s *session) attach(l *link) wire.Reason {
	most, all := s.t.config.LinksPerPeer, s.t.config.LinksPerPeer+wire.SpareLinks
	if !l.dialled && s.t.isStranger(s) {
		all = min(all, s.t.config.StrangerLinks)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return wire.ConnectionLost
	case l.dialled:
	case !s.accepted.Add(l.protocol, most, all):
		return wire.Overloaded
	}
	s.links[l] = struct{}{}
	s.users++
	if s.linger != nil {
		s.linger.Stop()
	}
	return wire.None
}

func (s *session) detach(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.links[l]; !known {
		return
	}
	delete(s.links, l)
	s.wanting = slices.DeleteFunc(s.wanting, func(other *link) bool { return other == l })
	s.users--
	if l.dialled {
		<-s.places[l.protocol]
	} else {
		s.accepted.Remove(l.protocol)
	}
	s.changeExcess(-l.excess)
	l.excess = 0
	s.rest()
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

// broken ends the session after a stream failed, unless the connection did.
func (s *session) broken(err error) {
	if s.conn.Context().Err() != nil {
		return
	}
	r, remote := reasonOf(err)
	if remote || r == wire.ConnectionLost { // a stream of links never ends alone
		r = wire.ProtocolViolation
	}
	s.close(r, err.Error())
}

// run serves the session until its connection ends.
func (s *session) run() {
	s.mu.Lock()
	s.rest()
	s.mu.Unlock()
	s.t.group.Go(func() { s.broken(s.control.read()) })
	defer s.keepAlive()()
	for {
		stream, err := s.conn.AcceptStream(s.conn.Context())
		if err != nil {
			break
		}
		ln := newLane(s, stream, false)
		s.mu.Lock()
		s.theirs = append(s.theirs, ln)
		s.mu.Unlock()
		s.t.group.Go(ln.read)
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
	theirs := s.theirs
	s.mu.Unlock()
	s.laneMu.Lock()
	all := append(theirs, s.lanes...)
	s.laneMu.Unlock()
	for _, ln := range all {
		ln.end()
	}
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

package netsim

import (
	"slices"
	"strconv"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// conn is one connection: two ends and what only they know.
type conn struct {
	addr string // that was dialled
	seed runtime.Seed
	ends [2]session // the dialler's, the acceptor's
}

// Stages of a session.
const (
	starting = iota // TLS and hello
	up
	dead
)

// session is one end of a connection.
type session struct {
	n      *Network
	c      *conn
	t      *Transport // nil: the acceptor's, before the first frame arrived
	other  *session
	way    *direction // to the other end
	dialed bool       // this end is the dialler
	state  int

	peer     peerID
	instance wire.Instance // the peer's
	p        *peer         // from the hello on
	attempt  *attempt      // of the dialler, while it dials
	upAt     int64

	lane    lane
	latest  int64   // arrival of the latest frame of all lanes
	parked  []*lane // blocked or held, in order
	stalled bool    // in way.stalled
	lostAt  int64   // when the oldest frame that is to be sent again was lost; 0: none
	recover alarm
	early   []*lane // of the peer: they arrived before its proof

	alive    alarm // keep-alive, idle time-out, linger; before that the hello's time-out
	heard    int64
	spokeAt  int64 // first word after heard
	pingAt   int64
	emptyAt  int64 // since when there are no links
	ackAt    int64 // when an acknowledgement arrives
	ackRTT   int64
	ackMono  time.Duration
	rtt      runtime.RTT
	asked    time.Duration  // Mono, on the host's clock, of the last measurement that was asked for
	told     time.Duration  // and of the one that was reported last
	links    []*Link        // in order of opening
	opened   wire.LinkCount // links by this end that have a place
	greeting int            // of these, those that are not answered
	accepted wire.LinkCount // links by the peer
	queued   []*Link        // that wait for a place
	excess   int64          // by how much links are over their windows
	wanting  []*Link        // that wait for that to become less
}

var _ runtime.Session = (*session)(nil)

// dial makes a connection whose acceptor is not known yet.
func (t *Transport) connect(addr string) *session {
	n := t.n
	to := n.host(addr)
	if there := n.addrs[addr]; there != nil {
		to = there.host
	}
	pair := [2]*host{t.host, to}
	n.dials[pair]++
	c := &conn{addr: addr, seed: n.config.Seed.Derive("connection", t.host.name, to.name, strconv.FormatUint(n.dials[pair], 10))}
	x, y := &c.ends[0], &c.ends[1]
	x.init(n, c, y, n.way(t.host, to))
	y.init(n, c, x, n.way(to, t.host))
	x.t, x.dialed = t, true
	t.shaking = append(t.shaking, x)
	return x
}

func (s *session) init(n *Network, c *conn, other *session, way *direction) {
	s.n, s.c, s.other, s.way = n, c, other, way
	s.lane.init(s, "")
	s.recover.init(n, s.recovered)
	s.alive.init(n, s.tick)
	s.heard = n.now()
}

// Peer implements runtime.Session.
func (s *session) Peer() peerID { return s.peer }

// Instance implements runtime.Session.
func (s *session) Instance() wire.Instance { return s.instance }

// Exporter implements runtime.Session.
func (s *session) Exporter(label string, context []byte) ([]byte, error) {
	secret := s.c.seed.Derive("exporter", label, string(context))
	return secret[:], nil
}

// Quiet implements runtime.Session.
func (s *session) Quiet() time.Duration {
	now := s.n.now()
	s.hear(now)
	return time.Duration(now - s.heard)
}

// RTT implements runtime.Session.
func (s *session) RTT() runtime.RTT {
	now := s.n.now()
	s.hear(now)
	if mono := s.mono(); s.state == up && !s.t.crashed && mono-s.rtt.At >= runtime.RTTStale && mono-s.asked >= runtime.RTTStale {
		s.asked = mono
		s.lane.send(&frame{kind: kPing})
	}
	if s.rtt.At != s.told && s.state == up {
		s.told = s.rtt.At
		s.t.report(event.Event{Kind: event.SessionMeasured, Peer: s.peer, N: int64(s.rtt.Latest)})
	}
	return s.rtt
}

func (s *session) mono() time.Duration { return s.t.config.Clock.Mono() }

// start makes the session usable.
func (s *session) start() {
	now := s.n.now()
	s.state, s.upAt, s.emptyAt = up, now, now
	s.alive.stop()
	s.alive.set(now + int64(min(s.t.config.KeepAlive, s.t.config.Linger)))
	if s.other.state < up {
		s.n.conns = append(s.n.conns, s.c)
	}
	s.t.forget(s)
	s.t.sessions = append(s.t.sessions, s)
	s.t.book.Met(s.peer, s.other.t.config.Addr, time.Duration(now))
	s.t.report(event.Event{Kind: event.SessionUp, Peer: s.peer})
	early := s.early
	s.early = nil
	for _, ln := range early {
		ln.early = false
		ln.arm()
	}
}

// end tells the peer why the connection ends, if it can, and ends it.
func (s *session) end(r wire.Reason) {
	if s.state == dead {
		return
	}
	s.lane.floor = s.latest // overtakes nothing that is under way
	s.lane.send(&frame{kind: kClose, reason: r})
	s.die(r, true)
}

// die ends this end, silently. ours: this side wanted it.
func (s *session) die(r wire.Reason, ours bool) {
	if s.state == dead {
		return
	}
	was := s.state
	s.silence()
	if s.t == nil {
		return
	}
	s.t.forget(s)
	if was == up {
		s.t.report(event.Event{Kind: event.SessionDown, Peer: s.peer, Reason: r})
		if s.p.up == s {
			s.p.up = nil
		}
	}
	s.unlinked(r, ours)
}

// silence ends this end of the connection: nothing is sent again.
func (s *session) silence() {
	s.state = dead
	s.alive.stop()
	s.recover.stop()
	for _, ln := range s.parked {
		if !ln.empty() && ln.queue[ln.head].arrive == lost {
			ln.clear()
		}
	}
	for _, ln := range s.early {
		ln.clear()
	}
	s.early, s.queued, s.wanting = nil, nil, nil
	s.unstall()
	if s.other.state != up {
		s.n.forget(s.c)
	}
}

// unstall takes the session off its way's list, unless something is held.
func (s *session) unstall() {
	s.parked = slices.DeleteFunc(s.parked, func(ln *lane) bool { return ln.empty() })
	if s.stalled && len(s.parked) == 0 {
		s.stalled = false
		s.way.stalled = slices.DeleteFunc(s.way.stalled, func(other *session) bool { return other == s })
	}
}

// unlinked ends the links of a session that died. Those that were not answered
// yet get another chance where the connection did nothing wrong.
func (s *session) unlinked(r wire.Reason, ours bool) {
	links := s.links
	s.links = nil
	again := r == wire.Duplicate || r == wire.Finished
	for _, l := range links {
		if again && l.state < open && l.opener && l.tries < wire.ConnectAttempts && !s.t.stopping {
			l.again()
			s.p.waiting = append(s.p.waiting, l)
			s.p.addrs = l.addrs
			continue
		}
		l.finish(runtime.Closed{Reason: r, Local: ours})
	}
	if s.p != nil {
		s.p.lost(s)
	}
}

// forget takes a connection off the list of those with an end that is up.
func (n *Network) forget(c *conn) {
	n.conns = slices.DeleteFunc(n.conns, func(other *conn) bool { return other == c })
}

// receive is where every frame arrives.
func (s *session) receive(f *frame, now int64) {
	if s.state == dead || s.t == nil || s.t.crashed {
		return
	}
	s.heard = now
	if f.kind != kClose {
		s.acknowledge(f, now)
	}
	switch f.kind {
	case kInitial, kServer, kHello, kAnswer, kProof, kWelcome:
		s.shake(f, now)
	case kClose:
		s.closed(f.reason)
	case kPing:
	case kCredit:
		if l := f.link.twin; l != nil {
			l.credited(f.limit)
		}
	case kReset:
		s.reset(f)
	default:
		s.receiveLink(f)
	}
}

// closed is CONNECTION_CLOSE of the peer.
func (s *session) closed(r wire.Reason) {
	if s.attempt != nil {
		a := s.attempt
		s.die(r, false)
		a.refused(r)
		return
	}
	s.die(r, false)
}

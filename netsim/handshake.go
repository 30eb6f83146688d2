package netsim

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// knock brings the dialler's first frame to whoever runs at the address. It
// tells whether anybody does.
func (s *session) knock() bool {
	o := s.other
	if o.t != nil {
		return true
	}
	t := s.n.addrs[s.c.addr]
	if t == nil || t.gone() {
		return false
	}
	if t.host.unreachable > 0 {
		t.host.unreached++
		return false
	}
	o.t, o.peer = t, s.t.local
	t.shaking = append(t.shaking, o)
	return true
}

// shake is the handshake's part of receive.
func (s *session) shake(f *frame, now int64) {
	switch f.kind {
	case kInitial:
		if len(s.t.sessions)+len(s.t.shaking) > s.t.config.MaxSessions && !s.t.evict() {
			s.refuse(wire.Overloaded)
			return
		}
		s.alive.set(now + int64(s.t.config.HandshakeTimeout))
		s.lane.send(&frame{kind: kServer})
	case kServer:
		s.certified(now)
	case kHello:
		s.alive.stop()
		s.greeted(f.hello)
	case kAnswer:
		s.answered(f.hello)
	case kProof:
		s.proven(f.hello)
	case kWelcome:
		s.welcomed()
	}
}

// hello is what this end says first.
func (s *session) hello() *wire.Hello {
	c := &s.t.config
	return &wire.Hello{VersionMin: c.VersionMin, VersionMax: c.VersionMax, Network: c.Network, Instance: c.Instance}
}

// prove gives the proof of membership of this end, by its first secret.
func (s *session) prove() []byte {
	c := &s.t.config
	if len(c.Secrets) == 0 {
		return nil
	}
	role, dialler, acceptor := s.roles()
	return c.Secrets[0].Proof(role, dialler, acceptor, c.Network, s.exporter())
}

// proves tells whether the other end is a member.
func (s *session) proves(proof []byte) bool {
	c := &s.t.config
	role, dialler, acceptor := s.other.roles()
	return wire.CheckProof(c.Secrets, proof, role, dialler, acceptor, c.Network, s.exporter())
}

func (s *session) roles() (role wire.Role, dialler, acceptor peerID) {
	if s.dialed {
		return wire.Dialler, s.t.local, s.other.t.local
	}
	return wire.Acceptor, s.other.t.local, s.t.local
}

func (s *session) exporter() []byte {
	secret, _ := s.Exporter(wire.ExporterLabel, nil)
	return secret
}

// judge tells what of a hello forbids the session: None if nothing does.
func (s *session) judge(h *wire.Hello) wire.Reason {
	if h.Network != s.t.config.Network {
		return wire.DifferentNetwork
	}
	if _, err := wire.Negotiate(*s.hello(), *h); err != nil {
		return wire.VersionMismatch
	}
	return wire.None
}

// certified: the dialler has the acceptor's certificate.
func (s *session) certified(now int64) {
	a := s.attempt
	if a == nil {
		return
	}
	s.peer = s.other.t.local
	if s.peer != a.p.id {
		s.abort(wire.WrongIdentity)
		a.answered(s.peer)
		a.next(wire.WrongIdentity)
		return
	}
	a.answered(s.peer)
	if a.p.up != nil { // the other one was faster
		s.abort(wire.Duplicate)
		a.done()
		return
	}
	s.p = a.p
	a.alarm.stop()
	a.greeting = true
	a.alarm.set(now + int64(s.t.config.HelloTimeout))
	s.lane.send(&frame{kind: kHello, hello: s.hello()})
}

// abort closes a connection whose links, if any, wait for another.
func (s *session) abort(r wire.Reason) {
	if r != wire.Duplicate {
		s.t.report(event.Event{Kind: event.SessionRefused, Peer: s.peer, Reason: r})
	} else {
		s.n.mark(MarkDuplicate)
	}
	s.attempt = nil
	s.end(r)
}

// greeted: the acceptor has the dialler's hello.
func (s *session) greeted(h *wire.Hello) {
	s.instance = h.Instance
	if r := s.judge(h); r != wire.None {
		s.refuse(r)
		return
	}
	if s.t.stopping {
		s.refuse(wire.GracefulShutdown)
		return
	}
	s.p = s.t.peer(s.peer)
	s.p.arrived(s)
}

// answer lets the dialler in, if it proves to be a member.
func (s *session) answer() {
	h := s.hello()
	h.Proof = s.prove()
	s.alive.set(s.n.now() + int64(s.t.config.HelloTimeout))
	s.lane.send(&frame{kind: kAnswer, hello: h})
}

// refuse answers a hello with a reason, and leaves.
func (s *session) refuse(r wire.Reason) {
	if r == wire.Duplicate {
		s.n.mark(MarkDuplicate)
	} else {
		s.t.report(event.Event{Kind: event.SessionRefused, Peer: s.peer, Reason: r})
	}
	h := s.hello()
	h.Refused = r
	s.lane.send(&frame{kind: kAnswer, hello: h})
	s.alive.stop()
	s.alive.set(s.n.now() + int64(s.t.config.HelloTimeout)) // its retransmission lives that long
	if s.p != nil {
		s.p.lost(s)
	}
}

// answered: the dialler has the acceptor's hello.
func (s *session) answered(h *wire.Hello) {
	a := s.attempt
	if a == nil {
		return
	}
	if h.Refused != wire.None {
		s.attempt = nil
		if h.Refused != wire.Duplicate {
			s.t.report(event.Event{Kind: event.SessionRefused, Peer: s.peer, Reason: h.Refused, N: 1})
		}
		s.end(h.Refused)
		a.refused(h.Refused)
		return
	}
	s.instance = h.Instance
	r := s.judge(h)
	switch {
	case r != wire.None:
	case !s.proves(h.Proof):
		r = wire.NotMember
	case a.p.up != nil:
		s.abort(wire.Duplicate)
		a.done()
		return
	}
	if r != wire.None {
		s.abort(r)
		a.fail(r, true)
		return
	}
	proof := s.hello()
	proof.Proof = s.prove()
	s.lane.send(&frame{kind: kProof, hello: proof})
}

// proven: the acceptor has the dialler's proof.
func (s *session) proven(h *wire.Hello) {
	if s.state != starting || s.p == nil || s.p.answered != s {
		return
	}
	if !s.proves(h.Proof) {
		s.t.report(event.Event{Kind: event.SessionRefused, Peer: s.peer, Reason: wire.NotMember})
		s.end(wire.NotMember)
		return
	}
	s.lane.send(&frame{kind: kWelcome})
	s.p.settle(s)
}

// welcomed: the dialler knows that its proof was taken.
func (s *session) welcomed() {
	a := s.attempt
	switch {
	case a == nil:
	case a.p.up != nil: // the other one was faster
		s.abort(wire.Duplicate)
		a.done()
	default:
		s.attempt = nil
		a.p.settle(s)
	}
}

// shakeTimeout: the dialler went silent before its session was up, or a refusal
// has had its time.
func (s *session) shakeTimeout() { s.die(wire.HandshakeTimeout, true) }

package netsim

import "github.com/smalti/smalti/runtime/wire"

// This file models when an end of a connection notices silence, and when what
// a block took is sent again: RFC 9000, section 10.1, RFC 9002, section 6.2,
// with the rules of quic-go.

// spoke notes that something was sent that the peer will acknowledge.
func (s *session) spoke(now int64) {
	s.hear(now)
	if s.spokeAt < s.heard {
		s.spokeAt = now
	}
}

// hear takes an acknowledgement that has arrived into account. There is no
// frame for it: only the latest one matters, and nobody waits for it.
func (s *session) hear(now int64) {
	if s.ackAt == 0 || s.ackAt > now {
		return
	}
	s.heard = max(s.heard, s.ackAt)
	if s.ackRTT > 0 {
		s.rtt.Latest, s.rtt.At = nanoseconds(s.ackRTT), s.ackMono
		if s.rtt.Min == 0 || s.rtt.Latest < s.rtt.Min {
			s.rtt.Min = s.rtt.Latest
		}
	}
	s.ackAt = 0
}

// acknowledge has the sender of f, the other end, hear of its arrival. While
// one acknowledgement is under way, the next adds nothing.
func (s *session) acknowledge(f *frame, now int64) {
	o := s.other
	o.hear(now)
	if o.ackAt != 0 || o.state == dead || o.t == nil || s.way.blocked() || s.way.held() {
		return
	}
	back := int64(s.way.path.Latency.Base)
	if s.way.path.Latency.Spread != 0 || len(s.way.rules) > 0 {
		back = s.way.latency(mix(uint64(now), s.lane.key))
	}
	o.ackAt, o.ackRTT = now+back, 0
	if f.sent != 0 {
		o.ackRTT = now - f.sent + back
		o.ackMono = o.t.config.Clock.Mono() + nanoseconds(back)
	}
}

// tick looks at what silence has come to.
func (s *session) tick() {
	if s.state == dead || s.t.crashed {
		return
	}
	if s.state == starting {
		s.shakeTimeout()
		return
	}
	now := s.n.now()
	s.hear(now)
	c := &s.t.config
	if s.t.host.holdIn != 0 { // frozen: it looks again when it thaws
		s.alive.set(now + int64(c.KeepAlive))
		return
	}
	if s.idleAt() <= now {
		s.n.mark(MarkIdle)
		s.die(wire.IdleTimeout, true)
		return
	}
	next := min(s.idleAt(), now+int64(c.KeepAlive))
	if len(s.links) == 0 {
		if at := s.emptyAt + int64(c.Linger); at <= now {
			s.end(wire.Finished)
			return
		} else if at < next {
			next = at
		}
	}
	since := max(s.heard, s.pingAt)
	if at := since + int64(c.KeepAlive); at <= now {
		s.pingAt = now
		s.lane.send(&frame{kind: kPing})
	} else {
		next = min(next, at)
	}
	s.alive.set(next)
}

// idleAt is when the session times out unless something is heard.
func (s *session) idleAt() int64 {
	return max(s.heard, s.spokeAt) + max(int64(s.t.config.IdleTimeout), 3*s.way.backAfter())
}

// roundTrip is the last one measured, or what the paths suggest.
func (s *session) roundTrip() int64 {
	if s.rtt.Latest > 0 {
		return int64(s.rtt.Latest)
	}
	return s.way.backAfter()
}

// missed notes that something must be sent again.
func (s *session) missed(now int64) {
	if s.lostAt == 0 {
		s.lostAt = now
	}
}

// nextProbe is when something lost is next tried: the first back-off after the
// loss, then twice as long each time.
func (s *session) nextProbe(now int64) int64 {
	step := s.way.backAfter()
	at := s.lostAt + step
	for at <= now {
		step *= 2
		at += step
	}
	return at
}

func (s *session) recoverWithin(now, d int64) { s.recover.set(now + d) }

// goOn is called when nothing blocks or holds the way any more.
func (s *session) goOn() {
	parked := s.parked
	s.parked = nil
	for _, ln := range parked {
		ln.parked = false
		if !ln.empty() && ln.queue[ln.head].arrive == lost {
			ln.park()
			continue
		}
		ln.arm()
	}
	if len(s.parked) > 0 {
		s.recover.set(s.nextProbe(s.n.now()))
	}
}

// recovered sends again what was lost, if the way is free.
func (s *session) recovered() {
	if s.state == dead || s.t.crashed || s.way.blocked() || s.way.held() {
		return // still stalled: goOn comes again
	}
	now := s.n.now()
	parked := s.parked
	s.parked, s.lostAt = nil, 0
	for _, ln := range parked {
		ln.parked = false
		ln.retry(now)
		ln.arm()
		s.n.mark(MarkRecovered)
	}
	s.spoke(now)
}

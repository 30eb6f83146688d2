package netsim

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// A key may come back as another instance so many times a minute before both
// are refused for a while: it runs twice.
const (
	maxReplaced   = 3
	replaceWindow = 60e9 // ns
	inUseBan      = 30e9 // ns
)

// peer is what a transport knows of one peer id: its session, or how far it is
// from one. At any time one session is up at most, one dial of ours is under
// way, and one inbound connection is answered.
type peer struct {
	t        *Transport
	id       peerID
	up       *session
	dial     *attempt
	answered *session // inbound, its proof is awaited
	parked   *session // inbound, its hello is unanswered while we dial
	waiting  []*Link  // to open on the session that comes
	addrs    []string // where they may find it
	replaced []int64  // when instances came, most recent last
	banned   int64    // until then it is IdentityInUse
}

// peer gives what is known of a peer, nothing at first.
func (t *Transport) peer(id peerID) *peer {
	p := t.peers[id]
	if p == nil {
		p = &peer{t: t, id: id}
		t.peers[id] = p
	}
	return p
}

// wins tells whose dial stays when both dial at once: the smaller id's.
func (p *peer) wins() bool { return p.t.local.Compare(p.id) < 0 }

// want makes p get a session for its waiting links.
func (p *peer) want() {
	switch {
	case p.up != nil:
		p.openWaiting()
	case p.dial != nil || p.answered != nil || len(p.waiting) == 0:
	case len(p.addrs) == 0:
		p.give(wire.DialFailed, true)
	default:
		p.t.queueDial(p)
	}
}

// give ends all waiting links.
func (p *peer) give(r wire.Reason, local bool) {
	links := p.waiting
	p.waiting, p.addrs = nil, nil
	for _, l := range links {
		l.finish(closedBy(r, local))
	}
}

// arrived judges an inbound connection that said a right hello.
func (p *peer) arrived(s *session) {
	now := p.t.n.now()
	if now < p.banned {
		s.refuse(wire.IdentityInUse)
		return
	}
	if old := p.up; old != nil {
		switch {
		case old.instance != s.instance:
			if !p.replace(now) {
				s.refuse(wire.IdentityInUse)
				return
			}
		case p.stale(now):
			// The peer knows of no session, or it would not dial.
			p.t.n.mark(MarkStale)
			old.end(wire.ConnectionLost)
		default:
			s.refuse(wire.Duplicate)
			return
		}
	}
	p.t.peers[p.id] = p // the end of the old session may have dropped it
	if p.dial != nil && p.wins() {
		p.t.n.mark(MarkParked)
		if p.parked != nil {
			p.parked.refuse(wire.Duplicate)
		}
		p.parked = s
		return
	}
	p.accept(s)
}

func (p *peer) accept(s *session) {
	old := p.answered
	p.answered = s // before old goes, which would take an idle peer with it
	if old != nil {
		old.abort(wire.Duplicate)
	}
	s.answer()
}

// stale tells whether the peer must have lost the session that it dials over.
// When it was the one who dialled that, or when we, who would have lost, were
// let through, then it dials a second time. Otherwise its dial may be the loser
// of two simultaneous ones, unless these are long over.
func (p *peer) stale(now int64) bool {
	c := &p.t.config
	return !p.up.dialed || !p.wins() || now-p.up.upAt > int64(c.HandshakeTimeout+c.HelloTimeout)
}

// replace ends the session with the peer's former instance. It tells whether
// the new one may be served.
func (p *peer) replace(now int64) bool {
	if there := p.up.other.t; !there.gone() {
		p.t.n.mark(MarkTwin) // it is no restart
	}
	recent := p.replaced[:0]
	for _, at := range p.replaced {
		if now-at < replaceWindow {
			recent = append(recent, at)
		}
	}
	p.replaced = append(recent, now)
	old := p.up
	if len(p.replaced) > maxReplaced {
		p.t.n.mark(MarkInUse)
		p.replaced, p.banned = nil, now+inUseBan
		old.endAs(wire.IdentityInUse)
		return false
	}
	p.t.n.mark(MarkReplaced)
	old.endAs(wire.Replaced)
	return true
}

// endAs is end for what the peer did: to links it is not a local close.
func (s *session) endAs(r wire.Reason) {
	s.lane.floor = s.latest
	s.lane.send(&frame{kind: kClose, reason: r})
	s.die(r, false)
}

// settle makes s the session, ends what competed with it, and opens the links
// that waited.
func (p *peer) settle(s *session) {
	if p.up != nil { // both got through: two instances at once
		p.t.n.mark(MarkReplaced)
		p.up.endAs(wire.Replaced)
	}
	p.up = s
	if other := p.answered; other != nil {
		p.answered = nil
		if other != s { // its dialler gave it up, or it would not have let us through
			other.abort(wire.Duplicate)
		}
	}
	s.start()
	if a := p.dial; a != nil {
		p.dial = nil
		a.cancel(s)
	}
	if parked := p.parked; parked != nil {
		p.parked = nil
		parked.refuse(wire.Duplicate)
	}
	p.openWaiting()
}

func (p *peer) openWaiting() {
	links := p.waiting
	p.waiting, p.addrs = nil, nil
	for _, l := range links {
		p.up.open(l)
	}
}

// lost takes a session that is over out of p.
func (p *peer) lost(s *session) {
	switch s {
	case p.up:
		p.up = nil
	case p.answered:
		p.answered = nil
	case p.parked:
		p.parked = nil
	}
	if !p.t.gone() && !p.t.stopping {
		p.want()
	}
	p.drop()
}

// dialled is called when the own dial is over without a session. r says why;
// final: the peer itself refused.
func (p *peer) dialled(r wire.Reason, local bool) {
	p.dial = nil
	if s := p.parked; s != nil {
		p.parked = nil
		p.accept(s)
		return
	}
	if p.up == nil && p.answered == nil {
		p.give(r, local)
	}
	p.drop()
}

// drop forgets a peer of which there is nothing to know.
func (p *peer) drop() {
	idle := p.up == nil && p.dial == nil && p.answered == nil && p.parked == nil && len(p.waiting) == 0
	now := p.t.n.now()
	if idle && now >= p.banned && (len(p.replaced) == 0 || now-p.replaced[len(p.replaced)-1] > replaceWindow) && p.t.peers[p.id] == p {
		delete(p.t.peers, p.id)
	}
}

func (t *Transport) report(e event.Event) {
	if t.config.Observer == nil {
		return
	}
	e.Wall, e.Mono = t.config.Clock.Now().UnixNano(), int64(t.config.Clock.Mono())
	e.Node = t.local
	t.config.Observer.Event(e)
}

package netsim

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// attempt is a dial under way: to one address after the other, until one
// answers as the peer.
type attempt struct {
	p        *peer
	tried    int      // addresses of p.addrs
	s        *session // to the present address
	greeting bool     // the hello is sent
	worst    wire.Reason
	until    int64
	retries  int // after Duplicate
	alarm    alarm
	class    int  // of its place
	placed   bool // it has not left its place
	place    alarm
}

// queueDial queues a dial of p.
func (t *Transport) queueDial(p *peer) {
	if slices.Contains(t.queues[0], p) || slices.Contains(t.queues[1], p) {
		return
	}
	class := 0
	if !t.book.Likely(p.id, p.addrs) {
		class = 1
	}
	t.queues[class] = append(t.queues[class], p)
	t.dialNext()
}

// dialNext starts queued dials, likely ones first, while there are places.
func (t *Transport) dialNext() {
	if t.dialling {
		return
	}
	t.dialling = true
	defer func() { t.dialling = false }()
	for !t.stopping && t.places[0]+t.places[1] < runtime.MaxDials {
		class := 0
		if len(t.queues[0]) == 0 {
			class = 1
		}
		if len(t.queues[class]) == 0 || class == 1 && t.places[1] == runtime.MaxUnlikelyDials {
			return
		}
		p := t.queues[class][0]
		t.queues[class] = t.queues[class][1:]
		if p.up != nil || p.dial != nil || p.answered != nil || len(p.waiting) == 0 {
			continue // the peer connected meanwhile, or no link needs it any more
		}
		p.dial = newAttempt(p, class)
		p.dial.try()
	}
}

func newAttempt(p *peer, class int) *attempt {
	t := p.t
	a := &attempt{p: p, until: t.n.now() + int64(t.config.HandshakeTimeout), class: class, placed: true}
	a.alarm.init(t.n, a.timeout)
	a.place.init(t.n, func() {
		a.leave()
		t.dialNext()
	})
	a.place.set(t.n.now() + int64(runtime.DialPlace))
	t.places[class]++
	t.dials = append(t.dials, a)
	return a
}

// leave frees the place of the dial.
func (a *attempt) leave() {
	a.place.stop()
	if a.placed {
		a.placed = false
		a.p.t.places[a.class]--
	}
}

// try dials the next address. Each gets an equal share of the time that is
// left.
func (a *attempt) try() {
	t := a.p.t
	if a.tried >= len(a.p.addrs) {
		a.fail(a.worst, true)
		return
	}
	addr := a.p.addrs[a.tried]
	left := int64(len(a.p.addrs) - a.tried)
	a.tried++
	a.greeting = false
	now := t.n.now()
	if r := t.book.Begin(a.p.id, addr, time.Duration(now)); r != wire.None {
		t.report(event.Event{Kind: event.DialWithheld, Peer: a.p.id, Reason: r, Text: addr})
		a.next(r)
		return
	}
	t.report(event.Event{Kind: event.Dialling, Peer: a.p.id, Text: addr})
	s := t.connect(addr)
	a.s, s.attempt = s, a
	a.alarm.stop()
	a.alarm.set(now + max(0, a.until-now)/left)
	s.lane.send(&frame{kind: kInitial})
}

// timeout: the present address did not answer in time, or the time to try again
// has come.
func (a *attempt) timeout() {
	if a.p.t.crashed || a.p.dial != a {
		return
	}
	if a.s == nil {
		a.tried = 0
		a.until = a.p.t.n.now() + int64(a.p.t.config.HandshakeTimeout)
		a.try()
		return
	}
	a.p.t.n.mark(MarkDialTimeout)
	s := a.s
	s.attempt, s.p = nil, nil
	s.die(wire.DialFailed, true)
	a.answered(peerID{})
	if a.greeting {
		a.next(wire.HandshakeTimeout)
		return
	}
	a.next(wire.DialFailed)
}

// answered notes who is at the present address, zero for nobody.
func (a *attempt) answered(there peerID) {
	a.p.t.book.End(a.p.id, a.p.addrs[a.tried-1], there, time.Duration(a.p.t.n.now()))
}

// next goes on after an address that did not lead to the peer.
func (a *attempt) next(r wire.Reason) {
	if a.worst == wire.None || a.worst == wire.DialFailed && r == wire.HandshakeTimeout {
		a.worst = r
	}
	a.worst = a.worst.Worst(r)
	a.s = nil
	a.try()
}

// refused: the peer itself said no. A Duplicate says that its own connection to
// us is as good as up; if it does not come, we dial again.
func (a *attempt) refused(r wire.Reason) {
	p := a.p
	a.s = nil
	if p.dial != a {
		return
	}
	if r == wire.Duplicate && p.answered == nil && p.up == nil && p.parked == nil && a.retries < wire.ConnectAttempts {
		a.retries++
		a.alarm.stop()
		a.alarm.set(p.t.n.now() + duplicateWait<<a.retries)
		return
	}
	a.fail(r, false)
}

// duplicateWait, doubled at each retry, is how long the winner of two
// simultaneous dials may need to come, in ns: 1.6 s for the last of five.
const duplicateWait = 25e6

// fail ends the attempt without a session.
func (a *attempt) fail(r wire.Reason, local bool) {
	a.stop()
	if a.p.dial == a {
		a.p.dialled(r, local)
	}
}

// done ends the attempt because there is a session now.
func (a *attempt) done() {
	a.stop()
	if p := a.p; p.dial == a {
		p.dial = nil
		p.want()
	}
}

// cancel ends the attempt unless winner came of it.
func (a *attempt) cancel(winner *session) {
	a.stop()
	if s := a.s; s != nil && s != winner {
		s.attempt, s.p = nil, nil
		s.end(wire.Duplicate)
	}
}

func (a *attempt) stop() {
	a.alarm.stop()
	t := a.p.t
	t.dials = slices.DeleteFunc(t.dials, func(other *attempt) bool { return other == a })
	a.leave()
	t.dialNext()
}

// Dial implements runtime.Transport.
func (t *Transport) Dial(to peerID, addrs []string, proto runtime.Protocol, s runtime.Strand, h runtime.Handler) runtime.Link {
	l := newLink(t, to, proto)
	l.opener = true
	if t.crashed {
		l.state = closed
		return l
	}
	t.add(l)
	l.Bind(s, h)
	switch {
	case t.stopping:
		l.finish(closedBy(wire.Cancelled, true))
		return l
	case proto.Check() != nil:
		l.finish(closedBy(wire.ProtocolViolation, true))
		return l
	case to == t.local:
		l.finish(closedBy(wire.DialFailed, true))
		return l
	}
	p := t.peer(to)
	c := &t.config
	limit := c.LinkTimeout
	if p.up == nil {
		limit += runtime.DialWait + c.HandshakeTimeout + c.HelloTimeout
	}
	l.deadline(int64(limit))
	p.add(l, addrs)
	return l
}

// add has l wait for a session, and p look for one.
func (p *peer) add(l *Link, addrs []string) {
	p.waiting = append(p.waiting, l)
	for _, addr := range addrs {
		if !slices.Contains(p.addrs, addr) && len(p.addrs) < maxAddrs {
			p.addrs = append(p.addrs, addr)
		}
	}
	l.addrs = addrs
	p.want()
	p.drop()
}

// maxAddrs bounds the addresses that one dial tries.
const maxAddrs = 16

func closedBy(r wire.Reason, local bool) runtime.Closed {
	return runtime.Closed{Reason: r, Local: local}
}

package netsim

import (
	"slices"

	"github.com/smalti/smalti/runtime/wire"
)

// item is a whole message, or the goodbye, that has arrived.
type item struct {
	msg    []byte
	cost   int64
	bye    bool
	reason wire.Reason
}

// receiveLink is where the frames of a link's lane arrive.
func (s *session) receiveLink(f *frame) {
	if f.kind == kOpen {
		s.accept(f)
		return
	}
	l := f.link.twin
	if l == nil || l.state == closed || l.s != s {
		return // of a link that is over
	}
	switch f.kind {
	case kAccept:
		l.accepted(f.limit)
	case kWant:
		if f.limit > int64(l.most)+wire.MessageCost {
			l.Close(wire.TooLarge)
			return
		}
		if l.want > 0 {
			l.Close(wire.ProtocolViolation) // the one before is still to come
			return
		}
		l.want = f.limit
		l.largest = max(l.largest, l.want)
		l.grantLarge()
	case kMessage:
		if len(f.msg) > l.most {
			l.Close(wire.TooLarge)
			return
		}
		l.held += costOf(f.msg)
		l.want = 0 // a message that the peer asked for is the next one
		l.arrive(&item{msg: f.msg, cost: costOf(f.msg)})
	case kGoodbye:
		l.arrive(&item{bye: true, reason: f.reason})
	case kFin:
		l.acked = true
		l.confirm()
	}
}

// accepted: the peer answered the open.
func (l *Link) accepted(window int64) {
	if l.state != opening {
		return
	}
	l.state = open
	l.peerWindow, l.limit = window, window
	l.s.greeting--
	l.s.openQueued()
	if !l.draining {
		l.timer.stop()
	}
	l.opened = true
	l.post()
	l.kick()
}

// arrive puts a whole message behind those that wait.
func (l *Link) arrive(it *item) {
	if l.inHead > 0 && len(l.in) == cap(l.in) {
		n := copy(l.in, l.in[l.inHead:])
		clear(l.in[n:])
		l.in, l.inHead = l.in[:n], 0
	}
	l.in = append(l.in, *it)
	if l.handed() {
		l.post()
	}
}

// took gives credit back for what the handler took, in steps of a quarter of the window,
// and room for further messages over the window in advance, as long as there is plenty.
func (l *Link) took(cost int64) {
	l.held -= cost
	l.taken += cost
	limit := l.taken + l.window
	if l.largest > 0 && !l.paused && l.setExcess(max(l.granted, limit+l.largest)-limit, wire.AdvanceBudget) {
		limit += l.largest
	} else {
		l.setExcess(max(0, l.granted-limit), wire.LargeBudget)
	}
	if limit-l.granted >= max(1, l.window/4) {
		l.grant(limit)
	}
	l.grantLarge()
}

func (l *Link) grant(limit int64) {
	l.granted = limit
	l.s.lane.send(&frame{kind: kCredit, link: l, limit: limit})
}

// grantLarge lets in the message that the peer asked for, if the handler reads, one such
// message at most waits for it, and the session has room.
func (l *Link) grantLarge() {
	if l.want == 0 || l.held > l.want || l.paused || l.state != open {
		return
	}
	limit := max(l.granted, l.taken+l.held+l.want)
	if !l.setExcess(max(0, limit-l.taken-l.window), wire.LargeBudget) {
		l.t.n.mark(MarkNoBudget)
		return
	}
	l.want = 0
	if limit > l.granted {
		l.grant(limit)
	}
}

// setExcess changes by how much a link may be over its window. It reports whether that
// fits what the links of a session have for that, of which up to most may be used. If it
// does not fit all of it the link waits until it may.
func (l *Link) setExcess(n, most int64) bool {
	s := l.s
	more := n - l.excess
	if n > 0 && s.excess+more > most {
		if most == wire.LargeBudget && !slices.Contains(s.wanting, l) {
			s.wanting = append(s.wanting, l)
		}
		return false
	}
	l.excess = n
	s.changeExcess(more)
	return true
}

// changeExcess changes the sum over all links, and has those look again that wait for less.
func (s *session) changeExcess(by int64) {
	s.excess += by
	if by < 0 {
		wanting := s.wanting
		s.wanting = nil
		for _, l := range wanting {
			l.grantLarge()
		}
	}
}

// farewell: the handler has taken everything before the peer's goodbye.
func (l *Link) farewell(r wire.Reason) {
	if l.draining {
		l.finDue = true
		l.kick()
		return
	}
	l.lane.send(&frame{kind: kFin, link: l})
	l.finish(closedBy(r, false))
}

// confirm ends a drain that the peer confirmed, when the handler has taken what
// the peer had sent, and its goodbye if it drains too. A paused handler does
// not want the rest.
func (l *Link) confirm() {
	if !l.acked || l.state == closed || l.finDue {
		return
	}
	if n := len(l.in); n > l.inHead && (l.in[n-1].bye || !l.paused) {
		return
	}
	l.finish(closedBy(l.bye, true))
}

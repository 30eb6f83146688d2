package netsim

import "github.com/smalti/smalti/runtime/wire"

// item is a whole message, or the goodbye, that has arrived.
type item struct {
	msg      []byte
	size     int // on the stream
	credited int // of that, bytes that were read before it was whole
	bye      bool
	reason   wire.Reason
}

// receiveLink is where the frames of a link's lane arrive.
func (s *session) receiveLink(f *frame) {
	if f.kind == kOpen {
		s.accept(f)
		return
	}
	l := f.link.twin
	if l == nil || l.state == closed || l.s != s {
		s.consume(int64(f.size)) // of a link that is over: the window must come back
		return
	}
	l.arrived += int64(f.size)
	switch f.kind {
	case kAccept:
		l.take(int64(f.size))
		l.accepted()
	case kPart:
		l.partial += f.size
		l.readOn()
	case kMessage:
		l.arrive(&item{msg: f.msg, size: l.partial + f.size, credited: l.begun})
	case kGoodbye:
		l.arrive(&item{size: f.size, bye: true, reason: f.reason})
	case kFin:
		l.acked = true
		l.confirm()
	}
}

// accepted: the peer answered the open.
func (l *Link) accepted() {
	if l.state != opening {
		return
	}
	l.state = open
	if !l.draining {
		l.timer.stop()
	}
	l.opened = true
	l.post()
	l.kick()
}

// arrive puts a whole message behind those that wait.
func (l *Link) arrive(it *item) {
	l.partial, l.begun = 0, 0
	if l.inHead > 0 && len(l.in) == cap(l.in) {
		n := copy(l.in, l.in[l.inHead:])
		clear(l.in[n:])
		l.in, l.read, l.inHead = l.in[:n], l.read-l.inHead, 0
	}
	l.in = append(l.in, *it)
	l.readOn()
}

// readOn moves what arrived into the inbox, as long as that has room: a message
// may begin while the inbox is below its bound, so one always fits an empty
// inbox. What is read gives credit back, what waits for the inbox does not.
func (l *Link) readOn() {
	before := l.read
	bound := l.t.config.Inbox
	for l.read < len(l.in) {
		it := &l.in[l.read]
		if l.inbox-it.credited >= bound {
			break
		}
		n := it.size - it.credited
		l.inbox += n
		it.credited = it.size
		l.read++
		l.take(int64(n))
	}
	if l.read == len(l.in) && l.partial > l.begun && l.inbox-l.begun < bound {
		n := l.partial - l.begun
		l.inbox += n
		l.begun = l.partial
		l.take(int64(n))
	}
	if l.read > before && !l.paused {
		l.post()
	}
}

// take gives stream and connection credit for n bytes that were read, in the
// steps of quic-go: when a quarter of the window is used up.
func (l *Link) take(n int64) {
	l.taken += n
	if window := int64(l.t.config.StreamWindow); l.granted-l.taken <= window-window/4 {
		l.granted = l.taken + window
		l.s.lane.send(&frame{kind: kLinkCredit, link: l, limit: l.granted})
	}
	l.s.consume(n)
}

func (s *session) consume(n int64) {
	s.taken += n
	if window := int64(s.t.config.ConnWindow); n > 0 && s.granted-s.taken <= window-window/4 {
		s.granted = s.taken + window
		s.lane.send(&frame{kind: kConnCredit, limit: s.granted})
	}
}

// discard gives connection credit for what nobody will read.
func (l *Link) discard() {
	if n := l.arrived - l.taken; n > 0 {
		l.taken = l.arrived
		l.s.consume(n)
	}
}

// farewell: the handler has taken everything before the peer's goodbye.
func (l *Link) farewell(r wire.Reason) {
	if l.draining {
		l.finDue = true
		l.kick()
		return
	}
	l.put(&frame{kind: kFin, link: l})
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

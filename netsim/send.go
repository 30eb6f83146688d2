package netsim

import (
	"slices"

	"github.com/smalti/smalti/runtime"
)

// maxSegment bounds a piece of a message, in bytes, so that large messages
// share a line, and credit, with others.
const maxSegment = 16 << 10

// Send implements runtime.Link. What it takes is written in a turn of the
// network's own, as quicnet's writer does on a goroutine of its own.
func (l *Link) Send(messages ...[]byte) (n int, err error) {
	if l.t.crashed {
		return 0, runtime.ErrCrashed
	}
	if l.state == closed || l.draining {
		return 0, runtime.ErrClosed
	}
	c := &l.t.config
	for _, m := range messages {
		if len(m) > c.MaxMessage {
			err = runtime.ErrTooLarge
			break
		}
		if have := l.out.len(); have > 0 && (have >= c.SendMessages || l.out.bytes+len(m) > c.SendBytes || c.Bugs.Fire("net/partial-send")) {
			l.full = true
			err = runtime.ErrFull
			break
		}
		l.out.push(m)
		n++
	}
	if n > 0 {
		l.kick()
	}
	return n, err
}

// kick has write run soon, in one turn with the other links that have something to write:
// they share nothing but windows and bandwidth, for which they queue up as they were kicked.
func (l *Link) kick() {
	if l.kicked {
		return
	}
	l.kicked = true
	n := l.t.n
	n.kicked = append(n.kicked, l)
	if len(n.kicked) == 1 {
		n.config.Strand.Post(n.writeFn)
	}
}

// write has every link write that was kicked. Those that are kicked meanwhile wait for the
// next turn, and where Bugs say so the rest does: each has a writer of its own on a real
// network, and a host may crash between two of them.
func (n *Network) write() {
	links := n.kicked
	n.kicked, n.spare = n.spare, nil
	for i, l := range links {
		if i > 0 && l.t.config.Bugs.Fire("net/write-apart") {
			if len(n.kicked) == 0 {
				n.config.Strand.Post(n.writeFn)
			}
			n.kicked = slices.Insert(n.kicked, 0, links[i:]...)
			break
		}
		l.kicked = false
		l.write()
	}
	clear(links)
	n.spare = links[:0]
}

// write puts on the wire what windows and bandwidth allow.
func (l *Link) write() {
	s := l.s
	if l.t.crashed || s == nil || s.state != up {
		return
	}
	if l.resets {
		l.resets = false
		s.lane.send(&frame{kind: kReset, link: l, reason: l.result.Reason})
		return
	}
	if l.state == closed || l.state == waiting || !l.writeGreeting() || l.state != open {
		return
	}
	if !l.writeMessages() {
		return
	}
	l.writeEnd()
}

// writeGreeting sends the frame that the stream begins with. Like everything
// on the stream it needs credit.
func (l *Link) writeGreeting() bool {
	if l.greet == 0 {
		return true
	}
	if l.credit() < int64(l.greet) {
		l.starve()
		return false
	}
	k := kAccept
	if l.opener {
		k = kOpen
	}
	l.put(&frame{kind: k, link: l, size: l.greet})
	l.greet = 0
	return true
}

// writeMessages tells whether the queue is empty now.
func (l *Link) writeMessages() bool {
	d := l.s.way
	now := l.t.n.now()
	for l.out.len() > 0 {
		if d.crowded(now) {
			d.wait(l)
			break
		}
		m := l.out.first()
		rest := headerSize(len(m)) + len(m) - l.part
		credit := l.credit()
		size := min(rest, int(min(credit, maxSegment)))
		if size <= 0 {
			l.starve()
			break
		}
		if size < rest {
			l.part += size
			l.put(&frame{kind: kPart, link: l, size: size})
			continue
		}
		l.part = 0
		l.out.pop()
		l.put(&frame{kind: kMessage, link: l, size: size, msg: m})
	}
	c := &l.t.config
	if l.full && l.out.len() <= c.SendMessages/2 && l.out.bytes <= c.SendBytes/2 {
		l.full, l.writable = false, true
		l.post()
	}
	return l.out.len() == 0
}

// writeEnd says goodbye after the last message, and confirms the peer's.
func (l *Link) writeEnd() {
	if l.draining && !l.byeSent {
		if l.credit() < goodbyeSize {
			l.starve()
			return
		}
		l.byeSent = true
		l.put(&frame{kind: kGoodbye, link: l, size: goodbyeSize, reason: l.bye})
	}
	if l.finDue && (l.byeSent || !l.draining) {
		l.finDue = false
		l.put(&frame{kind: kFin, link: l})
		l.confirm()
	}
}

// put sends a frame on the stream.
func (l *Link) put(f *frame) {
	l.sent += int64(f.size)
	l.s.sent += int64(f.size)
	l.lane.send(f)
}

// credit is how many bytes the peer allows on the stream.
func (l *Link) credit() int64 { return min(l.limit-l.sent, l.s.limit-l.s.sent) }

// starve notes which window the link waits for.
func (l *Link) starve() {
	s := l.s
	if s.limit-s.sent > l.limit-l.sent {
		s.n.mark(MarkNoCredit)
		return
	}
	s.n.mark(MarkNoConn)
	if !l.starved {
		l.starved = true
		s.starving = append(s.starving, l)
	}
}

// credited is the peer's news of the stream window.
func (l *Link) credited(limit int64) {
	if limit > l.limit {
		l.limit = limit
		l.write()
	}
}

// feed is the peer's news of the connection window: those that starve write,
// each in its turn.
func (s *session) feed() {
	for i := len(s.starving); i > 0 && s.limit > s.sent; i-- {
		l := s.starving[0]
		s.starving = append(s.starving[:0], s.starving[1:]...)
		l.starved = false
		l.write()
	}
}

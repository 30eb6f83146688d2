package netsim

import (
	"slices"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

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
		if len(m) > l.most {
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
	if l.state == closed || l.state == waiting {
		return
	}
	if l.writeGreeting(); l.state == open && l.writeMessages() {
		l.writeEnd()
	}
}

// writeGreeting sends the frame that the link begins with.
func (l *Link) writeGreeting() {
	if l.greet == 0 {
		return
	}
	k := kAccept
	if l.opener {
		k = kOpen
	}
	l.lane.send(&frame{kind: k, link: l, size: l.greet, limit: l.window})
	l.greet = 0
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
		if l.part == 0 && !l.charge(costOf(m)) {
			break
		}
		rest := headerSize(len(m)) + len(m) - l.part
		if size := wire.MaxFrame; size < rest {
			l.part += size
			l.lane.send(&frame{kind: kPart, link: l, size: size})
			continue
		}
		l.part, l.wanting = 0, false
		l.out.pop()
		l.lane.send(&frame{kind: kMessage, link: l, size: rest, msg: m})
	}
	c := &l.t.config
	if l.full && l.out.len() <= c.SendMessages/2 && l.out.bytes <= c.SendBytes/2 {
		l.full, l.writable = false, true
		l.post()
	}
	return l.out.len() == 0
}

// charge takes what a message costs of the window. If there is too little credit for it,
// and may never be enough, the peer is asked for more.
func (l *Link) charge(cost int64) bool {
	if l.limit-l.sent >= cost {
		l.sent += cost
		return true
	}
	l.t.n.mark(MarkNoCredit)
	if cost > l.peerWindow-l.peerWindow/4 && !l.wanting {
		l.wanting = true
		l.lane.send(&frame{kind: kWant, link: l, size: wantSize, limit: cost})
	}
	return false
}

// costOf is what a message takes of a window.
func costOf(m []byte) int64 { return int64(len(m) + wire.MessageCost) }

// writeEnd says goodbye after the last message, and confirms the peer's.
func (l *Link) writeEnd() {
	if l.draining && !l.byeSent {
		l.byeSent = true
		l.lane.send(&frame{kind: kGoodbye, link: l, size: goodbyeSize, reason: l.bye})
	}
	if l.finDue && (l.byeSent || !l.draining) {
		l.finDue = false
		l.lane.send(&frame{kind: kFin, link: l})
		l.confirm()
	}
}

// credited is the peer's news of what may be sent in all.
func (l *Link) credited(limit int64) {
	if limit > l.limit {
		l.limit = limit
		l.write()
	}
}

package quicnet

import (
	"errors"
	"io"

	"github.com/smalti/smalti/runtime/wire"
)

// firstPart is how much of a message in parts is allocated before any of it arrived; the
// rest doubles as it comes.
const firstPart = 256 << 10

// reader parses the frames of one lane and hands them to its links. It never waits for a
// link: what a link's handler did not take is bounded by the link's window.
type reader struct {
	ln     *lane
	buffer *[]byte // nil while nothing is under way
	n      int     // valid bytes in buffer
	link   *link   // whose messages cuts are
	cuts   []cut
	part   partial
}

// cut is where a message lies in the buffer.
type cut struct{ from, to int }

// partial is a message of which parts have arrived.
type partial struct {
	l    *link // nil: none
	b    []byte
	size int
}

// read is the lane's reader.
func (ln *lane) read() {
	r := &reader{ln: ln}
	err := r.run()
	if r.buffer != nil {
		ln.t.putBuffer(r.buffer)
	}
	if errors.Is(err, io.EOF) {
		err = refuse(wire.UnexpectedClose, "a stream of links ended")
	}
	ln.fail(err)
}

func (r *reader) run() error {
	for {
		if r.n == 0 && r.buffer != nil {
			r.ln.t.putBuffer(r.buffer)
			r.buffer = nil
		}
		if r.buffer == nil {
			// An idle lane waits without a buffer.
			var first [1]byte
			_, _ = r.ln.stream.Peek(first[:])
			r.buffer = r.ln.t.getBuffer()
		}
		b := (*r.buffer)[r.n:]
		if r.part.l != nil && r.n == 0 {
			b = b[:2*wire.MaxFrameHeader] // a long frame is likely next, to be read where it stays
		}
		n, err := r.ln.stream.Read(b)
		r.n += n
		if fault := r.parse(); fault != nil {
			return fault
		}
		if err != nil {
			return err
		}
	}
}

// parse takes all whole frames off the buffer and moves the rest to its start.
func (r *reader) parse() error {
	b := (*r.buffer)[:r.n]
	at := 0
	for at < len(b) {
		h, err := wire.ParseFrameHeader(b[at:], wire.MaxFrame)
		if err != nil {
			return refuse(violation(err), err.Error())
		}
		end := at + h.Len + h.Size
		if h.Len > 0 && h.Size >= direct && end > len(b) {
			return r.direct(h, b, at+h.Len)
		}
		if h.Len == 0 || end > len(b) {
			break
		}
		if err := r.frame(h, b, at+h.Len, end); err != nil {
			return err
		}
		at = end
	}
	r.flush(b)
	r.n = copy(b, b[at:])
	return nil
}

// direct reads the rest of a long frame, whose payload begins at b[from:], to where it
// stays.
func (r *reader) direct(h wire.FrameHeader, b []byte, from int) error {
	r.flush(b)
	start := b[from:]
	r.n = 0
	if h.Kind == wire.FramePart && r.part.l != nil && r.part.l.id == h.Link && h.Size <= r.part.size-len(r.part.b) {
		p := &r.part
		p.grow(h.Size)
		at := len(p.b)
		p.b = append(p.b, start...)[:at+h.Size]
		if _, err := io.ReadFull(r.ln.stream, p.b[at+len(start):]); err != nil {
			return truncated(err)
		}
		p.deliver()
		return nil
	}
	payload := make([]byte, h.Size)
	if _, err := io.ReadFull(r.ln.stream, payload[copy(payload, start):]); err != nil {
		return truncated(err)
	}
	if h.Kind != wire.FrameMessage {
		return r.frame(h, payload, 0, len(payload))
	}
	l, known := r.ln.find(h.Link)
	switch {
	case !known:
		return refuse(wire.ProtocolViolation, "frame of a link that was not opened")
	case l == nil: // it ended
	case h.Size > l.most:
		l.end(wire.TooLarge, true)
	default:
		l.mu.Lock()
		ok := l.receive(h.Size+wire.MessageCost) && !l.bye && l.opening == nil
		if ok && !l.ended {
			l.inbox.push(payload)
			l.post()
		}
		l.mu.Unlock()
		if !ok {
			l.end(wire.ProtocolViolation, true)
		}
	}
	return nil
}

// frame takes one frame, whose payload is b[from:to]. An error is the end of the session:
// what follows cannot be understood.
func (r *reader) frame(h wire.FrameHeader, b []byte, from, to int) error {
	if h.Kind == wire.FrameOpen {
		r.flush(b)
		return r.ln.accept(h.Link, b[from:to])
	}
	l := r.link
	if l == nil || l.id != h.Link {
		r.flush(b)
		var known bool
		if l, known = r.ln.find(h.Link); !known {
			return refuse(wire.ProtocolViolation, "frame of a link that was not opened")
		}
		if l == nil {
			return nil // it ended
		}
		r.link = l
	}
	if h.Kind == wire.FrameMessage {
		if h.Size > l.most {
			r.flush(b)
			l.end(wire.TooLarge, true)
			return nil
		}
		r.cuts = append(r.cuts, cut{from, to})
		return nil
	}
	r.flush(b)
	if fault := r.control(l, h.Kind, b[from:to]); fault != nil {
		reason, _ := reasonOf(fault)
		l.end(reason, true)
	}
	return nil
}

// flush copies the messages that were cut, all at once, and puts them into the inbox.
func (r *reader) flush(b []byte) {
	l := r.link
	r.link = nil
	if len(r.cuts) == 0 {
		return
	}
	base := r.cuts[0].from
	slab := append([]byte(nil), b[base:r.cuts[len(r.cuts)-1].to]...)
	ok := true
	l.mu.Lock()
	if !l.ended {
		for _, c := range r.cuts {
			ok = l.receive(c.to-c.from+wire.MessageCost) && !l.bye && l.opening == nil && ok
			l.inbox.push(slab[c.from-base : c.to-base : c.to-base])
		}
		l.post()
	}
	l.mu.Unlock()
	r.cuts = r.cuts[:0]
	if !ok {
		l.end(wire.ProtocolViolation, true)
	}
}

// control takes a frame that is no whole message. An error ends the link.
func (r *reader) control(l *link, kind wire.FrameKind, payload []byte) error {
	switch kind {
	case wire.FramePart:
		return r.parts(l, payload)
	case wire.FrameAccept:
		return l.accepted(payload)
	case wire.FrameCredit:
		return l.credited(payload)
	case wire.FrameWant:
		return l.wanted(payload)
	case wire.FrameGoodbye:
		return l.goodbye(payload)
	case wire.FrameDone:
		return l.done()
	case wire.FrameReset:
		reason, err := wire.ParseReasonPayload(payload)
		if err == nil {
			l.reset(reason)
		}
		return malformed(err)
	default:
		return refuse(wire.ProtocolViolation, "frame of an unknown kind")
	}
}

// parts collects a message that comes in parts.
func (r *reader) parts(l *link, payload []byte) error {
	p := &r.part
	if p.l != nil && p.l != l && !p.l.dead.Load() {
		return refuse(wire.ProtocolViolation, "two messages in parts at once")
	}
	if p.l != l {
		size, rest, err := wire.ParseUvarint(payload)
		switch {
		case err != nil:
			return malformed(err)
		case size > uint64(l.most):
			return refuse(wire.TooLarge, "message over the limit")
		}
		*p = partial{l: l, size: int(size), b: make([]byte, 0, min(int(size), firstPart))}
		payload = rest
		l.mu.Lock()
		ok := l.receive(p.size+wire.MessageCost) && !l.bye && l.opening == nil
		l.mu.Unlock()
		if !ok {
			return refuse(wire.ProtocolViolation, "message without credit")
		}
	}
	if len(payload) > p.size-len(p.b) {
		return refuse(wire.ProtocolViolation, "parts longer than their message")
	}
	p.grow(len(payload))
	p.b = append(p.b, payload...)
	p.deliver()
	return nil
}

// grow makes room for n more bytes.
func (p *partial) grow(n int) {
	if cap(p.b)-len(p.b) < n {
		grown := make([]byte, len(p.b), min(p.size, max(2*cap(p.b), len(p.b)+n)))
		copy(grown, p.b)
		p.b = grown
	}
}

// deliver puts the message into the inbox once it is whole.
func (p *partial) deliver() {
	if len(p.b) < p.size {
		return
	}
	l := p.l
	l.mu.Lock()
	if !l.ended {
		l.inbox.push(p.b)
		l.post()
	}
	l.mu.Unlock()
	*p = partial{}
}

// malformed makes a violation of an error of parsing.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	return refuse(wire.ProtocolViolation, err.Error())
}

// number reads a payload that is a number of at most most.
func number(payload []byte, most int) (int, error) {
	n, _, err := wire.ParseUvarint(payload)
	switch {
	case err != nil:
		return 0, malformed(err)
	case n > uint64(most):
		return 0, refuse(wire.ProtocolViolation, "number over its limit")
	}
	return int(n), nil
}

// accepted: the peer took the link.
func (l *link) accepted(payload []byte) error {
	window, err := number(payload, maxPeerWindow)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.opening
	switch {
	case l.ended || l.lane == nil: // given up meanwhile
		return nil
	case o == nil || !o.sent || len(o.answer) > 0:
		return refuse(wire.ProtocolViolation, "accept of a link that is open or was refused")
	}
	if r := l.lane.s.attach(l); r != wire.None {
		return nil // the session ends, which the opener sees
	}
	l.session.Store(l.lane.s)
	l.opening, l.openDue = nil, true
	l.peerWindow, l.peerCredit = window, window
	l.wake()
	l.post()
	o.answer <- nil
	return nil
}

// maxPeerWindow bounds what a peer may say of its window and add to it, so that sums
// stay far from overflow.
const maxPeerWindow = 1 << 30

// credited: the peer took something, or lets a large message in.
func (l *link) credited(payload []byte) error {
	n, err := number(payload, maxPeerWindow)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > maxPeerWindow-max(0, l.peerCredit) {
		return refuse(wire.ProtocolViolation, "too much credit")
	}
	l.peerCredit += n
	l.wake()
	return nil
}

// wanted: the peer has a message that is larger than the window.
func (l *link) wanted(payload []byte) error {
	n, err := number(payload, l.most)
	if err != nil {
		return refuse(wire.TooLarge, "message over the limit")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.want > 0 || l.bye {
		return refuse(wire.ProtocolViolation, "a second large message before the first")
	}
	l.want = n + wire.MessageCost
	l.largest = max(l.largest, l.want)
	l.grantLarge()
	return nil
}

func (l *link) goodbye(payload []byte) error {
	reason, err := wire.ParseReasonPayload(payload)
	if err != nil {
		return malformed(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bye {
		return refuse(wire.ProtocolViolation, "a second goodbye")
	}
	l.bye, l.byeReason = true, reason
	l.wake()
	l.post()
	return nil
}

// done: the peer took everything up to our goodbye.
func (l *link) done() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.saidBye {
		return refuse(wire.ProtocolViolation, "done without a goodbye")
	}
	l.fin = true
	l.settle()
	return nil
}

// reset: the peer ended the link.
func (l *link) reset(r wire.Reason) {
	l.mu.Lock()
	o := l.opening
	if o != nil && len(o.answer) == 0 {
		o.answer <- refusedBy(r)
	}
	l.mu.Unlock()
	if o != nil {
		return
	}
	l.end(r, false)
}

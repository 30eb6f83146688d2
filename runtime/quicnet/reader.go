package quicnet

import (
	"errors"
	"io"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime/wire"
)

const (
	// messageCost is what a message counts in the inbox at least: the slice
	// that refers to it, so that empty ones are bounded too.
	messageCost = 24
	// leastRead is the smallest read, by which an inbox may be exceeded.
	leastRead = 4 << 10
	// firstPart is how much of a large message is allocated before any of it
	// arrived; the rest doubles as it comes.
	firstPart = 256 << 10
)

// read is the link's reader.
func (l *link) read() {
	defer l.exit(false)
	r := &reader{l: l, stream: l.stream}
	err := r.run()
	if r.buffer != nil {
		l.t.putBuffer(r.buffer)
	}
	switch {
	case errors.Is(err, io.EOF):
		l.eof()
	case errors.Is(err, errOver):
	default:
		l.readFailed(err)
	}
}

// errOver: the link ended while its reader waited for room.
var errOver = errors.New("link is over")

func (l *link) readFailed(err error) {
	if r, _ := reasonOf(err); errors.As(err, new(*refusal)) {
		l.end(r, true)
		return
	}
	l.broken(err)
}

// eof: the peer's side of the stream ended in order.
func (l *link) eof() {
	l.mu.Lock()
	if !l.bye && !l.saidBye {
		l.mu.Unlock()
		l.end(wire.UnexpectedClose, false)
		return
	}
	l.fin = true
	if l.saidFin {
		l.settle()
	}
	l.post()
	l.mu.Unlock()
}

// reader parses the frames of one stream.
type reader struct {
	l      *link
	stream *quic.Stream
	buffer *[]byte // nil while nothing is under way
	n      int     // valid bytes in buffer
	cuts   []cut
	bye    bool
}

// cut is where a message lies in the buffer.
type cut struct{ from, to int }

func (r *reader) run() error {
	for {
		room, err := r.room()
		if err != nil {
			return err
		}
		if r.n == 0 && r.buffer != nil {
			r.l.t.putBuffer(r.buffer)
			r.buffer = nil
		}
		if r.buffer == nil {
			// An idle link waits without a buffer.
			var first [1]byte
			_, _ = r.stream.Peek(first[:])
			r.buffer = r.l.t.getBuffer()
		}
		b := *r.buffer
		n, err := r.stream.Read(b[r.n:min(len(b), r.n+room)])
		r.n += n
		if fault := r.parse(); fault != nil {
			return fault
		}
		if err != nil {
			if errors.Is(err, io.EOF) && r.n > 0 {
				return refuse(wire.ProtocolViolation, "stream ends within a frame")
			}
			return err
		}
	}
}

// room gives how much to read. If the inbox is full it first waits until half
// of it is free.
func (r *reader) room() (int, error) {
	l := r.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inboxBytes < l.limits.Inbox {
		return max(leastRead, l.limits.Inbox-l.inboxBytes), nil
	}
	for looked := false; l.inboxBytes > l.limits.Inbox/2; {
		if l.ended && l.dead.Load() {
			return 0, errOver
		}
		if l.sized && !looked {
			looked = true
			l.mu.Unlock()
			var first [1]byte
			_, err := r.stream.Peek(first[:])
			l.mu.Lock()
			if err != nil && !errors.Is(err, io.EOF) {
				return 0, err
			}
			continue
		}
		l.hasRoom.Wait()
	}
	return max(leastRead, l.limits.Inbox-l.inboxBytes), nil
}

// parse takes all whole frames off the buffer and moves the rest to its start.
func (r *reader) parse() error {
	b := (*r.buffer)[:r.n]
	r.cuts = r.cuts[:0]
	at := 0
	var fault error
	for at < len(b) && fault == nil {
		kind, size, header, err := wire.ParseFrameHeader(b[at:], r.l.limits.MaxMessage)
		switch {
		case err != nil:
			fault = refuse(violation(err), err.Error())
			continue
		case header == 0:
		case r.bye || kind != wire.FrameMessage && kind != wire.FrameGoodbye || kind == wire.FrameGoodbye && size > wire.MaxHello:
			fault = refuse(wire.ProtocolViolation, "frame where none may be")
			continue
		case at+header+size > len(b):
			if header+size > len(*r.buffer) {
				r.push(b)
				return r.large(size, b[at+header:])
			}
		case kind == wire.FrameGoodbye:
			reason, err := wire.ParseGoodbye(b[at+header : at+header+size])
			if err != nil {
				fault = refuse(wire.ProtocolViolation, err.Error())
				continue
			}
			r.push(b)
			r.goodbye(reason)
			at += header + size
			continue
		default:
			r.cuts = append(r.cuts, cut{at + header, at + header + size})
			at += header + size
			continue
		}
		break
	}
	r.push(b)
	r.n = copy(b, b[at:])
	return fault
}

// push copies the messages that were cut, all at once, and puts them into the
// inbox.
func (r *reader) push(b []byte) {
	if len(r.cuts) == 0 {
		return
	}
	base := r.cuts[0].from
	slab := append([]byte(nil), b[base:r.cuts[len(r.cuts)-1].to]...)
	l := r.l
	l.mu.Lock()
	if !l.ended {
		for _, c := range r.cuts {
			l.inbox = append(l.inbox, slab[c.from-base:c.to-base:c.to-base])
			l.inboxBytes += max(messageCost, c.to-c.from)
		}
		l.post()
	}
	l.mu.Unlock()
	r.cuts = r.cuts[:0]
}

// large reads the rest of a message that is larger than the buffer.
func (r *reader) large(size int, start []byte) error {
	m := append(make([]byte, 0, min(size, firstPart)), start...)
	for len(m) < size {
		if len(m) == cap(m) {
			grown := make([]byte, len(m), min(size, 2*cap(m)))
			copy(grown, m)
			m = grown
		}
		n, err := r.stream.Read(m[len(m):cap(m)])
		m = m[:len(m)+n]
		if err != nil && len(m) < size {
			return truncated(err)
		}
	}
	r.n = 0
	l := r.l
	l.mu.Lock()
	if !l.ended {
		l.inbox = append(l.inbox, m)
		l.inboxBytes += size
		l.post()
	}
	l.mu.Unlock()
	return nil
}

func (r *reader) goodbye(reason wire.Reason) {
	r.bye = true
	l := r.l
	l.mu.Lock()
	l.bye, l.byeReason = true, reason
	l.post()
	l.mu.Unlock()
}

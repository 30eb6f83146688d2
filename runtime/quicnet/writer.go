package quicnet

import "github.com/smalti/smalti/runtime/wire"

// batchSize is the size of a buffer: what one read of a stream gives, and what
// one write carries, at most. A write costs a turn of three goroutines, so
// large ones are cheap; but QUIC tells only of a whole write that it is on its
// way, and until then all its messages count as queued. Hence a quarter of
// wire.SendBytes.
const batchSize = 64 << 10

// write is the link's writer.
func (l *link) write() {
	defer l.exit(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.ended {
		switch {
		case l.handsAt < len(l.hands) || len(l.queue) > 0:
			if err := l.writeBatch(); err != nil {
				l.mu.Unlock()
				l.broken(err)
				l.mu.Lock()
				return
			}
		case l.draining && !l.saidBye:
			l.saidBye = true // before the peer can answer
			l.mu.Unlock()
			_, err := l.stream.Write(wire.AppendGoodbye(nil, l.drainReason))
			if err != nil {
				l.broken(err)
			}
			l.mu.Lock()
		case l.taken:
			l.mu.Unlock()
			_ = l.stream.Close()
			l.mu.Lock()
			l.saidFin = true
			l.settle()
			return
		default:
			l.hasWork.Wait()
		}
	}
}

// writeBatch writes as many messages as fit one write, or one that is larger;
// with the lock held, but not while it writes.
func (l *link) writeBatch() error {
	if l.handsAt == len(l.hands) {
		l.hands, l.queue, l.handsAt = l.queue, l.hands[:0], 0
	}
	hands := l.hands[l.handsAt:]
	l.mu.Unlock()

	buffer := l.t.getBuffer()
	b := (*buffer)[:0]
	n, size := 0, 0
	for _, m := range hands {
		if n > 0 && len(b)+wire.MaxFrameHeader+len(m) > batchSize {
			break
		}
		b = wire.AppendFrameHeader(b, wire.FrameMessage, len(m))
		n++
		size += len(m)
		if wire.MaxFrameHeader+len(m) > batchSize {
			break // its payload follows on its own
		}
		b = append(b, m...)
	}
	var written int
	var err error
	if large := hands[0]; wire.MaxFrameHeader+len(large) > batchSize {
		header := len(b)
		if written, err = l.stream.Write(b); err == nil {
			written, err = l.stream.Write(large)
			written += header
		}
	} else {
		written, err = l.stream.Write(b)
	}
	l.t.putBuffer(buffer)

	l.mu.Lock()
	if err != nil {
		n, size = whole(hands[:n], written)
	}
	l.wrote(n, size)
	return err
}

// whole tells how many of messages lie whole within the bytes that were
// written, and their size.
func whole(messages [][]byte, written int) (n, size int) {
	var header [wire.MaxFrameHeader]byte
	for _, m := range messages {
		written -= len(wire.AppendFrameHeader(header[:0], wire.FrameMessage, len(m))) + len(m)
		if written < 0 {
			break
		}
		n++
		size += len(m)
	}
	return n, size
}

// wrote accounts for the first n messages in hand, of size bytes.
func (l *link) wrote(n, size int) {
	clear(l.hands[l.handsAt : l.handsAt+n])
	l.handsAt += n
	l.count -= n
	l.bytes -= size
	if l.full && l.count <= l.limits.SendMessages/2 && l.bytes <= l.limits.SendBytes/2 {
		l.full, l.writable = false, true
		l.post()
	}
}

func (t *Transport) getBuffer() *[]byte {
	if b, ok := t.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, batchSize)
	return &b
}

func (t *Transport) putBuffer(b *[]byte) { t.buffers.Put(b) }

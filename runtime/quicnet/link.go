package quicnet

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

var _ runtime.Link = (*link)(nil)

// link is one link and the queues at both its ends: Send fills queue, which the writer of
// its lane empties; the lane's reader fills inbox, which binding.run empties on the strand.
type link struct {
	t        *Transport
	peer     ident.PeerID
	protocol string
	dialled  bool
	most     int // bytes of a message
	session  atomic.Pointer[session]
	from     *listener     // of an accepted link
	over     chan struct{} // closed when the link is over; nil: nobody asked yet
	dead     atomic.Bool   // nothing is delivered any more but OnClosed
	opening  *opening      // of a dialled link, until it is open

	// Of the strand only.
	taking list // what was taken off inbox

	mu      sync.Mutex
	bound   *binding
	unbound bool
	placed  bool // counted in from.unbound: it is unbound, or it ended and is offered still
	offered bool // the listener has not been given it yet
	openDue bool
	lane    *lane
	id      uint64 // on its lane
	queued  bool   // in lane.ready or lane.waiting

	// Receiving. Costs are bytes and wire.MessageCost for each message.
	paused    bool // written on the strand only
	inbox     list
	window    int // the peer may have so much sent that was not taken
	credit    int // what it may send now
	held      int // cost of what arrived and was not taken
	creditDue int // to be told to the peer
	excess    int // by how much held and credit are over the window, for a large message
	want      int // cost of the message that the peer asks to be let in; 0: none
	largest   int // of all that it asked for
	bye       bool
	byeReason wire.Reason
	fin       bool // the peer took everything up to our goodbye

	// Sending.
	greeting     wire.FrameKind // open, or accept once the link is bound, to be sent first; 0: none
	queue        list
	part         int // bytes of the first message that were sent
	count, bytes int // of queue and of what the writer holds
	peerWindow   int
	peerCredit   int
	wanting      bool // the peer was told of the first message, which is larger than its window
	full         bool // ErrFull was returned, OnWritable is owed
	writable     bool // OnWritable is due
	draining     bool
	drainReason  wire.Reason
	drainTimer   *time.Timer
	saidBye      bool
	saidDone     bool

	closing     bool // Close was called; the reset follows on the strand
	closeReason wire.Reason
	ended       bool
	closed      runtime.Closed
	told        bool // OnClosed was called
}

// opening is what a link has while it is dialled.
type opening struct {
	ctx    context.Context
	cancel context.CancelFunc
	answer chan error // nil: accepted
	sent   bool       // the open frame went out; the link's mu guards it
}

func newLink(t *Transport, peer ident.PeerID, protocol runtime.Protocol, dialled bool) *link {
	l := &link{t: t, peer: peer, protocol: protocol.Name, most: protocol.Limit(), dialled: dialled}
	if dialled {
		l.opening = &opening{answer: make(chan error, 1)}
		l.opening.ctx, l.opening.cancel = context.WithCancel(t.ctx)
	}
	return l
}

func (l *link) Peer() ident.PeerID { return l.peer }

func (l *link) Protocol() string { return l.protocol }

func (l *link) Session() runtime.Session {
	if s := l.session.Load(); s != nil {
		return s
	}
	return nil
}

func (l *link) Send(messages ...[]byte) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.closing || l.draining || l.saidDone {
		return 0, runtime.ErrClosed
	}
	for _, m := range messages {
		if len(m) > l.most {
			err = runtime.ErrTooLarge
			break
		}
		if l.count > 0 && (l.count >= l.t.config.SendMessages || l.bytes+len(m) > l.t.config.SendBytes) {
			l.full = true
			err = runtime.ErrFull
			break
		}
		l.queue.push(m)
		l.count++
		l.bytes += len(m)
		n++
	}
	if n > 0 {
		l.wake()
	}
	return n, err
}

func (l *link) Pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = true
	l.settle() // a drain that the peer confirmed does not wait for who does not read
}

func (l *link) Resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = false
	l.grantLarge()
	l.post()
}

// Close leaves the reset to the strand's next turn, so that of all reasons of
// this one the most severe goes out.
func (l *link) Close(r wire.Reason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close(r)
}

// close is Close with the lock held.
func (l *link) close(r wire.Reason) {
	switch {
	case l.ended:
	case l.closing:
		l.closeReason = l.closeReason.Worst(r)
	default:
		l.closing, l.closeReason = true, r
		l.dead.Store(true)
		if l.unbound {
			l.from.strand.Post(func() { l.end(r, true) }) // end takes closeReason
			return
		}
		l.post()
	}
}

func (l *link) Drain(r wire.Reason, max time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.closing || l.draining {
		return
	}
	if l.unbound {
		l.close(r) // the peer was not let in, and sent nothing that was taken
		return
	}
	l.draining, l.drainReason = true, r
	l.drainTimer = time.AfterFunc(max, func() { l.end(wire.DrainTimeout, true) })
	l.wake()
}

// wake has the writer of the lane turn to the link if it can write something; with the
// lock held.
func (l *link) wake() {
	if l.lane != nil && !l.queued && l.due() {
		l.queued = true
		l.lane.push(l)
	}
}

// due reports whether the link has something to write, and may; with the lock held.
func (l *link) due() bool {
	switch {
	case l.ended:
		return false
	case l.greeting != 0:
		return true
	case l.opening != nil: // the answer is awaited
		return false
	case l.creditDue > 0:
		return true
	case l.queue.len() > 0:
		return l.part > 0 || l.fits() || l.oversized(l.queue.first()) && !l.wanting
	default:
		return l.draining && !l.saidBye || l.doneDue()
	}
}

// fits reports whether the peer lets the next message be sent; with the lock held.
func (l *link) fits() bool { return len(l.queue.first())+wire.MessageCost <= l.peerCredit }

// oversized reports whether a message may never fit by itself; with the lock held. A peer
// that took everything may still owe a quarter of the window.
func (l *link) oversized(m []byte) bool {
	return len(m)+wire.MessageCost > l.peerWindow-l.peerWindow/4
}

// doneDue reports whether it is time to tell the peer that all it sent was taken; with the
// lock held. It is the last word, so a goodbye of our own comes first.
func (l *link) doneDue() bool {
	return l.bye && !l.saidDone && l.held == 0 && (!l.draining || l.saidBye)
}

// linkOverhead is more than all frames of a link that carry no message, in bytes.
const linkOverhead = 256

// fill appends frames of the link to b, for its lane, up to limit bytes but for the last.
// It returns what belongs behind b, which of the messages that is, and whether there is
// more that may go now. Nothing may be appended once there is a tail.
func (l *link) fill(ln *lane, b []byte, limit int) (_, tail []byte, sh share, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sh.l = l
	if l.ended || l.lane != ln {
		return b, nil, sh, false
	}
	b = l.fillControl(b)
	for l.queue.len() > 0 && l.opening == nil {
		if l.part == 0 && !l.fits() {
			if m := l.queue.first(); l.oversized(m) && !l.wanting {
				l.wanting = true
				b = wire.AppendUvarintFrame(b, l.id, wire.FrameWant, uint64(len(m)))
			}
			break
		}
		m := l.queue.first()
		switch {
		case sh.messages > 0 && len(b)+wire.MaxFrameHeader+len(m) > limit:
			return b, nil, sh, true
		case len(m) > wire.MaxFrame:
			if !l.lane.takeLarge(l) {
				return b, nil, sh, false // queued among those that wait
			}
			if b, tail = l.fillPart(b); l.part > 0 {
				return b, tail, sh, true
			}
		case len(m) >= direct:
			b, tail = wire.AppendFrameHeader(b, l.id, wire.FrameMessage, len(m)), m
			l.peerCredit -= len(m) + wire.MessageCost
		default:
			b = wire.AppendFrame(b, l.id, wire.FrameMessage, m)
			l.peerCredit -= len(m) + wire.MessageCost
		}
		l.queue.pop()
		l.wanting = false
		sh.messages++
		sh.size += len(m)
		if tail != nil {
			return b, tail, sh, true
		}
	}
	if l.queue.len() == 0 && l.draining && !l.saidBye && l.opening == nil {
		l.saidBye = true
		b = wire.AppendReasonFrame(b, l.id, wire.FrameGoodbye, l.drainReason)
	}
	if l.doneDue() {
		l.saidDone = true
		b = wire.AppendFrameHeader(b, l.id, wire.FrameDone, 0)
		l.settle()
	}
	l.queued = false
	return b, nil, sh, false
}

// fillControl appends what goes before messages; with the lock held.
func (l *link) fillControl(b []byte) []byte {
	switch l.greeting {
	case wire.FrameOpen:
		l.opening.sent = true
		l.lane.number(l)
		payload := append(binary.AppendUvarint(nil, uint64(l.window)), l.protocol...)
		b = wire.AppendFrame(b, l.id, wire.FrameOpen, payload)
	case wire.FrameAccept:
		b = wire.AppendUvarintFrame(b, l.id, wire.FrameAccept, uint64(l.window))
	}
	l.greeting = 0
	if l.creditDue > 0 && l.opening == nil {
		b = wire.AppendUvarintFrame(b, l.id, wire.FrameCredit, uint64(l.creditDue))
		l.creditDue = 0
	}
	return b
}

// fillPart appends the beginning of the next part of a message that is longer than a frame,
// and returns the rest; with the lock held. l.part is 0 after the last one.
func (l *link) fillPart(b []byte) (_, tail []byte) {
	m := l.queue.first()
	var length []byte
	if l.part == 0 {
		l.peerCredit -= len(m) + wire.MessageCost
		length = binary.AppendUvarint(nil, uint64(len(m)))
	}
	n := min(len(m)-l.part, wire.MaxFrame-len(length))
	b = append(wire.AppendFrameHeader(b, l.id, wire.FramePart, len(length)+n), length...)
	tail = m[l.part : l.part+n]
	if l.part += n; l.part == len(m) {
		l.part = 0
		l.lane.doneLarge()
	}
	return b, tail
}

// wrote accounts for messages that a write carried.
func (l *link) wrote(messages, size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count -= messages
	l.bytes -= size
	if l.full && l.count <= l.t.config.SendMessages/2 && l.bytes <= l.t.config.SendBytes/2 {
		l.full, l.writable = false, true
		l.post()
	}
}

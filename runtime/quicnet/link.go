package quicnet

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

var _ runtime.Link = (*link)(nil)

// link is one stream and the queues at both its ends: Send fills queue, which
// write empties; read fills inbox, which binding.run empties on the strand.
type link struct {
	t        *Transport
	peer     ident.PeerID
	protocol string
	dialled  bool
	limits   Limits
	ctx      context.Context // ends with the link
	cancel   context.CancelFunc
	session  atomic.Pointer[session]
	from     *listener     // of an accepted link
	over     chan struct{} // closed when no goroutine of the link is left
	dead     atomic.Bool   // nothing is delivered any more but OnClosed

	// Of the strand only.
	paused   bool
	taking   [][]byte // what was taken off inbox
	takingAt int      // how much of it the handler took

	mu      sync.Mutex
	bound   *binding
	unbound bool // counted in from.unbound
	openDue bool
	stream  *quic.Stream // nil until the link is open
	running int          // reader and writer

	inbox      [][]byte
	inboxBytes int       // of inbox and of what is being taken
	hasRoom    sync.Cond // wakes the reader
	sized      bool      // the peer's last byte was announced, by FIN or reset
	bye        bool      // the peer said goodbye
	byeReason  wire.Reason
	fin        bool // the peer's stream ended in order
	taken      bool // the handler took all that there will be

	queue        [][]byte
	count, bytes int       // of queue and of what the writer holds
	hasWork      sync.Cond // wakes the writer
	writing      bool      // the writer runs and may hold messages
	hands        [][]byte  // what the writer holds, from handsAt on
	handsAt      int
	full         bool // ErrFull was returned, OnWritable is owed
	writable     bool // OnWritable is due
	draining     bool
	drainReason  wire.Reason
	drainTimer   *time.Timer
	saidBye      bool
	saidFin      bool
	lateTimer    *time.Timer // bounds the wait for the peer's last FIN

	closing     bool // Close was called; the reset follows on the strand
	closeReason wire.Reason
	ended       bool
	closed      runtime.Closed
	closedDue   bool // OnClosed is due: closed is complete
	told        bool // OnClosed was called
}

func newLink(t *Transport, peer ident.PeerID, protocol string, dialled bool) *link {
	l := &link{
		t: t, peer: peer, protocol: protocol, dialled: dialled, limits: t.config.limits(protocol),
		over: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(t.ctx)
	l.hasRoom.L, l.hasWork.L = &l.mu, &l.mu
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
	if l.ended || l.closing || l.draining || l.taken {
		return 0, runtime.ErrClosed
	}
	idle := len(l.queue) == 0
	for _, m := range messages {
		if len(m) > l.limits.MaxMessage {
			err = runtime.ErrTooLarge
			break
		}
		if l.count > 0 && (l.count >= l.limits.SendMessages || l.bytes+len(m) > l.limits.SendBytes) {
			l.full = true
			err = runtime.ErrFull
			break
		}
		l.queue = append(l.queue, m)
		l.count++
		l.bytes += len(m)
		n++
	}
	if idle && n > 0 {
		l.hasWork.Signal()
	}
	return n, err
}

func (l *link) Pause() { l.paused = true }

func (l *link) Resume() {
	l.paused = false
	l.mu.Lock()
	l.post()
	l.mu.Unlock()
}

// Close leaves the reset to the strand's next turn, so that of all reasons of
// this one the most severe goes out.
func (l *link) Close(r wire.Reason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ended:
	case l.closing:
		l.closeReason = l.closeReason.Worst(r)
	default:
		l.closing, l.closeReason = true, r
		l.dead.Store(true)
		l.post()
	}
}

func (l *link) Drain(r wire.Reason, max time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.closing || l.draining {
		return
	}
	l.draining, l.drainReason = true, r
	l.drainTimer = time.AfterFunc(max, func() { l.end(r, true) })
	l.hasWork.Signal()
}

// start makes the link usable on a stream; false if it has ended.
func (l *link) start(s *session, stream *quic.Stream) bool {
	l.mu.Lock()
	if l.ended {
		r := l.closed.Reason
		l.mu.Unlock()
		reset(stream, r)
		return false
	}
	l.stream = stream
	l.session.Store(s)
	l.running, l.writing, l.openDue = 2, true, l.dialled
	l.post()
	l.mu.Unlock()
	// A reader that waits for room sees neither a reset nor a lost session;
	// these two tell it. QUIC calls the second with locks held.
	context.AfterFunc(stream.Context(), func() { l.broken(context.Cause(stream.Context())) })
	stream.SetReceiveFinalSizeCallback(func(int64) { go l.onSize() })
	l.t.group.Go(l.write)
	return true
}

func (l *link) onSize() {
	l.mu.Lock()
	l.sized = true
	l.hasRoom.Signal()
	l.mu.Unlock()
}

// openOn does the dialler's side of opening the link on a live session.
func (l *link) openOn(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, l.t.config.LinkTimeout)
	defer cancel()
	stream, err := s.conn.OpenStreamSync(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return refuse(wire.Overloaded, "the peer has all the links that it allows")
		}
		return err
	}
	stop := context.AfterFunc(ctx, func() { reset(stream, l.resetReason()) })
	defer stop()
	frame := append(wire.AppendFrameHeader(nil, wire.FrameOpen, len(l.protocol)), l.protocol...)
	if _, err = stream.Write(frame); err == nil {
		err = readAccept(stream)
	}
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		if r, remote := reasonOf(err); !remote {
			reset(stream, r)
		} else {
			reset(stream, wire.Cancelled)
		}
		if ctx.Err() != nil {
			return refuse(wire.HandshakeTimeout, "no answer to the open frame")
		}
		return err
	}
	if !s.attach(l) {
		reset(stream, wire.ConnectionLost)
		return refuse(wire.ConnectionLost, "session ended")
	}
	if l.start(s, stream) {
		l.t.group.Go(l.read)
	} else {
		s.detach(l)
	}
	return nil
}

func readAccept(stream *quic.Stream) error {
	kind, _, err := readFrame(stream, 0)
	if err == nil && kind != wire.FrameAccept {
		err = refuse(wire.ProtocolViolation, "answer is no accept frame")
	}
	return err
}

func (l *link) resetReason() wire.Reason {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return l.closed.Reason
	}
	return wire.HandshakeTimeout
}

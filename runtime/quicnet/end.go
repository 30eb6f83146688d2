package quicnet

import (
	"errors"
	"slices"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// end ends the link at once, unless it has ended: unread and unsent messages
// are discarded and the peer learns the reason.
func (l *link) end(r wire.Reason, local bool) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	c := runtime.Closed{Reason: r, Local: local}
	switch {
	case l.closing:
		c = runtime.Closed{Reason: l.closeReason, Local: true}
	case l.saidBye && l.fin:
		c = runtime.Closed{Reason: l.drainReason, Local: true, Drained: true}
	}
	l.dead.Store(true)
	l.inbox = nil
	l.finish(c)
	stream := l.stream
	l.mu.Unlock()
	if stream != nil {
		reset(stream, c.Reason)
	}
	l.complete()
}

// fail ends a link that did not open.
func (l *link) fail(r wire.Reason) { l.end(r, l.t.stopping()) }

// broken ends the link because its stream did, if it did in a way that is not
// this side's doing.
func (l *link) broken(err error) {
	var stream *quic.StreamError
	r, remote := reasonOf(err)
	switch {
	case errors.As(err, &stream):
		if remote {
			l.end(r, false)
		}
	case errors.Is(err, quic.ErrStreamClosed):
	default:
		l.lost(r)
	}
}

// lost ends the link because its session did. A peer closes a session with
// Finished when all its links are over; so one that was only waiting for the
// peer's last FIN has its confirmation.
func (l *link) lost(r wire.Reason) {
	l.mu.Lock()
	if r == wire.Finished && l.saidBye {
		l.fin = true
	}
	l.mu.Unlock()
	l.end(r, l.t.stopping())
}

// finish notes how the link ended; with the lock held.
func (l *link) finish(c runtime.Closed) {
	l.ended, l.closed = true, c
	if l.drainTimer != nil {
		l.drainTimer.Stop()
	}
	if l.unbound {
		l.unbound = false
		l.from.unbound.Add(-1)
	}
	l.cancel()
	l.hasRoom.Signal()
	l.hasWork.Signal()
	l.tell()
}

// tell makes OnClosed due once the writer holds no messages any more; with the
// lock held.
func (l *link) tell() {
	if !l.ended || l.writing || l.closedDue {
		return
	}
	l.closed.Unsent = slices.Concat(l.hands[l.handsAt:], l.queue)
	if len(l.closed.Unsent) == 0 {
		l.closed.Unsent = nil
	}
	l.hands, l.handsAt, l.queue = nil, 0, nil
	l.closedDue = true
	l.post()
}

// settle ends the link in order, if both sides have said and heard everything;
// with the lock held and the own FIN said.
func (l *link) settle() {
	switch {
	case l.ended:
	case !l.saidBye:
		// The peer drained. Its own FIN is still to come, and completes the
		// stream.
		l.finish(runtime.Closed{Reason: l.byeReason})
		stream := l.stream
		l.lateTimer = time.AfterFunc(l.t.config.LinkTimeout, func() {
			stream.CancelRead(quic.StreamErrorCode(wire.Finished))
		})
	case l.fin:
		l.finish(runtime.Closed{Reason: l.drainReason, Local: true, Drained: true})
	}
}

// exit is called by reader and writer when they are done.
func (l *link) exit(writer bool) {
	l.mu.Lock()
	l.running--
	if writer {
		l.writing = false
	} else if l.lateTimer != nil {
		l.lateTimer.Stop()
	}
	l.tell()
	l.mu.Unlock()
	l.complete()
}

// complete lets go of the link when it has ended and nothing of it runs.
func (l *link) complete() {
	l.mu.Lock()
	done := l.closedDue && l.running == 0
	if done {
		select {
		case <-l.over:
			done = false
		default:
			close(l.over)
		}
	}
	l.mu.Unlock()
	if !done {
		return
	}
	if s := l.session.Load(); s != nil {
		s.detach(l)
	}
	l.t.forget(l)
}

// cutOff tells whether this side ended the link without confirmation.
func (l *link) cutOff() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended && l.closed.Local && !l.closed.Drained
}

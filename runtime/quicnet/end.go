package quicnet

import (
	"slices"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// end ends the link at once, unless it has ended: unread and unsent messages
// are discarded, and the peer learns the reason if this side ends it.
func (l *link) end(r wire.Reason, local bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	c := runtime.Closed{Reason: r, Local: local}
	if l.closing {
		c = runtime.Closed{Reason: l.closeReason, Local: true}
	}
	if c.Local && l.lane != nil && (l.opening == nil || l.opening.sent) && !l.saidDone {
		l.lane.reset(l.id, c.Reason)
	}
	l.dead.Store(true)
	l.inbox.clear()
	l.finish(c)
}

// fail ends a link that did not open.
func (l *link) fail(r wire.Reason) { l.end(r, l.t.stopping()) }

// lost ends the link because its session did. A peer closes a session with
// Finished when all its links are over; so one that was only waiting for the
// peer's last word has its confirmation.
func (l *link) lost(r wire.Reason) {
	if r == wire.Finished {
		l.mu.Lock()
		if l.saidBye && !l.ended {
			l.finishDrained()
		}
		l.mu.Unlock()
	}
	l.end(r, l.t.stopping())
}

// settle ends the link in order, if both sides have said and heard everything; with the
// lock held.
func (l *link) settle() {
	switch {
	case l.ended:
	case !l.saidBye:
		if l.saidDone { // the peer drained
			l.finish(runtime.Closed{Reason: l.byeReason})
		}
	case l.fin && (!l.bye || l.saidDone) && (l.held == 0 || l.paused):
		l.finishDrained()
	}
}

// finishDrained ends a drain that the peer confirmed; with the lock held.
func (l *link) finishDrained() {
	l.finish(runtime.Closed{Reason: l.drainReason, Local: true, Drained: true})
}

// finish notes how the link ended, and takes it off all lists; with the lock held.
func (l *link) finish(c runtime.Closed) {
	if l.queue.len() > 0 {
		c.Unsent = slices.Clone(l.queue.all())
		l.queue.clear()
	}
	l.ended, l.closed = true, c
	if l.drainTimer != nil {
		l.drainTimer.Stop()
	}
	if l.unbound {
		l.unbound = false
		l.leavePlace()
	}
	if l.lane != nil {
		l.lane.remove(l)
	}
	if l.opening != nil {
		l.opening.cancel() // open gives back what it holds
	} else if s := l.session.Load(); s != nil {
		s.detach(l)
	}
	l.t.forget(l)
	if l.over != nil {
		close(l.over)
	}
	l.post()
}

// ending returns a channel that is closed when the link has ended.
func (l *link) ending() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over == nil {
		l.over = make(chan struct{})
		if l.ended {
			close(l.over)
		}
	}
	return l.over
}

// cutOff tells whether this side ended the link without confirmation.
func (l *link) cutOff() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended && l.closed.Local && !l.closed.Drained
}

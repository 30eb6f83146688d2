package quicnet

import (
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// binding is a link's strand and handler. A link has one at a time; those
// before it are stale and hear nothing.
type binding struct {
	l       *link
	strand  runtime.Strand
	handler runtime.Handler
	deliver func() // run, bound once
	posted  bool   // guarded by l.mu
	stale   bool   // of the strand only
}

// Bind names the strand and the handler of everything that follows.
func (l *link) Bind(s runtime.Strand, h runtime.Handler) {
	b := &binding{l: l, strand: s, handler: h}
	b.deliver = b.run
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bound != nil {
		l.bound.stale = true
	}
	if l.unbound && !l.ended {
		l.unbound = false
		l.leavePlace()
		l.greeting = wire.FrameAccept
		l.wake()
	}
	l.bound = b
	if !l.dialled || l.lane != nil || l.ended {
		l.post()
	}
}

// post has the strand look at the link; with the lock held.
func (l *link) post() {
	if b := l.bound; b != nil && !b.posted {
		b.posted = true
		b.strand.Post(b.deliver)
	}
}

// run is one turn of the link on its strand. It delivers one batch, so that a
// busy link lets others have their turn.
func (b *binding) run() {
	l := b.l
	l.mu.Lock()
	b.posted = false
	if b.stale || l.told {
		l.mu.Unlock()
		return
	}
	if l.closing && !l.ended {
		l.mu.Unlock()
		l.end(l.closeReason, true)
		l.mu.Lock()
	}
	if l.openDue && !l.dead.Load() {
		l.openDue = false
		if !b.call(b.handler.OnOpen) {
			return
		}
	}
	if l.writable && !l.dead.Load() {
		l.writable = false
		if !b.call(b.handler.OnWritable) {
			return
		}
	}
	if !b.messages() {
		return
	}
	if l.ended && !l.told {
		l.told = true
		c := l.closed
		l.mu.Unlock()
		b.handler.OnClosed(c)
		return
	}
	l.mu.Unlock()
}

// call runs a callback without the lock. False, without the lock: it bound the
// link to somebody else.
func (b *binding) call(f func()) bool {
	b.l.mu.Unlock()
	f()
	if b.stale {
		return false
	}
	b.l.mu.Lock()
	return true
}

// messages delivers one batch; with the lock held, which it keeps unless it
// gives false because the link was bound to somebody else meanwhile.
func (b *binding) messages() bool {
	l := b.l
	if l.dead.Load() {
		l.taking.clear()
		return true
	}
	if l.taking.len() == 0 {
		l.taking, l.inbox = l.inbox, list{}
	}
	if l.taking.len() > 0 && !l.paused {
		l.mu.Unlock()
		cost := b.take()
		l.mu.Lock()
		if !l.ended {
			l.took(cost)
		}
		if b.stale {
			l.mu.Unlock()
			return false
		}
	}
	if l.taking.len()+l.inbox.len() > 0 && !l.paused {
		l.post()
	}
	l.settle()
	return true
}

// More implements runtime.Link; on the strand.
func (l *link) More() bool {
	return l.taking.len() > 0 && !l.paused && !l.dead.Load()
}

// take hands messages to the handler until it pauses, ends or hands over the
// link, and gives their cost.
func (b *binding) take() (cost int) {
	l := b.l
	for l.More() {
		m := l.taking.first()
		l.taking.pop()
		cost += len(m) + wire.MessageCost
		b.handler.OnMessage(m)
		if b.stale {
			break
		}
	}
	return cost
}

package loopback

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// window is how much one end may have sent that the other has not taken: what a link over a
// network holds in its send queue and its window. A message costs wire.MessageCost bytes besides
// its own.
const window = wire.SendBytes + wire.LinkWindow

// maxTurn is how many messages are handed over in one turn of a strand.
const maxTurn = 256

// link is one end. The hub's lock guards all of it.
type link struct {
	t     *Transport
	other *link // nil if there is none: the dial failed
	peer  ident.PeerID
	proto runtime.Protocol

	from    *listener      // of an accepted link
	strand  runtime.Strand // nil until an accepted link is bound
	handler runtime.Handler
	binding int  // how often it was bound: turns that were posted for an earlier binding do nothing
	posted  bool // a turn is posted, or under way
	more    bool // another message follows in the present turn, as far as is known
	last    bool // none does, whatever is there

	inbox    [][]byte // what the other end sent and the handler has not taken
	cost     int      // of the inbox
	busy     int      // handlers that are taking a message
	paused   bool
	open     bool
	opens    bool // OnOpen is due
	waits    bool // it is not bound yet
	full     bool // Send refused something
	writable bool // OnWritable is due
	draining bool
	bye      wire.Reason
	deadline runtime.Timer // of the drain
	closing  bool          // Close was called
	reason   wire.Reason   // with which
	ended    bool
	closed   runtime.Closed
	told     bool // OnClosed was called
}

var _ runtime.Link = (*link)(nil)

func newLink(t *Transport, peer ident.PeerID, proto runtime.Protocol) *link {
	return &link{t: t, peer: peer, proto: proto}
}

// Peer implements runtime.Link.
func (l *link) Peer() ident.PeerID { return l.peer }

// Protocol implements runtime.Link.
func (l *link) Protocol() string { return l.proto.Name }

// Session implements runtime.Link.
func (l *link) Session() runtime.Session {
	l.t.hub.mu.Lock()
	defer l.t.hub.mu.Unlock()
	if !l.open {
		return nil
	}
	return session{l.peer}
}

// session is what there is to say of a peer in the same process.
type session struct{ peer ident.PeerID }

func (s session) Peer() ident.PeerID                      { return s.peer }
func (s session) Instance() wire.Instance                 { return wire.Instance{} }
func (s session) Exporter(string, []byte) ([]byte, error) { return nil, ErrNoExporter }

// RTT is always the same: as near as can be.
func (s session) RTT() runtime.RTT { return runtime.RTT{Latest: 1, Min: 1} }

// Quiet implements runtime.Session.
func (s session) Quiet() time.Duration { return 0 }

// Bind implements runtime.Link.
func (l *link) Bind(s runtime.Strand, h runtime.Handler) {
	l.t.hub.mu.Lock()
	defer l.t.hub.mu.Unlock()
	l.strand, l.handler = s, h
	l.binding++
	l.posted, l.more = false, false
	if l.waits {
		l.waits = false
		if o := l.other; !l.ended && !l.closing && !o.ended {
			o.open, o.opens = true, true
			o.wake()
		}
	}
	l.wake()
}

// Send implements runtime.Link.
func (l *link) Send(messages ...[]byte) (n int, err error) {
	l.t.hub.mu.Lock()
	defer l.t.hub.mu.Unlock()
	if l.ended || l.closing || l.draining {
		return 0, runtime.ErrClosed
	}
	to := l.other
	for _, m := range messages {
		c := len(m) + wire.MessageCost
		switch {
		case len(m) > l.proto.Limit():
			err = runtime.ErrTooLarge
		case len(to.inbox) > 0 && to.cost+c > window:
			l.full, err = true, runtime.ErrFull
		case len(to.inbox) > 0 && l.t.env.Buggify("loopback/partial-send"):
			l.full, err = true, runtime.ErrFull
			l.room()
		}
		if err != nil {
			break
		}
		to.inbox = append(to.inbox, m)
		to.cost += c
		n++
	}
	if n > 0 {
		to.wake()
	}
	return n, err
}

// room has this end know if it was refused something, and there is room again.
func (l *link) room() {
	if l.full && l.other.cost <= window/2 {
		l.full, l.writable = false, true
		l.wake()
	}
}

// Pause implements runtime.Link.
func (l *link) Pause() {
	l.t.hub.mu.Lock()
	defer l.t.hub.mu.Unlock()
	l.paused, l.more = true, false
}

// Resume implements runtime.Link.
func (l *link) Resume() {
	l.t.hub.mu.Lock()
	defer l.t.hub.mu.Unlock()
	l.paused = false
	l.more = l.busy > 0 && len(l.inbox) > 0 && !l.last
	l.wake()
}

// More implements runtime.Link.
func (l *link) More() bool {
	l.t.hub.mu.Lock()
	defer l.t.hub.mu.Unlock()
	return l.more
}

// Close implements runtime.Link. The link ends in the next turn, so that of all reasons of
// this one the most severe counts.
func (l *link) Close(r wire.Reason) {
	l.t.hub.mu.Lock()
	defer l.t.hub.mu.Unlock()
	switch {
	case l.ended:
	case l.closing:
		l.reason = l.reason.Worst(r)
	default:
		l.close(r)
	}
}

// close is the first Close, with the hub's lock held.
func (l *link) close(r wire.Reason) {
	l.closing, l.reason, l.more = true, r, false
	if l.strand != nil {
		l.wake()
		return
	}
	l.from.strand.Post(func() {
		l.t.hub.mu.Lock()
		defer l.t.hub.mu.Unlock()
		l.end(l.reason)
	})
}

// Drain implements runtime.Link.
func (l *link) Drain(r wire.Reason, max time.Duration) {
	l.t.hub.mu.Lock()
	defer l.t.hub.mu.Unlock()
	l.drain(r, max)
}

// drain is Drain with the hub's lock held.
func (l *link) drain(r wire.Reason, max time.Duration) {
	if l.ended || l.closing || l.draining {
		return
	}
	if l.strand == nil {
		l.close(r) // nothing was sent
		return
	}
	l.draining, l.bye = true, r
	l.deadline = l.t.env.Clock.AfterFunc(l.strand, max, func() {
		l.t.hub.mu.Lock()
		defer l.t.hub.mu.Unlock()
		l.end(wire.DrainTimeout)
	})
	l.other.wake()
}

// wake has the link's strand see what is due. The hub's lock is held, as for all that
// follows.
func (l *link) wake() {
	if l.strand == nil || l.posted || l.told {
		return
	}
	l.posted = true
	binding := l.binding
	l.strand.Post(func() { l.turn(binding) })
}

// end ends both ends at once, by this one's wish.
func (l *link) end(r wire.Reason) {
	if l.ended {
		return
	}
	l.finish(runtime.Closed{Reason: r, Local: true})
	if l.other != nil {
		l.other.finish(runtime.Closed{Reason: r})
	}
}

// finish notes how this end ended. What the other end has not taken is not sent.
func (l *link) finish(c runtime.Closed) {
	if l.ended {
		return
	}
	if l.closing && !c.Drained {
		c.Reason, c.Local = l.reason, true
	}
	if o := l.other; o != nil {
		c.Unsent = o.inbox
		o.inbox, o.cost = nil, 0
	}
	l.ended, l.closed = true, c
	if l.deadline != nil {
		l.deadline.Stop()
	}
	if l.strand == nil { // and may never be bound
		delete(l.t.links, l)
		l.t.settle()
	}
	l.waits = false
	l.wake()
}

// settle ends both ends in order if one drains and everything is taken.
func (l *link) settle() {
	o := l.other
	if l.ended || o == nil || l.closing || o.closing {
		return
	}
	taken := len(l.inbox) == 0 && l.busy == 0
	given := len(o.inbox) == 0 && o.busy == 0
	switch {
	case l.draining && o.draining && taken && given:
		l.finish(runtime.Closed{Reason: l.bye, Local: true, Drained: true})
		o.finish(runtime.Closed{Reason: o.bye, Local: true, Drained: true})
	case o.draining && !l.draining && taken && !l.waits:
		o.finish(runtime.Closed{Reason: o.bye, Local: true, Drained: true})
		l.finish(runtime.Closed{Reason: o.bye})
	}
}

// turn hands over what is due.
func (l *link) turn(binding int) {
	mu := &l.t.hub.mu
	mu.Lock()
	defer mu.Unlock()
	if l.binding != binding {
		return
	}
	call := func(f func()) {
		mu.Unlock()
		defer mu.Lock()
		f()
	}
	n, last := 0, false
	for l.binding == binding {
		if l.closing && !l.ended && n == 0 {
			l.end(l.reason)
		}
		l.settle()
		switch {
		case l.ended && n > 0 || last:
			l.posted = false
			l.wake() // in a turn of its own
			return
		case l.ended:
			l.told = true
			delete(l.t.links, l)
			l.t.settle()
			h := l.handler
			call(func() { h.OnClosed(l.closed) })
			return
		case l.closing:
			l.posted = false
			l.wake()
			return
		case l.opens:
			l.opens = false
			call(l.handler.OnOpen)
		case len(l.inbox) > 0 && !l.paused && !l.other.closing:
			last = n+1 == maxTurn || l.t.env.Buggify("loopback/short-turn")
			l.take(binding, last, call)
		case l.writable:
			l.writable = false
			call(l.handler.OnWritable)
		default:
			l.posted = false
			return
		}
		n++
	}
	l.wake() // the new binding waits for the callback that is over now
}

// take hands over one message, the last one of this turn or not, and has the sender know if
// there is room again.
func (l *link) take(binding int, last bool, call func(func())) {
	m := l.inbox[0]
	if len(m) > l.proto.Limit() {
		l.end(wire.TooLarge)
		return
	}
	l.inbox[0] = nil
	l.inbox = l.inbox[1:]
	l.cost -= len(m) + wire.MessageCost
	l.last, l.more = last, len(l.inbox) > 0 && !last
	l.other.room()
	l.busy++
	h := l.handler
	m = slices.Clone(m) // the sender shares it, and the receiver may write into what it gets
	call(func() { h.OnMessage(m) })
	l.busy--
	if l.binding == binding {
		l.more = false
	}
}

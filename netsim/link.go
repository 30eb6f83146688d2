package netsim

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// Stages of a link.
const (
	waiting = iota // for a session or for stream credit
	opening        // the peer's answer is awaited
	open
	closed
)

// Link is one end of a link.
type Link struct {
	t      *Transport
	s      *session // nil before there is one
	twin   *Link    // the other end, once it exists
	peer   peerID
	proto  string
	opener bool
	state  int
	addrs  []string
	tries  int   // opens that a duplicate connection took
	timer  alarm // of opening, then of draining
	counts bool  // holds stream credit of the opener

	port   *port // strand and handler, nil until bound
	opened bool  // OnOpen is due
	paused bool
	ended  bool // OnClosed is due or was called
	result runtime.Closed

	// Sending; see send.go.
	lane     lane
	out      queue
	part     int   // bytes of the first message that are on the wire
	sent     int64 // on the stream
	limit    int64 // of the stream window
	full     bool  // OnWritable is owed
	writable bool  // OnWritable is due
	greet    int   // size of the open or accept frame that is to be sent
	kicked   bool  // is in network.kicked
	lineWait bool  // in way.waiting
	starved  bool  // in s.starving
	resets   bool  // the reset is to be sent

	draining bool
	bye      wire.Reason // of the drain
	byeSent  bool
	finDue   bool // the peer's goodbye was taken; its confirmation follows ours
	acked    bool // the peer took everything up to our goodbye

	// Receiving; see receive.go.
	in      []item
	inHead  int
	due     int   // of those, how many the present turn still delivers
	read    int   // items before it are in the inbox
	inbox   int   // bytes
	partial int   // bytes of the unfinished message that arrived
	begun   int   // of those, how many are read
	arrived int64 // on the stream
	taken   int64
	granted int64
}

var _ runtime.Link = (*Link)(nil)

func newLink(t *Transport, to peerID, proto string) *Link {
	l := &Link{t: t, peer: to, proto: proto}
	l.timer.init(t.n, l.late)
	return l
}

// Peer implements runtime.Link.
func (l *Link) Peer() peerID { return l.peer }

// Protocol implements runtime.Link.
func (l *Link) Protocol() string { return l.proto }

// Session implements runtime.Link.
func (l *Link) Session() runtime.Session {
	if l.s == nil || l.state < open {
		return nil
	}
	return l.s
}

// Close implements runtime.Link.
func (l *Link) Close(r wire.Reason) {
	if l.t.crashed {
		return
	}
	if l.state == closed {
		if l.resets && l.result.Local { // not on the wire yet
			l.result.Reason = l.result.Reason.Worst(r)
		}
		return
	}
	if l.draining && !l.byeSent {
		r = l.bye.Worst(r)
	}
	l.resets = l.s != nil && l.state >= opening
	if l.resets {
		l.kick()
	}
	l.finish(closedBy(r, true))
}

// Drain implements runtime.Link.
func (l *Link) Drain(r wire.Reason, limit time.Duration) {
	if l.t.crashed || l.state == closed || l.draining {
		return
	}
	l.draining, l.bye = true, r
	l.timer.stop()
	l.timer.set(l.t.n.now() + max(0, int64(limit)))
	l.kick()
}

// deadline has the link end if it is not open in d.
func (l *Link) deadline(d int64) {
	if !l.draining {
		l.timer.stop()
		l.timer.set(l.t.n.now() + d)
	}
}

// late: opening or draining took too long.
func (l *Link) late() {
	if l.t.crashed || l.state == closed {
		return
	}
	if l.draining {
		l.Close(l.bye)
		return
	}
	if l.state == open {
		return
	}
	r := wire.DialFailed
	switch {
	case l.state == opening:
		r = wire.HandshakeTimeout
	case l.s != nil:
		r = wire.Overloaded // no stream credit
	}
	l.Close(r)
}

// again makes an unanswered link as new, for another session.
func (l *Link) again() {
	l.tries++
	l.s, l.twin, l.state, l.greet, l.counts = nil, nil, waiting, 0, false
	l.sent, l.starved, l.lineWait = 0, false, false
	l.lane = lane{}
}

// finish ends this end of the link and has OnClosed posted.
func (l *Link) finish(c runtime.Closed) {
	if l.state == closed {
		return
	}
	l.state = closed
	l.timer.stop()
	if l.port == nil && !l.opener {
		l.t.unbound--
	}
	c.Unsent = l.out.rest()
	c.Drained = l.acked
	l.result = c
	l.full, l.writable, l.opened = false, false, false
	if s := l.s; s != nil && s.state == up {
		s.unlink(l)
		l.discard()
		if !l.opener {
			s.lane.send(&frame{kind: kStreamCredit})
		}
	} else if l.s == nil {
		if p := l.t.peers[l.peer]; p != nil {
			p.waiting = slices.DeleteFunc(p.waiting, func(other *Link) bool { return other == l })
		}
	}
	l.in, l.inHead, l.read = nil, 0, 0
	end := func() {
		l.ended = true
		l.post()
	}
	if c.Local && l.t.config.Bugs.Fire("net/late-closed") { // as long as a writer may take to see it
		l.t.n.after(lateClosed, end)
	} else {
		end()
	}
	l.t.remove(l)
}

// lateClosed is how late a handler hears of a Close of its own, where Bugs say so, in ns.
const lateClosed = int64(300 * time.Millisecond)

// unlink takes l off the session's lists.
func (s *session) unlink(l *Link) {
	same := func(other *Link) bool { return other == l }
	s.links = slices.DeleteFunc(s.links, same)
	if l.opener && !l.counts {
		s.queued = slices.DeleteFunc(s.queued, same)
	}
	if len(s.links) == 0 {
		s.emptyAt = s.n.now()
		s.alive.set(s.emptyAt + int64(s.t.config.Linger))
	}
}

// open begins to open l on the session: at once, or when the peer allows one
// more link.
func (s *session) open(l *Link) {
	l.s = s
	l.lane.init(s, l.proto)
	s.links = append(s.links, l)
	l.deadline(int64(s.t.config.LinkTimeout))
	if s.opened >= s.other.t.config.LinksPerPeer {
		s.n.mark(MarkNoStream)
		s.queued = append(s.queued, l)
		return
	}
	l.open()
}

func (l *Link) open() {
	l.s.opened++
	l.counts = true
	l.state = opening
	l.limit = int64(l.s.other.t.config.StreamWindow)
	l.granted = int64(l.t.config.StreamWindow)
	l.greet = headerSize(len(l.proto)) + len(l.proto)
	l.kick()
}

// openQueued opens the link that waited longest for stream credit.
func (s *session) openQueued() {
	if len(s.queued) > 0 && s.opened < s.other.t.config.LinksPerPeer {
		l := s.queued[0]
		s.queued = s.queued[1:]
		l.open()
	}
}

// accept brings up the acceptor's end of a link.
func (s *session) accept(f *frame) {
	l := newLink(s.t, s.peer, f.link.proto)
	l.s, l.twin, f.link.twin = s, f.link, l
	l.lane.init(s, l.proto)
	l.limit = int64(s.other.t.config.StreamWindow)
	l.granted = int64(s.t.config.StreamWindow)
	l.arrived, l.taken = int64(f.size), int64(f.size)
	s.consume(int64(f.size))
	l.state = open
	s.t.add(l)
	s.links = append(s.links, l)
	s.t.unbound++
	listener := s.t.listeners[l.proto]
	switch {
	case listener == nil:
		l.Close(wire.UnknownProtocol)
	case s.t.unbound > s.t.config.MaxUnbound:
		l.Close(wire.Overloaded)
	default:
		l.greet = acceptSize
		l.kick()
		listener.strand.Post(func() {
			if !s.t.crashed {
				listener.accept(l)
			}
		})
	}
}

// reset is the peer's Close.
func (s *session) reset(f *frame) {
	from := f.link
	missing := from.lane.unread()
	from.lane.clear()
	l := from.twin
	if l == nil { // the reset overtook the open frame
		s.consume(missing)
		s.lane.send(&frame{kind: kStreamCredit})
		return
	}
	s.consume(missing)
	l.arrived += missing
	l.taken += missing
	l.finish(closedBy(f.reason, false))
}

// unread is how many bytes of the stream are under way.
func (ln *lane) unread() (n int64) {
	for _, f := range ln.queue[ln.head:] {
		n += int64(f.size)
	}
	return n
}

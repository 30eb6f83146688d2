package netsim

import (
	"math"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// Stages of a link.
const (
	waiting = iota // for a session, or for a place among its links
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
	most   int // bytes of a message
	opener bool
	state  int
	addrs  []string
	tries  int   // opens that a duplicate connection took
	timer  alarm // of opening, then of draining
	counts bool  // has a place among the links of its side

	port   *port // strand and handler, nil until bound
	opened bool  // OnOpen is due
	paused bool
	ended  bool // OnClosed is due or was called
	result runtime.Closed

	// Sending; see send.go.
	lane     lane
	out      queue
	part     int   // bytes of the first message that are on the wire
	sent     int64 // cost of all that was
	limit    int64 // that the peer allows
	wanting  bool  // the peer was asked to let the first message in
	full     bool  // OnWritable is owed
	writable bool  // OnWritable is due
	greet    int   // size of the open or accept frame that is to be sent
	kicked   bool  // is in network.kicked
	lineWait bool  // in way.waiting
	resets   bool  // the reset is to be sent

	peerWindow int64

	draining bool
	bye      wire.Reason // of the drain
	byeSent  bool
	finDue   bool // the peer's goodbye was taken; its confirmation follows ours
	acked    bool // the peer took everything up to our goodbye

	// Receiving; see receive.go.
	in      []item
	inHead  int
	due     int   // of those, how many the present turn still delivers
	window  int64 // the peer may have so much sent that the handler did not take
	held    int64 // cost of what waits
	taken   int64 // and of what the handler took
	granted int64 // what the peer may send in all
	excess  int64 // by how much held and credit are over the window, for a large message
	want    int64 // cost of the message that the peer asks to be let in; 0: none
	largest int64 // of all that it asked for
}

var _ runtime.Link = (*Link)(nil)

func newLink(t *Transport, to peerID, proto runtime.Protocol) *Link {
	l := &Link{t: t, peer: to, proto: proto.Name, most: proto.Limit()}
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
	if l.port == nil { // an accepted link that is refused
		l.Close(r)
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
		if l.t.stopping {
			l.t.reason = wire.DrainTimeout
		}
		l.Close(wire.DrainTimeout)
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
		r = wire.Overloaded // no place
	}
	l.Close(r)
}

// again makes an unanswered link as new, for another session.
func (l *Link) again() {
	l.tries++
	l.s, l.twin, l.state, l.greet, l.counts = nil, nil, waiting, 0, false
	l.lineWait = false
	l.lane.reset()
}

// finish ends this end of the link and has OnClosed posted.
func (l *Link) finish(c runtime.Closed) {
	if l.state == closed {
		return
	}
	was := l.state
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
		s.unlink(l, was)
	} else if l.s == nil {
		if p := l.t.peers[l.peer]; p != nil {
			p.waiting = slices.DeleteFunc(p.waiting, func(other *Link) bool { return other == l })
		}
	}
	l.in, l.inHead = nil, 0
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

// unlink takes l, which was in a stage, off the session's lists.
func (s *session) unlink(l *Link, was int) {
	same := func(other *Link) bool { return other == l }
	s.links = slices.DeleteFunc(s.links, same)
	s.changeExcess(-l.excess)
	switch {
	case !l.opener && l.counts:
		s.accepted.Remove(l.proto)
	case !l.opener: // it was one too many
	case !l.counts:
		s.queued = slices.DeleteFunc(s.queued, same)
	default:
		s.opened.Remove(l.proto)
		if was == opening {
			s.greeting--
		}
		s.openQueued()
	}
	if len(s.links) == 0 {
		s.emptyAt = s.n.now()
		s.alive.set(s.emptyAt + int64(s.t.config.Linger))
	}
}

// maxOpening is how many links a side opens on a session at once, as in quicnet.
const maxOpening = 32

// open begins to open l on the session: at once, or when there is a place for it.
func (s *session) open(l *Link) {
	l.s = s
	l.lane.init(s, l.proto)
	s.links = append(s.links, l)
	l.deadline(int64(s.t.config.LinkTimeout))
	if !s.hasPlace(l.proto) {
		s.n.mark(MarkNoLink)
		s.queued = append(s.queued, l)
		return
	}
	l.open()
}

func (s *session) hasPlace(proto string) bool {
	return s.opened.Of(proto) < s.t.config.LinksPerPeer && s.greeting < maxOpening
}

// nextWindow is that of the session's newest link.
func (s *session) nextWindow() int64 {
	return int64(wire.Window(s.t.config.LinkWindow, len(s.links)))
}

func (l *Link) open() {
	l.s.opened.Add(l.proto, math.MaxInt, math.MaxInt)
	l.s.greeting++
	l.counts = true
	l.state = opening
	l.window = l.s.nextWindow()
	l.granted = l.window
	size := windowSize + len(l.proto)
	l.greet = headerSize(size) + size
	l.kick()
}

// openQueued opens the link that waited longest for a place.
func (s *session) openQueued() {
	i := slices.IndexFunc(s.queued, func(l *Link) bool { return s.hasPlace(l.proto) })
	if i >= 0 {
		l := s.queued[i]
		s.queued = slices.Delete(s.queued, i, i+1)
		l.open()
	}
}

// accept brings up the acceptor's end of a link.
func (s *session) accept(f *frame) {
	l := newLink(s.t, s.peer, runtime.Protocol{Name: f.link.proto})
	l.s, l.twin, f.link.twin = s, f.link, l
	l.lane.init(s, l.proto)
	l.state = open
	s.t.add(l)
	s.links = append(s.links, l)
	most := s.t.config.LinksPerPeer
	all := most + wire.SpareLinks
	if s.t.known == nil || !s.t.known(s.peer) {
		all = min(all, wire.StrangerLinks)
	}
	l.counts = s.accepted.Add(l.proto, most, all)
	s.t.unbound++
	l.peerWindow, l.limit = f.limit, f.limit
	l.window = s.nextWindow()
	l.granted = l.window
	listener := s.t.listeners[l.proto]
	if listener != nil {
		l.most = listener.protocol.Limit()
	}
	switch {
	case listener == nil:
		l.Close(wire.UnknownProtocol)
	case s.t.unbound > s.t.config.MaxUnbound || !l.counts:
		l.Close(wire.Overloaded)
	default:
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
	from.lane.clear()
	if l := from.twin; l != nil { // else the reset overtook the open frame
		l.finish(closedBy(f.reason, false))
	}
}

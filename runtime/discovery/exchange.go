package discovery

import (
	"fmt"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// role is the part that this node plays on a link.
type role uint8

const (
	asking    role = iota // opened it
	answering             // the peer opened it
)

// errSlow: the peer answered, and the exchange took too long all the same.
var errSlow = fmt.Errorf("exchange takes too long: %w", wire.Overloaded)

// An exchange that goes on may take longer than SyncTimeout, up to patience times as long: a
// peer has SyncTimeout to answer, and as long as what it is sent takes at slowest bytes a
// second.
const (
	patience = 12
	slowest  = 16 << 10
)

// exchange is one link of Protocol, and its handler.
type exchange struct {
	w        *worker
	peer     ident.PeerID
	role     role
	link     runtime.Link
	timer    runtime.Timer
	deadline time.Duration // Mono

	catalog *Catalog      // what is compared: this node's when it began
	taken   time.Duration // Mono of that
	box     outbox
	unsent  []byte // a message that the link had no room for
	opened  bool
	heard   bool // the first message came
	ending  bool // draining
	begun   bool // SyncStarted was reported
	over    bool // there is nothing more to say
	owed    int  // bytes that were sent since the peer said something
	turns   int  // that the peer had
	wanted  int
	spanned int      // ranges that the peer named in its turn
	edges   [2]*span // the last ones of those: in short, in full
	bytes   int
	entries int64         // received
	until   time.Duration // Mono at which it ends, whatever happens
	closed  func(error)
}

func (w *worker) newExchange(peer ident.PeerID, r role, within time.Duration) *exchange {
	w.open++
	now := w.env.Clock.Mono()
	x := &exchange{w: w, peer: peer, role: r, deadline: now + within, until: now + patience*within}
	x.timer = w.env.Clock.AfterFunc(w.strand, within, func() { x.link.Close(wire.HandshakeTimeout) })
	return x
}

// exchangeWith opens a link to compare and exchange catalogs.
func (w *worker) exchangeWith(peer ident.PeerID, addrs []string, closed func(error)) *exchange {
	x := w.newExchange(peer, asking, w.cfg.SyncTimeout)
	x.closed = closed
	x.look()
	x.box = outbox{budget: maxExchangeBytes, turn: true, words: w.against(peer)}
	x.opening()
	x.link = w.env.Transport.Dial(peer, addrs, control(Protocol), w.strand, x)
	x.pump()
	return x
}

// listen takes the links that others open.
func (w *worker) listen() error {
	for _, l := range []struct {
		protocol string
		accept   func(runtime.Link)
	}{{Protocol, w.accept}, {GossipProtocol, w.acceptNeighbour}, {PingProtocol, w.acceptPing}} {
		stop, err := w.env.Transport.Listen(control(l.protocol), w.strand, l.accept)
		if err != nil {
			return err
		}
		w.unlisten = append(w.unlisten, stop)
	}
	return nil
}

// accept gives a link one of a bounded number of places, for a bounded time, so
// that a silent peer costs no more than that.
func (w *worker) accept(link runtime.Link) {
	peer, same := link.Peer(), 0
	for _, x := range w.inward {
		if x.peer == peer {
			same++
		}
	}
	switch {
	case w.stopping:
		link.Close(wire.GracefulShutdown)
	case !w.trusted(peer):
		link.Close(wire.ProtocolViolation)
	case w.env.Buggify("discovery/overloaded"):
		link.Close(wire.Overloaded)
	case same >= maxInboundPerPeer || !w.source(peer).exchanges.Allow(w.env.Clock.Mono(), openEvery, openBurst):
		link.Close(wire.Overloaded)
	case len(w.inward) >= maxInbound || w.env.Buggify("discovery/redirect"):
		w.redirect(link)
	default:
		x := w.newExchange(peer, answering, w.cfg.SyncTimeout)
		x.link, x.opened = link, true
		x.closed = func(err error) {
			w.inward = slices.DeleteFunc(w.inward, func(other *exchange) bool { return other == x })
			if err == nil {
				w.contact(peer, nil)
			}
		}
		w.inward = append(w.inward, x)
		link.Bind(w.strand, x)
	}
}

// OnOpen implements runtime.Handler.
func (x *exchange) OnOpen() {
	x.opened = true
	if x.role == asking {
		x.begin()
	}
	x.measure()
	x.pump()
}

// look takes the catalog as it is now for what is compared.
func (x *exchange) look() {
	x.catalog, x.taken = x.w.peers.base, x.w.env.Clock.Mono()
}

// begin reports that catalogs are being exchanged.
func (x *exchange) begin() {
	x.begun = true
	x.w.env.Report(&event.Event{Kind: event.SyncStarted, Peer: x.peer, From: uint64(x.role), N: int64(x.w.env.Clock.Mono() - x.taken)})
}

// OnMessage implements runtime.Handler.
func (x *exchange) OnMessage(b []byte) {
	if x.w.stopping || x.ending {
		return
	}
	x.bytes += len(b)
	x.owed = 0
	x.goesOn()
	m, err := parseMessage(b)
	switch {
	case err != nil || x.box.turn:
		x.link.Close(wire.ProtocolViolation)
		return
	case x.bytes > 2*maxExchangeBytes: // entries and departures
		x.link.Close(wire.TooLarge)
		return
	}
	if !x.heard {
		x.heard = true
		err = x.meet(m)
	}
	if err == nil {
		err = x.ranges(m)
	}
	if err != nil {
		x.link.Close(wire.ProtocolViolation)
		return
	}
	if m.unknown() {
		x.w.passOver("discovery-unknown-message")
		return
	}
	if !x.merge(m) {
		return
	}
	x.measure()
	if m.Last {
		x.turn()
	}
	x.pump()
}

// meet looks at the first message of a link that the peer opened, which begins a
// comparison of catalogs.
func (x *exchange) meet(m *message) error {
	if x.role == asking {
		return nil
	}
	if !m.compares() {
		return wire.ErrDecode
	}
	x.look()
	x.begin()
	x.box = outbox{budget: maxExchangeBytes, words: x.w.against(x.peer)}
	return nil
}

// ranges answers what the peer says about ranges, and about what it wants.
func (x *exchange) ranges(m *message) error {
	x.spanned += len(m.Spans) + len(m.Lists)
	if x.spanned > 2*maxSpans {
		return wire.ErrDecode
	}
	for i := range m.Spans {
		if err := m.Spans[i].follows(x.edges[0]); err != nil {
			return err
		}
		x.edges[0] = &m.Spans[i].span
		x.compare(m.Spans[i])
	}
	for i := range m.Lists {
		if err := m.Lists[i].follows(x.edges[1]); err != nil {
			return err
		}
		x.edges[1] = &m.Lists[i].span
		x.settle(m.Lists[i])
	}
	for _, id := range m.Wants {
		x.serve(id)
	}
	return nil
}

// turn follows the end of the peer's turn: an answer, though it may say nothing,
// or the end, which is for whoever opened the link to see.
func (x *exchange) turn() {
	x.turns++
	x.spanned, x.edges = 0, [2]*span{}
	switch {
	case x.turns > maxTurns:
		x.link.Close(wire.ProtocolViolation)
	case x.role == asking && x.box.empty():
		x.over = true
	default:
		x.box.turn = true
	}
}

// merge takes what a message carries. It is false if the peer was cut off for
// what it sent.
func (x *exchange) merge(m *message) bool {
	x.entries += int64(len(m.Entries))
	if !x.w.mergeAll(x.peer, m.Departures, m.Suspicions, m.Entries, nil, x.take) {
		x.link.Close(wire.ProtocolViolation)
		return false
	}
	return true
}

// take takes one entry. Whoever holds that of a peer that left, or does not answer,
// is told.
func (x *exchange) take(s *Signed, from ident.PeerID) error {
	w := x.w
	err := w.merge(s, from)
	if err == nil && len(w.hidden)+len(w.tombstones.held) > 0 {
		x.object(s.Entry.Peer, s.Entry.Version)
	}
	return err
}

// OnWritable implements runtime.Handler.
func (x *exchange) OnWritable() { x.pump() }

// goesOn gives the exchange more time, for the peer said something, or has much to read:
// a large difference takes long on a thin line.
func (x *exchange) goesOn() {
	now := x.w.env.Clock.Mono()
	x.deadline = min(x.until, now+x.w.cfg.SyncTimeout+time.Duration(x.owed)*time.Second/slowest)
	x.timer.Reset(max(0, x.deadline-now))
}

// pump sends as much as the link takes, and ends the link when the node opened
// it and both sides are done.
func (x *exchange) pump() {
	if x.ending {
		return
	}
	for x.fill() {
		if n, _ := x.link.Send(x.unsent); n == 0 {
			return // OnWritable or OnClosed follows
		}
		x.owed += len(x.unsent)
		x.unsent = nil
		if x.opened {
			x.goesOn()
		}
	}
	if x.opened && x.over {
		x.ending = true
		x.link.Drain(wire.Finished, max(0, x.deadline-x.w.env.Clock.Mono()))
	}
}

// fill makes the next message ready and tells whether there is one.
func (x *exchange) fill() bool {
	if x.unsent == nil {
		x.unsent = x.box.next(x.w.env.Buggify("discovery/short-message"))
	}
	return x.unsent != nil
}

// measure hands the session's round trip to the tracker.
func (x *exchange) measure() {
	if s := x.link.Session(); s != nil {
		x.w.sample(x.peer, s.RTT())
		x.w.commit()
	}
}

// OnClosed implements runtime.Handler.
func (x *exchange) OnClosed(c runtime.Closed) {
	x.timer.Stop()
	if x.begun {
		x.w.env.Report(&event.Event{Kind: event.SyncEnded, Peer: x.peer, From: uint64(x.role), N: x.entries, Reason: c.Reason})
	}
	x.w.open--
	x.closed(x.outcome(c))
	x.w.settle()
}

// outcome is nil if both sides have what the other held. Only the side that
// drained the link knows that the other took everything.
func (x *exchange) outcome(c runtime.Closed) error {
	ok := x.ending && c.Drained
	if x.role == answering {
		ok = x.turns > 0 && c.Reason == wire.Finished
	}
	switch {
	case ok:
		return nil
	case x.heard && c.Local && c.Reason == wire.HandshakeTimeout:
		return errSlow
	}
	return c
}

package discovery

import (
	"errors"
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
	asking    role = iota // opened it to exchange catalogs
	pushing               // opened it to tell news
	answering             // the peer opened it
)

// exchange is one link of Protocol, and its handler.
type exchange struct {
	w        *worker
	peer     ident.PeerID
	role     role
	link     runtime.Link
	timer    runtime.Timer
	deadline time.Duration // Mono

	digest  [digestSize]byte // what was sent
	box     *outbox          // nil: nothing to send
	unsent  []byte           // a message that the link had no room for
	opened  bool
	heard   bool // the first message came
	gotAll  bool // the peer said that it has nothing more
	equal   bool // the digests were the same
	ending  bool // draining
	begun   bool // SyncStarted was reported
	bytes   int
	entries int64 // received
	forged  int
	reports int // refusals that may still be reported
	closed  func(error)
}

func (w *worker) newExchange(peer ident.PeerID, r role, within time.Duration) *exchange {
	w.open++
	x := &exchange{w: w, peer: peer, role: r, deadline: w.env.Clock.Mono() + within, reports: maxRefused}
	x.timer = w.env.Clock.AfterFunc(w.strand, within, func() { x.link.Close(wire.HandshakeTimeout) })
	return x
}

// exchangeWith opens a link to compare and exchange catalogs.
func (w *worker) exchangeWith(peer ident.PeerID, addrs []string, closed func(error)) *exchange {
	x := w.newExchange(peer, asking, w.cfg.SyncTimeout)
	x.closed = closed
	x.digest = w.d.Catalog().digest()
	x.link = w.env.Transport.Dial(peer, addrs, Protocol, w.strand, x)
	x.unsent = wire.MustMarshal(message{Digest: x.digest[:]})
	x.pump()
	return x
}

// push opens a link to tell what is in box.
func (w *worker) push(peer ident.PeerID, box *outbox, within time.Duration) {
	x := w.newExchange(peer, pushing, within)
	x.box = box
	x.closed = func(err error) {
		if w.pushes[peer] == x {
			delete(w.pushes, peer)
		}
		w.contact(peer, err)
	}
	w.pushes[peer] = x
	x.link = w.env.Transport.Dial(peer, w.addrs(peer, nil), Protocol, w.strand, x)
	x.pump()
}

// listen takes the links that others open.
func (w *worker) listen() error {
	for _, l := range []struct {
		protocol string
		accept   func(runtime.Link)
	}{{Protocol, w.accept}, {PingProtocol, w.acceptPing}} {
		stop, err := w.env.Transport.Listen(l.protocol, w.strand, l.accept)
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
	case len(w.inward) >= maxInbound || same >= maxInboundPerPeer:
		link.Close(wire.Overloaded)
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

// contact notes how a contact with a peer of the catalog went.
func (w *worker) contact(peer ident.PeerID, err error) {
	switch f := w.failures[peer]; {
	case err == nil:
		delete(w.failures, peer)
	case w.peers[peer] == nil || w.stopping:
	case f == nil:
		f = &backoff{}
		w.failures[peer] = f
		f.fail(w)
	default:
		f.fail(w)
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

// begin reports that catalogs are being exchanged.
func (x *exchange) begin() {
	x.begun = true
	x.w.env.Report(event.Event{Kind: event.SyncStarted, Peer: x.peer})
}

// OnMessage implements runtime.Handler.
func (x *exchange) OnMessage(b []byte) {
	if x.w.stopping || x.ending {
		return
	}
	x.bytes += len(b)
	m, err := parseMessage(b)
	switch {
	case err != nil || x.role == pushing || x.gotAll:
		x.link.Close(wire.ProtocolViolation)
		return
	case x.bytes > 2*maxExchangeBytes: // entries and departures
		x.link.Close(wire.TooLarge)
		return
	}
	if !x.heard {
		x.heard = true
		if !x.meet(m) {
			return
		}
	}
	if x.merge(m) {
		x.gotAll = x.gotAll || m.Last
		x.measure()
		x.pump()
	}
}

// meet looks at the first message and decides what to send. It is false if the
// peer broke the protocol.
func (x *exchange) meet(m *message) bool {
	switch {
	case m.Digest == nil && x.role == asking:
		x.link.Close(wire.ProtocolViolation)
		return false
	case m.Digest == nil:
		return true // a push
	case x.role == answering:
		x.begin()
		x.digest = x.w.d.Catalog().digest()
		x.unsent = wire.MustMarshal(message{Digest: x.digest[:]})
	}
	x.equal = string(m.Digest) == string(x.digest[:])
	if !x.equal {
		x.box = x.w.everything()
	}
	return true
}

// everything packs the whole catalog, beginning with the own entry and then
// anywhere, so that what does not fit is another part each time.
func (w *worker) everything() *outbox {
	all := w.d.Catalog().peers
	i := w.strand.Rand("peers").IntN(len(all))
	box := &outbox{budget: maxExchangeBytes, departures: w.tombstones.list(w.env.Clock.Mono())}
	box.peers = append(make([]*Peer, 0, len(all)), w.peers[w.self])
	for _, p := range slices.Concat(all[i:], all[:i]) {
		if p.Entry.Peer != w.self && !p.Unsigned() {
			box.peers = append(box.peers, p)
		}
	}
	return box
}

// merge takes what a message carries. It is false if the peer was cut off for
// what it sent.
func (x *exchange) merge(m *message) bool {
	w := x.w
	w.mayReport = x.reports
	for _, news := range m.Departures {
		x.judge(w.mergeDeparture(news, x.peer))
	}
	for _, raw := range m.Entries {
		x.judge(w.mergeEntry(raw, x.peer))
	}
	x.entries += int64(len(m.Entries))
	x.reports, w.mayReport = w.mayReport, 0
	w.commit()
	if x.forged > maxRefused {
		x.link.Close(wire.ProtocolViolation)
		return false
	}
	return true
}

// judge counts what no correct peer forwards.
func (x *exchange) judge(err error) {
	if errors.Is(err, ErrSignature) || errors.Is(err, ErrMalformed) {
		x.forged++
	}
}

// OnWritable implements runtime.Handler.
func (x *exchange) OnWritable() { x.pump() }

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
		x.unsent = nil
	}
	answered := x.role == pushing || x.equal || x.gotAll
	if x.opened && x.role != answering && answered {
		x.ending = true
		x.link.Drain(wire.Finished, max(0, x.deadline-x.w.env.Clock.Mono()))
	}
}

// fill makes the next message ready and tells whether there is one.
func (x *exchange) fill() bool {
	if x.unsent == nil && x.box != nil {
		x.unsent = x.box.next()
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
		x.w.env.Report(event.Event{Kind: event.SyncEnded, Peer: x.peer, N: x.entries, Reason: c.Reason})
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
		ok = (x.gotAll || x.equal) && c.Reason == wire.Finished
	}
	if ok {
		return nil
	}
	return c
}

package discovery

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Every node keeps links to a few peers drawn from its catalog, and takes those of
// others: its neighbours. They carry news at once (gossip.go), and their end is how
// the crash of a node is noticed (detector.go). That is the active view of HyParView
// (Leitão, Pereira, Rodrigues, DSN 2007); its passive view is the catalog.
const (
	// degree is how many neighbours a node chooses itself. A network in which each
	// node chooses three at random is connected as good as always, and each node
	// has three others that notice its end.
	degree = 3
	// maxChosenBy bounds the neighbours that chose this node: three on average.
	maxChosenBy = 12
	// maxStrangers bounds those among them that showed no entry yet. They have
	// SyncTimeout to do so.
	maxStrangers = 4
	// rotation is after how many ticks, on average, a node chooses one of its
	// neighbours anew, so that what was chosen from a small catalog, or within a
	// part of the network, does not stay.
	rotation = 8
	// refill is the mean wait before a lost neighbour is replaced.
	refill = 200 * time.Millisecond
)

// neighbour is one link of GossipProtocol, and its handler.
type neighbour struct {
	w      *worker
	peer   ident.PeerID
	link   runtime.Link
	chosen bool // by this node
	open   bool
	ending bool
	// eager: news goes to it whole, and not by name.
	eager bool
	// full: it does not take what it is told. It gets nothing more until it does,
	// and then the catalogs are compared.
	full  bool
	names []*Peer // of news, not told yet
	// stale: the catalogs are to be compared once more, when the exchange under way
	// ends, or at a tick.
	stale bool

	leaves   bool          // it said so
	rest     func()        // says the rest of the farewell, for which the link had no room; nil: nothing is left
	patience runtime.Timer // with which it waits for room for that, and before that for the entry of a peer
	resume   runtime.Timer // reads on, after the peer said much
}

// neighbours are links to peers, at most one for each, in the order in which they
// came. The list is replaced, never written into.
type neighbours []*neighbour

// of gives the link to a peer, nil if there is none.
func (ns neighbours) of(peer ident.PeerID) *neighbour {
	for _, n := range ns {
		if n.peer == peer {
			return n
		}
	}
	return nil
}

func (ns neighbours) without(n *neighbour) neighbours {
	return slices.DeleteFunc(slices.Clone(ns), func(o *neighbour) bool { return o == n })
}

// each calls f for those that can be told something.
func (ns neighbours) each(f func(*neighbour)) {
	for _, n := range ns {
		if n.open && !n.ending {
			f(n)
		}
	}
}

// chosen counts those that this node chose.
func (ns neighbours) chosen() (count int) {
	for _, n := range ns {
		if n.chosen {
			count++
		}
	}
	return count
}

// fill chooses neighbours until there are enough.
func (w *worker) fill() {
	if w.stopping {
		return
	}
	w.befriend(degree - w.neighbours.chosen())
}

// fillSoon does so after a while.
func (w *worker) fillSoon() {
	if !w.filling && !w.stopping {
		w.filling = true
		wait := w.strand.Rand("interval").Duration(refill/2, refill*3/2)
		if w.env.Buggify("discovery/late-refill") {
			wait *= 10
		}
		w.agenda.in(wait, func() {
			w.filling = false
			w.fill()
		})
	}
}

// rotate chooses one more now and then; when it is there, the oldest goes.
func (w *worker) rotate() {
	if w.neighbours.chosen() == degree && (w.strand.Rand("peers").IntN(rotation) == 0 || w.env.Buggify("discovery/rotate")) {
		w.befriend(1)
	}
}

// befriend chooses up to count more neighbours.
func (w *worker) befriend(count int) {
	if count <= 0 {
		return
	}
	for _, id := range w.choose(count, func(id ident.PeerID) bool { return w.neighbours.of(id) == nil }) {
		w.approach(id)
	}
}

// approach opens the link to a neighbour that this node chose.
func (w *worker) approach(id ident.PeerID) *neighbour {
	n := w.newNeighbour(id)
	n.chosen = true
	n.link = w.env.Transport.Dial(id, w.addrs(id, nil), control(GossipProtocol), w.strand, n)
	return n
}

func (w *worker) newNeighbour(peer ident.PeerID) *neighbour {
	w.open++
	n := &neighbour{w: w, peer: peer, eager: true}
	w.neighbours = append(slices.Clone(w.neighbours), n)
	return n
}

// acceptNeighbour takes the link of a peer that chose this node. If both chose each
// other, the link that the smaller id opened stays, as with sessions.
func (w *worker) acceptNeighbour(link runtime.Link) {
	old := w.neighbours.of(link.Peer())
	switch {
	case w.stopping:
		link.Close(wire.GracefulShutdown)
		return
	case !w.trusted(link.Peer()):
		link.Close(wire.ProtocolViolation)
		return
	case old != nil && old.chosen && w.self.Compare(old.peer) < 0:
		link.Close(wire.Duplicate)
		return
	case !w.source(link.Peer()).neighbours.Allow(w.env.Clock.Mono(), openEvery, openBurst):
		link.Close(wire.Overloaded)
		return
	case old == nil && (len(w.neighbours)-w.neighbours.chosen() >= maxChosenBy || w.signed(link.Peer()) == nil && w.strangers() >= maxStrangers):
		link.Close(wire.Overloaded)
		return
	case old != nil:
		old.end(wire.Duplicate)
	}
	n := w.newNeighbour(link.Peer())
	n.link, n.open = link, true
	link.Bind(w.strand, n)
	n.patience = w.env.Clock.AfterFunc(w.strand, w.cfg.SyncTimeout, n.onPatience)
}

// onPatience ends the link of a peer that has not shown its entry.
func (n *neighbour) onPatience() {
	if n.w.signed(n.peer) == nil {
		n.link.Close(wire.UnknownPeer)
	}
}

// strangers counts the neighbours whose entry this node does not have yet.
func (w *worker) strangers() (count int) {
	for _, n := range w.neighbours {
		if w.signed(n.peer) == nil {
			count++
		}
	}
	return count
}

// OnOpen implements runtime.Handler. What the two know is compared once, so that
// neighbours differ only in what is on its way: at once, or at one of the next ticks if
// this node just did so with another and much is on its way.
func (n *neighbour) OnOpen() {
	n.open = true
	w := n.w
	if w.stopping {
		return
	}
	w.contact(n.peer, nil)
	if n.stale = w.much && w.env.Clock.Mono()-w.synced < w.cfg.SyncInterval; !n.stale {
		w.meet(n.peer)
	}
	if w.neighbours.chosen() <= degree {
		return
	}
	oldest := w.neighbours[slices.IndexFunc(w.neighbours, func(o *neighbour) bool { return o.chosen && o.open })]
	if oldest != n {
		oldest.end(wire.Finished)
	}
}

// end ends the link in order. Nothing is told over it any more.
func (n *neighbour) end(r wire.Reason) {
	n.w.neighbours = n.w.neighbours.without(n)
	n.ending = true
	if n.open {
		n.link.Drain(r, n.w.cfg.DepartureWindow)
	} else {
		n.link.Close(r)
	}
}

// tell sends what is in a bag.
func (n *neighbour) tell(b bag) {
	n.send(b.messages())
}

// send sends messages.
func (n *neighbour) send(messages [][]byte) {
	if n.full || n.ending || !n.open || len(messages) == 0 {
		return
	}
	sent, err := n.link.Send(messages...)
	if err != nil && sent < len(messages) {
		n.full = true
	}
}

// OnWritable implements runtime.Handler.
func (n *neighbour) OnWritable() {
	if n.rest != nil {
		n.rest()
		return
	}
	if n.full {
		n.full = false
		n.w.meet(n.peer)
	}
}

func stopTimer(t runtime.Timer) {
	if t != nil {
		t.Stop()
	}
}

// OnMessage implements runtime.Handler.
func (n *neighbour) OnMessage(b []byte) {
	r, err := n.w.read(b)
	if n.w.stopping {
		n.leaves = n.leaves || err == nil && r.departs(n.peer)
		return
	}
	if err != nil {
		n.link.Close(wire.ProtocolViolation)
		return
	}
	n.hear(r)
	if wait := n.w.source(n.peer).said.Spend(n.w.env.Clock.Mono(), kibEvery, kibBurst, 1+len(b)>>10); wait > 0 {
		n.link.Pause()
		stopTimer(n.resume)
		n.resume = n.w.env.Clock.AfterFunc(n.w.strand, wait, n.link.Resume)
	}
}

// OnClosed implements runtime.Handler.
func (n *neighbour) OnClosed(c runtime.Closed) {
	w := n.w
	stopTimer(n.patience)
	stopTimer(n.resume)
	w.open--
	w.neighbours = w.neighbours.without(n)
	if !n.ending {
		w.contact(n.peer, c)
		switch c.Reason {
		case wire.Duplicate, wire.Finished, wire.Overloaded, wire.GracefulShutdown: // the peer meant this link
		default:
			w.look(n.peer)
		}
	}
	w.fillSoon()
	if w.stopping {
		w.parted(n, c)
	}
	w.settle()
}

// linked tells whether a peer is a neighbour that is there, and is not to end.
func (w *worker) linked(peer ident.PeerID) bool {
	n := w.neighbours.of(peer)
	return n != nil && n.open && !n.ending
}

package discovery

import (
	"errors"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// A node that stops says farewell to its neighbours and to some others. One peer that stays is
// enough: it tells all others. Where many nodes leave at once the node goes on until it has
// found one.

// maxPartings bounds how often a node says farewell.
const maxPartings = 64

// parting is the farewell of a node.
type parting struct {
	farewell [][]byte
	until    time.Duration // Mono
	told     map[ident.PeerID]bool
	tries    int
	heard    bool // a peer that stays took it
}

// leaveNeighbours tells all neighbours that this node leaves, and ends the links. It
// tells others besides, for it may not have noticed yet that neighbours are out of reach.
func (w *worker) leaveNeighbours(b bag) {
	w.befriend(degree)
	w.parting = parting{farewell: b.messages(), until: w.env.Clock.Mono() + w.cfg.DepartureWindow, told: map[ident.PeerID]bool{}}
	for _, n := range w.neighbours {
		w.part(n)
	}
}

// part says farewell to a neighbour.
func (w *worker) part(n *neighbour) {
	w.parting.told[n.peer] = true
	w.parting.tries++
	n.ending = true
	n.leave(w.parting.farewell)
}

// parted follows the end of a link with a farewell. If the peer did not take that, or leaves
// too, two others are told.
func (w *worker) parted(n *neighbour, c runtime.Closed) {
	p := &w.parting
	switch {
	case c.Drained && !n.leaves:
		p.heard = true
	case c.Reason == wire.Overloaded: // it may have room later
		delete(p.told, n.peer)
	}
	if p.heard || p.tries >= maxPartings || w.env.Clock.Mono() >= p.until {
		return
	}
	for _, id := range w.choose(2, func(id ident.PeerID) bool { return !p.told[id] }) {
		w.part(w.approach(id))
	}
}

// leave says farewell to a neighbour and ends the link. What the link has no room for follows
// when it has.
func (n *neighbour) leave(farewell [][]byte) {
	w := n.w
	stopTimer(n.patience)
	n.rest = nil
	sent, err := n.link.Send(farewell...)
	left := w.parting.until - w.env.Clock.Mono()
	if !errors.Is(err, runtime.ErrFull) {
		n.link.Drain(wire.GracefulShutdown, left)
		return
	}
	n.patience = w.env.Clock.AfterFunc(w.strand, left, func() { n.link.Close(wire.DrainTimeout) })
	n.rest = func() { n.leave(farewell[sent:]) }
}

package discovery

import (
	"errors"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// ErrSigned says that the peer has a signed entry, which an unsigned one does not
// replace.
var ErrSigned = errors.New("peer has a signed entry")

// maxUnsigned bounds the unsigned entries.
const maxUnsigned = 1 << 10

// trust takes an unsigned entry into the next catalog.
func (w *worker) trust(e *Entry) error {
	known := w.peers.get(e.Peer)
	switch {
	case w.stopping:
		return runtime.ErrStopped
	case e.Peer == w.self:
		return ErrSelf
	case e.Network != w.cfg.Network:
		return wire.DifferentNetwork
	case known != nil && !known.Unsigned():
		return ErrSigned
	case known == nil && (w.peers.n >= w.cfg.MaxPeers || w.unsigned >= maxUnsigned):
		return ErrCatalogFull
	}
	if err := w.cfg.Limits.check(e, 0); err != nil {
		return err
	}
	for _, addr := range e.Addrs {
		if err := w.cfg.checkDialable(addr); err != nil {
			return err
		}
	}
	if known == nil {
		w.unsigned++
		w.env.Report(&event.Event{Kind: event.PeerDiscovered, Peer: e.Peer, From: uint64(e.Version.Started), To: uint64(e.Version.Updated)})
	}
	p := newPeer(e, nil)
	w.peers.set(e.Peer, &p)
	return nil
}

// distrust takes out unsigned entries.
func (w *worker) distrust(which func(ident.PeerID) bool) {
	w.commit()
	for p := range w.peers.base.All() {
		if id := p.Entry.Peer; p.Unsigned() && which(id) {
			w.drop(id)
			w.env.Report(&event.Event{Kind: event.PeerDeparted, Peer: id})
		}
	}
	w.commit()
}

// signed gives what is known of a peer by its own signature, nil for nothing.
func (w *worker) signed(peer ident.PeerID) *Peer {
	if p := w.peers.get(peer); p != nil && !p.Unsigned() {
		return p
	}
	return nil
}

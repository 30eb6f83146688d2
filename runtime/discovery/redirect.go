package discovery

import (
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// A node that has no place left for an exchange names others instead, so that a crowd
// that knows one address spreads over the network and does not queue there.
const (
	// redirected is how many members are named, this node among them.
	redirected = 8
	// maxRedirects bounds how many are told at once, for redirectWithin each.
	maxRedirects   = 1024
	redirectWithin = time.Second
)

// redirection is a link that gets one message and no place.
type redirection struct {
	w     *worker
	peer  ident.PeerID
	heard bool
}

var _ runtime.Handler = (*redirection)(nil)

// redirect names some members to a peer that asks for an exchange.
func (w *worker) redirect(link runtime.Link) {
	if w.redirects >= maxRedirects || !w.source(link.Peer()).exchanges.Allow(w.env.Clock.Mono(), openEvery, openBurst) {
		link.Close(wire.Overloaded)
		return
	}
	w.redirects++
	w.open++
	box := outbox{budget: maxExchangeBytes, turn: true}
	box.addPeer(w.peers.get(w.self))
	for _, id := range w.choose(redirected-1, func(id ident.PeerID) bool { return id != link.Peer() && w.signed(id) != nil }) {
		box.addPeer(w.signed(id))
	}
	link.Bind(w.strand, &redirection{w: w, peer: link.Peer()})
	_, _ = link.Send(box.next(false))
	link.Drain(wire.Overloaded, redirectWithin)
}

// OnOpen is not called for accepted links.
func (*redirection) OnOpen() {}

// OnMessage takes the entry that the peer may have brought, and passes over what it
// wanted.
func (r *redirection) OnMessage(b []byte) {
	w := r.w
	m, err := parseMessage(b)
	if err != nil || r.heard || w.stopping {
		return
	}
	r.heard = true
	for _, raw := range m.Entries[:min(1, len(m.Entries))] {
		_ = w.mergeEntry(raw, r.peer) // reported
	}
	w.commit()
}

// OnWritable implements runtime.Handler: one message always fits.
func (*redirection) OnWritable() {}

// OnClosed implements runtime.Handler.
func (r *redirection) OnClosed(runtime.Closed) {
	r.w.redirects--
	r.w.open--
	r.w.settle()
}

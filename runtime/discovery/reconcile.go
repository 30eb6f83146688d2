package discovery

import (
	"bytes"

	"github.com/smalti/smalti/runtime/ident"
)

// maxWants is how many entries one exchange may ask for.
const maxWants = 1 << 14

// opening is how an exchange begins: with the whole catalog in short, or if it is
// small, in full, so that a node that joins is told everything at once. One that knows
// nobody brings its entry, for the other may have no more time than to take it.
func (x *exchange) opening() {
	if x.catalog.Len() == 1 {
		x.box.addPeer(x.w.peers.get(x.w.self))
	}
	if all := x.catalog.tally(span{}); all.n > maxListed {
		x.box.spans = append(x.box.spans, summarize(span{}, all))
	} else {
		x.box.lists = append(x.box.lists, list(span{}, x.catalog.within(span{})))
	}
}

// compare answers what the peer holds in a range, in short.
func (x *exchange) compare(s summary) {
	mine := x.catalog.tally(s.span)
	if int(s.Count) == mine.n && bytes.Equal(s.Print, mine.fingerprint()) {
		return
	}
	switch {
	case mine.n <= maxListed, mine.n <= min(mostListed, int(s.Count)/2):
		// Who holds much less than the other would find a difference in every part.
		x.box.lists = append(x.box.lists, list(s.span, x.catalog.within(s.span)))
	case len(x.box.spans)+branching <= maxSpans:
		x.box.spans = append(x.box.spans, x.catalog.cut(s.span)...)
	case mine.n <= mostListed:
		// So much differs that parts would not be equal either.
		x.box.lists = append(x.box.lists, list(s.span, x.catalog.within(s.span)))
	default:
		x.box.short = true
	}
}

// settle answers what the peer holds in a range, one by one: with what it lacks,
// and with what it should send.
func (x *exchange) settle(l listing) {
	mine := x.catalog.within(l.span)
	for i := range l.Held.len() {
		h := l.Held.at(i)
		for len(mine) > 0 && comparePeer(mine[0], h.Peer) < 0 {
			x.box.addPeer(mine[0])
			mine = mine[1:]
		}
		if len(mine) > 0 && mine[0].held.Peer == h.Peer {
			same := mine[0].held == h
			if mine = mine[1:]; same {
				continue // what became of it since this began is news, and told as such
			}
		}
		x.weigh(h)
	}
	for _, p := range mine {
		x.box.addPeer(p)
	}
}

// weigh compares one entry of the peer's with what this node knows by now.
func (x *exchange) weigh(h holding) {
	w := x.w
	known := w.signed(h.Peer)
	order := -1
	if known != nil {
		order = known.holding().compare(h)
	}
	switch {
	case order > 0:
		x.box.addPeer(known)
	case order == 0, x.object(h.Peer, h.Version):
	case h.Peer != w.self && w.ahead(h.Version), w.avoids.has(h, w.env.Clock.Mono()):
	case len(x.box.wants) < maxWants && x.wanted < maxWants:
		x.wanted++
		x.box.wants = append(x.box.wants, h.Peer)
	default:
		x.box.short = true
	}
}

// object tells a peer that lists an entry which this node knows to be over: the
// departure, or what is said against it. It is false if there is nothing to object.
func (x *exchange) object(id ident.PeerID, v Version) bool {
	w := x.w
	if w.tombstones.ends(id, v, w.env.Clock.Mono()) {
		x.box.addDeparture(w.tombstones.held[id].news(w.env.Clock.Mono()))
		return true
	}
	h := w.hidden[id]
	if h == nil || v.Compare(h.version) > 0 {
		return false
	}
	for _, word := range h.words {
		if x.box.spend(len(word.raw)) {
			x.box.words = append(x.box.words, word)
		}
	}
	return true
}

// serve answers what the peer wants.
func (x *exchange) serve(id ident.PeerID) {
	if p := x.w.signed(id); p != nil {
		x.box.addPeer(p)
	} else if s := x.w.tombstones.held[id]; s != nil {
		x.box.addDeparture(s.news(x.w.env.Clock.Mono()))
	}
}

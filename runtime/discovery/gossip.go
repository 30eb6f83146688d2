package discovery

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// News goes from neighbour to neighbour as in Plumtree (Leitão, Pereira, Rodrigues,
// "Epidemic Broadcast Trees", SRDS 2007): whole over the links of a tree, and by name
// over all others. Who gets nothing but what it has says so, and that link leaves the
// tree; who hears a name and then not the news asks for it, and that link joins the
// tree. A name is the peer and the version, so a catalog is all the memory that this
// needs. Departures and suspicions are small and rare, and go over every link.
const (
	// namesAfter is how long names of news wait for more, and missingAfter how long
	// news that was named may take to come by the tree.
	namesAfter   = 100 * time.Millisecond
	missingAfter = 250 * time.Millisecond
	// maxMissing bounds the news that one neighbour named and that is waited for; what
	// is beyond comes when catalogs are compared.
	maxMissing = 128
	// muchNews is how much news in one round makes the next wait muchDelay times as long: it
	// is cheaper together, and whoever gets so much does not wait for a single one.
	muchNews  = 32
	muchDelay = 4
	// maxWords bounds the suspicions that wait to be told.
	maxWords = 256
)

// gossip is what is to be told, and what is waited for.
type gossip struct {
	news    []item               // in the order in which this node learned it
	listed  map[ident.PeerID]int // where in news
	words   []word
	told    time.Duration // Mono of the last round of news
	much    bool          // that was in it
	telling bool          // a round is on the agenda
	naming  bool          // names are
	missing map[ident.PeerID]absence
	missed  bool         // asking for them is on the agenda
	strange runtime.GCRA // messages of later versions
}

// word is a suspicion to pass on, and who told it.
type word struct {
	*Suspicion
	from ident.PeerID
}

// absence is news that was named and did not come yet.
type absence struct {
	holding
	from ident.PeerID
}

// learned notes that what is known of peer changed, as from told, and that its
// past failures may be over. known: it had been known before.
func (w *worker) learned(peer, from ident.PeerID, known bool) {
	if w.stopping {
		return
	}
	w.excuse(peer)
	delete(w.missing, peer)
	for _, b := range w.boots {
		if b.Peer == peer && b.timer != nil && w.peers.get(peer) != nil {
			b.backoff = backoff{}
			w.try(b)
		}
	}
	if known && !w.source(peer).news.Allow(w.env.Clock.Mono(), newsEvery, newsBurst) {
		return // who changes so often is compared, and not passed on
	}
	i, listed := w.listed[peer]
	switch {
	case listed:
		w.news[i] = item{peer, from, w.signed(peer)}
	case len(w.news) <= maxNews: // one more than is told says that it is too much
		w.listed[peer] = len(w.news)
		w.news = append(w.news, item{peer, from, w.signed(peer)})
	}
	w.tellSoon()
}

// pass notes a suspicion to be told.
func (w *worker) pass(s *Suspicion, from ident.PeerID) {
	if len(w.words) < maxWords {
		w.words = append(w.words, word{s, from})
		w.tellSoon()
	}
}

// tellSoon begins a round of news: at once after a pause, so that single news is
// fast, and not before PushDelay after the last, so that much of it goes together.
func (w *worker) tellSoon() {
	if !w.telling && !w.stopping {
		w.telling = true
		delay := w.cfg.PushDelay
		if w.much || w.env.Buggify("discovery/late-news") {
			delay *= muchDelay
		}
		w.agenda.in(max(0, w.told+delay-w.env.Clock.Mono()), w.tell)
	}
}

// tell tells the neighbours what is new. What is too much to be told, as after the
// first exchange of a newcomer, is left to comparing catalogs.
func (w *worker) tell() {
	w.telling = false
	if w.stopping {
		return
	}
	w.told = w.env.Clock.Mono()
	about := w.news
	slices.SortFunc(about, func(a, b item) int { return compareIDs(a.of, b.of) }) // who reads it finds them next to each other
	w.much = len(about) > muchNews
	w.neighbours.each(func(n *neighbour) {
		b := w.pack(n, about)
		if len(about)+len(n.names) > maxNews {
			n.names, b.peers = nil, nil
			w.meetAgain(n)
		}
		n.tell(b)
	})
	w.news, w.listed = nil, emptied(w.listed)
	w.words = nil
}

// item is one thing to be told: of whom, from whom it is, and what the peer is now, nil if
// it left.
type item struct {
	of, from ident.PeerID
	peer     *Peer
}

// pack gives what a neighbour should hear.
func (w *worker) pack(n *neighbour, about []item) (b bag) {
	for _, s := range w.words {
		if s.from != n.peer {
			b.words = append(b.words, s.Suspicion)
		}
	}
	for _, x := range about {
		switch {
		case x.of == n.peer, x.from == n.peer:
		case x.peer == nil:
			if s := w.tombstones.held[x.of]; s != nil {
				b.departures = append(b.departures, s.news(w.env.Clock.Mono()))
			}
		case n.eager && !w.env.Buggify("discovery/names-only"):
			b.peers = append(b.peers, x.peer)
		default:
			n.names = append(n.names, x.peer.holding())
			w.nameSoon()
		}
	}
	return b
}

// nameSoon tells names after a while.
func (w *worker) nameSoon() {
	if !w.naming {
		w.naming = true
		w.agenda.in(namesAfter, func() {
			w.naming = false
			w.neighbours.each(func(n *neighbour) {
				n.tell(bag{names: n.names})
				n.names = nil
			})
		})
	}
}

// mergeAll takes what one message of a peer carries, the entries by take. It is false if
// the peer is to be cut off for what it sent; the rest is not looked at then.
func (w *worker) mergeAll(from ident.PeerID, departures []oldNews, suspicions, entries [][]byte, take func([]byte, ident.PeerID) error) bool {
	defer w.commit()
	for _, news := range departures {
		if w.blame(from, w.mergeDeparture(news, from)) {
			return false
		}
	}
	for _, raw := range suspicions {
		if w.blame(from, w.mergeSuspicion(raw, from)) {
			return false
		}
	}
	for _, raw := range entries {
		if w.blame(from, take(raw, from)) {
			return false
		}
	}
	return true
}

// hear takes what a neighbour tells.
func (n *neighbour) hear(r *rumour) {
	w := n.w
	if r.unknown() {
		w.passOver("discovery-unknown-rumour")
		return
	}
	before := w.taken
	if !w.mergeAll(n.peer, r.Departures, r.Suspicions, r.Entries, w.mergeEntry) {
		n.link.Close(wire.ProtocolViolation)
		return
	}
	if len(r.Entries) > 0 && w.taken == before && n.eager {
		n.eager = false
		n.tell(bag{prune: true})
	}
	if r.Prune {
		n.eager = false
	}
	w.miss(r.Names, n.peer)
	if len(r.Wants) > 0 {
		n.eager = true
		n.tell(w.wanted(r.Wants))
	}
}

// wanted gives the entries of peers, as far as there are any.
func (w *worker) wanted(ids []ident.PeerID) (b bag) {
	for _, id := range ids[:min(len(ids), maxMissing)] {
		if p := w.signed(id); p != nil {
			b.peers = append(b.peers, p)
		}
	}
	return b
}

// miss notes names of what this node does not have.
func (w *worker) miss(list names, from ident.PeerID) {
	if list.len() == 0 || w.env.Buggify("discovery/deaf-to-names") {
		return
	}
	room := maxMissing
	for _, a := range w.missing {
		if a.from == from {
			room--
		}
	}
	for i := 0; i < list.len() && room > 0; i++ {
		h := list.at(i)
		if _, known := w.missing[h.Peer]; !known && w.lacks(h) {
			w.missing[h.Peer] = absence{h, from}
			room--
		}
	}
	if !w.missed && len(w.missing) > 0 {
		w.missed = true
		w.agenda.in(missingAfter, w.graft)
	}
}

// lacks tells whether a version is one to ask for.
func (w *worker) lacks(h holding) bool {
	if h.Peer == w.self || w.ahead(h.Version) || w.avoids.has(h, w.env.Clock.Mono()) || w.tombstones.ends(h.Peer, h.Version, w.env.Clock.Mono()) {
		return false
	}
	if p := w.signed(h.Peer); p != nil {
		return p.holding().compare(h) < 0
	}
	hidden := w.hidden[h.Peer]
	return hidden == nil || hidden.peer.Entry.Version.Compare(h.Version) < 0
}

// graft asks for what did not come. Each is asked for once: comparing catalogs
// brings the rest.
func (w *worker) graft() {
	w.missed = false
	asked := map[ident.PeerID][]ident.PeerID{}
	for _, id := range sortedIDs(w.missing) {
		m := w.missing[id]
		if w.lacks(m.holding) {
			asked[m.from] = append(asked[m.from], id)
		}
	}
	w.missing = emptied(w.missing)
	w.neighbours.each(func(n *neighbour) {
		if wants := asked[n.peer]; len(wants) > 0 {
			n.eager = true
			n.tell(bag{wants: wants})
		}
	})
}

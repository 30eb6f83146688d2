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
	// maxMissing bounds the news that is named to one neighbour at once, and the news that
	// one named and that is waited for; what is beyond comes when catalogs are compared.
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
	news    []*news
	fresh   int // peers in news
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
	from []ident.PeerID // neighbours that named it and were not asked, the first one first, up to maxNamers
}

// maxNamers is the number of neighbours that are remembered for each missing entry.
const maxNamers = 3

// news is what one peer told since the last round, or this node learned itself.
type news struct {
	from   ident.PeerID
	peers  []*Peer        // who came, or changed
	left   []ident.PeerID // who left
	frames [][]byte       // all of it, once somebody is told
}

// about tells whether there is anything of a peer in sorted news.
func (x *news) about(peer ident.PeerID) bool {
	_, here := slices.BinarySearchFunc(x.peers, peer, comparePeer)
	return here || slices.Contains(x.left, peer)
}

// learned notes that what is known of peer changed, as from told, to p, nil if it is gone or
// nobody signed that; its past failures may be over. known: it had been known before.
func (w *worker) learned(peer ident.PeerID, p *Peer, from ident.PeerID, known bool) {
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
	if w.fresh <= maxNews { // one more than is told says that it is too much
		w.fresh++
		x := w.newsFrom(from)
		if p == nil {
			x.left = append(x.left, peer)
		} else {
			x.peers = append(x.peers, p)
		}
	}
	w.tellSoon()
}

// newsFrom gives the news of a peer, the last first: it tells much at a time.
func (w *worker) newsFrom(peer ident.PeerID) *news {
	for _, x := range slices.Backward(w.news) {
		if x.from == peer {
			return x
		}
	}
	x := &news{from: peer}
	w.news = append(w.news, x)
	return x
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
	w.much = w.fresh > muchNews
	for _, x := range w.news { // who reads it finds them next to each other
		slices.SortFunc(x.peers, func(a, b *Peer) int { return compareIDs(a.held.Peer, b.held.Peer) })
	}
	w.neighbours.each(func(n *neighbour) { n.send(w.pack(n)) })
	w.news, w.fresh, w.words = nil, 0, nil
}

// pack gives what a neighbour should hear.
func (w *worker) pack(n *neighbour) (frames [][]byte) {
	var words bag
	for _, s := range w.words {
		if s.from != n.peer {
			words.words = append(words.words, s.Suspicion)
		}
	}
	frames = words.messages()
	enough := w.fresh+len(n.names) <= maxNews
	if !enough {
		n.names = nil
		w.meetAgain(n)
	}
	for _, x := range w.news {
		if x.from == n.peer {
			continue
		}
		whole := n.eager && enough && !w.env.Buggify("discovery/names-only")
		if whole && !x.about(n.peer) {
			if x.frames == nil {
				x.frames = w.bagOf(x, ident.PeerID{}).messages()
			}
			frames = append(frames, x.frames...)
			continue
		}
		b := w.bagOf(x, n.peer)
		if !whole {
			if room := maxMissing - len(n.names); enough && room > 0 {
				n.names = append(n.names, b.peers[:min(len(b.peers), room)]...)
				w.nameSoon()
			}
			b.peers = nil
		}
		frames = append(frames, b.messages()...)
	}
	return frames
}

// bagOf gives all news of one peer but what is about who is to hear it.
func (w *worker) bagOf(x *news, hearer ident.PeerID) (b bag) {
	for _, id := range x.left {
		if s := w.tombstones.held[id]; s != nil && id != hearer {
			b.departures = append(b.departures, s.news(w.env.Clock.Mono()))
		}
	}
	b.peers = slices.DeleteFunc(slices.Clone(x.peers), func(p *Peer) bool { return p.held.Peer == hearer })
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

// read reads a message of a neighbour.
func (w *worker) read(b []byte) (heard, error) {
	if v, ok := w.cfg.Verifier.(*WorldVerifier); ok {
		return v.frames.read(b)
	}
	r, err := parseRumour(b)
	return heard{rumour: r}, err
}

// mergeAll takes what one message of a peer carries, the entries by take. What others found
// out about these is in signed, which is nil or as long. It is false if
// the peer is to be cut off for what it sent; the rest is not looked at then.
func (w *worker) mergeAll(from ident.PeerID, departures []oldNews, suspicions, entries [][]byte, signed []*Signed, take func(*Signed, ident.PeerID) error) bool {
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
	for i, raw := range entries {
		var s *Signed
		var err error
		if signed != nil && len(raw) <= w.cfg.Limits.Bytes {
			s = signed[i]
		}
		if s == nil {
			s, err = w.verify(raw, from)
		}
		if err == nil {
			err = take(s, from)
		}
		if w.blame(from, err) {
			return false
		}
		if signed != nil && s != nil {
			signed[i] = s
		}
	}
	return true
}

// hear takes what a neighbour tells.
func (n *neighbour) hear(r heard) {
	w := n.w
	if r.unknown() {
		w.passOver("discovery-unknown-rumour")
		return
	}
	before := w.taken
	if !w.mergeAll(n.peer, r.Departures, r.Suspicions, r.Entries, r.signed, w.merge) {
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
		if a.from[0] == from {
			room--
		}
	}
	for i := 0; i < list.len() && room > 0; i++ {
		h := list.at(i)
		a, known := w.missing[h.Peer]
		switch {
		case !w.lacks(h):
		case !known:
			w.missing[h.Peer] = absence{h, []ident.PeerID{from}}
			room--
		case len(a.from) < maxNamers && !slices.Contains(a.from, from):
			a.from = append(a.from, from)
			w.missing[h.Peer] = a
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

// graft asks for what did not come: one neighbour after the other that named it, since a
// neighbour that is about to end its link does not answer. Comparing catalogs brings the rest.
func (w *worker) graft() {
	w.missed = false
	asked := map[ident.PeerID][]ident.PeerID{}
	for _, id := range sortedIDs(w.missing) {
		m := w.missing[id]
		if !w.lacks(m.holding) {
			delete(w.missing, id)
			continue
		}
		for len(m.from) > 0 {
			from := m.from[0]
			m.from = m.from[1:]
			if n := w.neighbours.of(from); n != nil && n.open && !n.ending {
				asked[from] = append(asked[from], id)
				break
			}
		}
		if w.missing[id] = m; len(m.from) == 0 {
			delete(w.missing, id)
		}
	}
	if len(w.missing) > 0 {
		w.missed = true
		w.agenda.in(missingAfter, w.graft)
	}
	w.neighbours.each(func(n *neighbour) {
		if wants := asked[n.peer]; len(wants) > 0 {
			n.eager = true
			n.tell(bag{wants: wants})
		}
	})
}

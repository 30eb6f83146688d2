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

// A node that does not answer is found out by those that talk to it, mostly its
// neighbours: after two contacts in a row that failed, or one if others suspect it too,
// they sign a suspicion, which goes to everybody as departures do. It names a version; the suspect refutes it with a
// newer one (SWIM, Das, Gupta, Motivala, DSN 2002). What nobody refutes within
// SuspicionTimeout is believed by whoever could not reach the peer itself, or has the
// word of quorum members; all others look for themselves, one after the other. A peer
// that is believed dead is hidden: out of the catalog, and remembered until PurgeAfter,
// so that who still lists it is told, and nobody brings it back but itself.
const (
	// quorum is how many distinct members must suspect a version to be believed.
	quorum = 3
	// strikes is how many contacts in a row must fail for a suspicion of one's own.
	strikes = 2
	// maxAccused bounds by how many times strikes more a node waits that accused a peer
	// and was refuted: two nodes that cannot reach each other must not keep all others busy.
	maxAccused = 16
	// lookEvery is the time between two nodes that look for themselves: half of the
	// dials a second that a peer must bear.
	lookEvery = time.Second
	// maxDoubt is how long a suspicion is kept that nothing comes of.
	maxDoubt = time.Minute
	// accuseEvery and accuseBurst limit what is taken of one accuser, wordEvery and
	// wordBurst of all together. They only bound the work of a flood, and are far above
	// what an accuser gets with honest suspects, who refute: a node that drops words
	// which others count keeps the suspect from hearing them.
	accuseEvery = 10 * time.Millisecond
	accuseBurst = 1 << 10
	wordEvery   = 2 * time.Millisecond
	wordBurst   = 4 << 10
)

// detector is what is known of peers that may be dead.
type detector struct {
	suspects map[ident.PeerID]*suspect
	hidden   map[ident.PeerID]*hidden
	accusers map[ident.PeerID]*runtime.GCRA
	heard    runtime.GCRA // words
}

// suspect is a peer of the catalog that somebody does not reach.
type suspect struct {
	version Version
	since   time.Duration // Mono
	words   []*Suspicion  // of distinct accusers, at most quorum
	failed  bool          // this node could not reach it either
	reached time.Duration // Mono until which it counts that this node could, since
}

// hidden is a peer that is believed dead, and why.
type hidden struct {
	*suspect
	peer *Peer
}

// silent tells whether an error says that a peer did not answer, and not that it
// answered something.
func silent(err error) bool {
	var reason wire.Reason
	if !errors.As(err, &reason) {
		return false
	}
	switch reason {
	case wire.UnexpectedClose, wire.IdleTimeout, wire.DialFailed, wire.HandshakeTimeout, wire.ConnectionLost,
		wire.WrongIdentity, wire.DifferentNetwork, wire.NotMember: // somebody else is there
		return true
	}
	return false
}

// contact notes how a contact with a peer went.
func (w *worker) contact(peer ident.PeerID, err error) {
	switch {
	case w.stopping:
	case err == nil:
		delete(w.failures, peer)
		w.reached(peer)
	case w.peers.get(peer) == nil:
	case errors.Is(err, wire.DialWithheld):
		w.avoid(peer) // nobody knows whether it is there
	case !silent(err):
		w.avoid(peer).strikes = 0
		w.reached(peer)
	default:
		if s := w.suspects[peer]; s != nil {
			s.reached = 0 // that is over
		}
		f := w.avoid(peer)
		if f.strikes++; f.strikes >= strikes+min(f.accused, maxAccused)*strikes || f.accused == 0 && w.suspects[peer] != nil {
			w.accuse(peer)
		} else {
			w.agenda.in(f.until-w.env.Clock.Mono(), func() {
				if w.failures[peer] == f {
					w.look(peer)
				}
			})
		}
	}
}

// excuse forgives a peer its failures, for it said something new. That it was accused
// before is remembered until this node reaches it.
func (w *worker) excuse(peer ident.PeerID) {
	f := w.failures[peer]
	if f == nil {
		return
	}
	if f.accuses {
		f.accused++
	}
	if *f = (backoff{accused: f.accused}); f.accused == 0 {
		delete(w.failures, peer)
	}
}

// avoid leaves a peer of the catalog alone for a while.
func (w *worker) avoid(peer ident.PeerID) *backoff {
	f := w.failures[peer]
	if f == nil {
		f = &backoff{}
		w.failures[peer] = f
	}
	f.fail(w)
	return f
}

// look tries to reach a peer.
func (w *worker) look(peer ident.PeerID) {
	if peer != w.self && w.peers.get(peer) != nil {
		w.ask(peer, nil, waiter{done: func(error) {}})
	}
}

// accuse tells that this node does not reach a peer.
func (w *worker) accuse(peer ident.PeerID) {
	p := w.signed(peer)
	if p == nil || peer == w.self {
		return
	}
	s := w.suspect(p)
	if s == nil || s.failed {
		return
	}
	s.failed, s.reached = true, 0
	if f := w.failures[peer]; f != nil {
		f.accuses = true
	}
	word, err := SignSuspicion(w.cfg.Network, peer, p.Entry.Version, w.cfg.Key)
	if err != nil {
		return // a version at its bound
	}
	w.env.Report(&event.Event{Kind: event.PeerSuspected, Peer: peer, From: uint64(p.Entry.Version.Started), To: uint64(p.Entry.Version.Updated)})
	w.take(s, word, w.self)
}

// suspect gives what is known against a peer, as of its present version; nil if
// there are too many already.
func (w *worker) suspect(p *Peer) *suspect {
	id := p.Entry.Peer
	if s := w.suspects[id]; s != nil && s.version == p.Entry.Version {
		return s
	}
	if len(w.suspects) >= w.cfg.MaxPeers {
		return nil
	}
	s := &suspect{version: p.Entry.Version, since: w.env.Clock.Mono()}
	w.suspects[id] = s
	w.agenda.in(w.cfg.SuspicionTimeout, func() { w.judge(id, s) })
	if t := w.turn(id); t < maxDoubt {
		w.agenda.in(t, func() {
			if w.suspects[id] == s && !s.failed && len(s.words) < quorum && !w.linked(id) {
				w.look(id)
			}
		})
	}
	return s
}

// take adds a word to those against a peer, and passes it on.
func (w *worker) take(s *suspect, word *Suspicion, from ident.PeerID) {
	if s.wants(word.Accuser) {
		s.words = append(s.words, word)
		w.pass(word, from)
	}
}

// mergeSuspicion takes a suspicion that a peer told.
func (w *worker) mergeSuspicion(raw []byte, from ident.PeerID) error {
	word, err := decodeSuspicion(raw)
	if err != nil {
		w.refuse(from, from, err)
		return err
	}
	if word.Network != w.cfg.Network {
		w.refuse(from, from, wire.DifferentNetwork)
		return wire.DifferentNetwork
	}
	if !w.concerns(word) {
		return nil
	}
	if !w.mayAccuse(word.Accuser) {
		return nil
	}
	if err := w.verifyWord(word); err != nil {
		w.refuse(from, from, err)
		return err
	}
	word.raw = slices.Clone(raw) // a piece of a larger message
	if word.Suspect == w.self {
		w.refute(word.Version, from)
	} else if h := w.hidden[word.Suspect]; h != nil {
		w.take(h.suspect, word, from)
	} else if s := w.suspect(w.signed(word.Suspect)); s != nil {
		w.take(s, word, from)
	}
	return nil
}

// verifyWord asks the verifier if that knows suspicions.
func (w *worker) verifyWord(word *Suspicion) error {
	if v, ok := w.cfg.Verifier.(wordVerifier); ok {
		return v.verifyWord(word)
	}
	return word.verify()
}

// concerns tells whether a suspicion says anything new: it is the word of another
// member, about the present version of a peer, and there are not enough of them yet.
// Against this node itself the word of a hidden peer counts as well: of two nodes that
// hid each other neither would hear that it has to refute, and both are out of the
// other's catalog until they happen to dial.
func (w *worker) concerns(word *Suspicion) bool {
	id := word.Suspect
	if word.Accuser == w.self || !w.member(word.Accuser) && !(id == w.self && w.hidden[word.Accuser] != nil) {
		return false
	}
	if h := w.hidden[id]; h != nil {
		return h.version == word.Version && h.wants(word.Accuser)
	}
	if p := w.signed(id); p == nil || p.Entry.Version != word.Version {
		return false
	}
	s := w.suspects[id]
	return s == nil || s.version != word.Version || s.wants(word.Accuser)
}

// member tells whether a peer is in the catalog.
func (w *worker) member(id ident.PeerID) bool { return w.signed(id) != nil }

// wants tells whether the word of one more accuser would be one more.
func (s *suspect) wants(accuser ident.PeerID) bool {
	return len(s.words) < quorum &&
		!slices.ContainsFunc(s.words, func(known *Suspicion) bool { return known.Accuser == accuser })
}

// mayAccuse limits what one member can make all others do.
func (w *worker) mayAccuse(accuser ident.PeerID) bool {
	g := w.accusers[accuser]
	if g == nil {
		g = &runtime.GCRA{}
		w.accusers[accuser] = g
	}
	now := w.env.Clock.Mono()
	return g.Allow(now, accuseEvery, accuseBurst) && w.heard.Allow(now, wordEvery, wordBurst)
}

// tellAfter is when who told a suspicion is shown the refutation, if it came during an
// exchange that began before it.
const tellAfter = time.Second

// refute answers a suspicion of this node, as of version v, with a newer version. Who told
// it is shown that: of two nodes that suspect each other none is the other's neighbour, nor
// compared with by itself.
func (w *worker) refute(v Version, from ident.PeerID) {
	if v.Compare(w.version) >= 0 && !w.stopping {
		w.env.Mark("discovery-refuted")
		w.outdo(v, false)
		w.agenda.in(tellAfter, func() { w.meet(from) })
	}
}

// judge decides, once nobody refuted in time what is said against a peer.
func (w *worker) judge(id ident.PeerID, s *suspect) {
	if w.suspects[id] != s {
		return
	}
	p := w.signed(id)
	switch {
	case p == nil || p.Entry.Version != s.version || w.env.Clock.Mono()-s.since > maxDoubt:
		delete(w.suspects, id)
		return
	case w.linked(id):
		w.neighbours.of(id).tell(bag{words: s.words}) // it is there, and should refute
		s.failed = false
	case s.failed || len(s.words) >= quorum && w.env.Clock.Mono() >= s.reached:
		w.hide(p, s)
		w.commit()
		return
	}
	w.agenda.in(w.cfg.SuspicionTimeout, func() { w.judge(id, s) })
}

// turn gives when this node looks for a peer itself: its neighbours on the ring of
// ids first, so that few do at once, and all do if it takes that many.
func (w *worker) turn(id ident.PeerID) time.Duration {
	c := w.peers.base
	behind := c.rank(w.self) - c.rank(id)
	if behind <= 0 {
		behind += c.Len()
	}
	return time.Duration(behind) * lookEvery
}

// reached notes that a peer answered: what it was believed to be is over here, and it
// hears what is said of it.
func (w *worker) reached(peer ident.PeerID) {
	if s := w.suspects[peer]; s != nil {
		// It heard what is said of it, and has twice the time to refute that.
		s.failed, s.reached = false, w.env.Clock.Mono()+2*w.cfg.SuspicionTimeout
	}
	h := w.hidden[peer]
	if h == nil || w.peers.n >= w.cfg.MaxPeers {
		return
	}
	w.unhide(peer, h.peer.Entry)
	back := *h.peer
	back.RTT, back.RTTSettled = 0, false // it is measured anew
	w.peers.set(peer, &back)
	w.learned(peer, w.signed(peer), peer, false)
	w.commit()
}

// hide takes a peer out of the catalog, and remembers it.
func (w *worker) hide(p *Peer, s *suspect) {
	id := p.Entry.Peer
	h := &hidden{peer: p, suspect: s}
	if len(w.hidden) >= w.cfg.MaxPeers {
		w.forgetOldest()
	}
	w.drop(id)
	w.hidden[id] = h
	w.env.Report(&event.Event{Kind: event.PeerHidden, Peer: id, From: uint64(p.Entry.Version.Started), To: uint64(p.Entry.Version.Updated), N: int64(len(s.words))})
	w.lose(Endpoint{Peer: id, Addrs: w.d.Dialable(p)})
	w.agenda.in(w.cfg.PurgeAfter, func() {
		if w.hidden[id] == h {
			w.purge(h)
		}
	})
}

// purge forgets a hidden peer.
func (w *worker) purge(h *hidden) {
	e := h.peer.Entry
	delete(w.hidden, e.Peer)
	w.env.Report(&event.Event{Kind: event.PeerDeparted, Peer: e.Peer, From: uint64(e.Version.Started), To: uint64(e.Version.Updated), Reason: wire.IdleTimeout})
}

// forgetOldest makes room among the hidden peers.
func (w *worker) forgetOldest() {
	var oldest *hidden
	for _, id := range sortedIDs(w.hidden) {
		if h := w.hidden[id]; oldest == nil || h.since < oldest.since {
			oldest = h
		}
	}
	w.purge(oldest)
}

// unhide forgets that a peer was believed dead: here it is, as e says.
func (w *worker) unhide(id ident.PeerID, e *Entry) {
	delete(w.hidden, id)
	w.find(id)
	w.env.Report(&event.Event{Kind: event.PeerReturned, Peer: id, From: uint64(e.Version.Started), To: uint64(e.Version.Updated)})
}

// against gives what is said of a peer, to be told to it or to who lists it.
func (w *worker) against(peer ident.PeerID) []*Suspicion {
	if h := w.hidden[peer]; h != nil {
		return h.words
	}
	if s := w.suspects[peer]; s != nil {
		return s.words
	}
	return nil
}

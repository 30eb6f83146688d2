package discovery

import (
	"errors"
	"fmt"
	"slices"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// worker is the state of discovery. Everything in it belongs to the strand.
type worker struct {
	d      *Discovery
	env    *runtime.Env
	cfg    Config
	self   ident.PeerID
	strand runtime.Strand

	version Version // of the own entry
	want    wanted  // what the own entry says
	pending pendingVersion
	// refreshes bounds how often that changes for callers; refreshDue: it will, soon.
	refreshes  runtime.GCRA
	refreshDue bool
	// witnesses hold a version of this node from the future.
	witnesses []ident.PeerID

	peers      draft // the next catalog
	tombstones tombstones
	unsigned   int // entries that nobody signed
	rtt        tracker
	sources    map[ident.PeerID]*source
	avoids     avoided // entries that were refused
	taken      int     // entries that were taken so far, from whomever

	pings      []*pinging // under way
	answers    []*answer
	tracked    map[ident.PeerID]int      // how many want to know the round trip
	far        map[ident.PeerID]struct{} // those above MaxRTT
	trackTimer runtime.Timer             // nil while nobody does, or pings are under way

	agenda agenda
	disseminator
	gossip
	detector
	lost lost

	neighbours neighbours
	filling    bool
}

func newWorker(d *Discovery) *worker {
	w := &worker{
		d: d, env: d.env, cfg: d.cfg, self: d.self, strand: d.strand,
		peers: newDraft(&Catalog{self: d.self, maxRTT: d.cfg.MaxRTT}), rtt: tracker{}, tracked: map[ident.PeerID]int{}, far: map[ident.PeerID]struct{}{}, sources: map[ident.PeerID]*source{},
		tombstones:   newTombstones(d.cfg.MaxPeers),
		avoids:       avoided{},
		agenda:       agenda{clock: d.env.Clock, strand: d.strand, armed: -1},
		disseminator: newDisseminator(d.cfg, d.self),
		gossip:       gossip{missing: map[ident.PeerID]absence{}},
		detector:     detector{suspects: map[ident.PeerID]*suspect{}, hidden: map[ident.PeerID]*hidden{}, accusers: map[ident.PeerID]*runtime.GCRA{}},
	}
	d.watch.Set(w.peers.base)
	return w
}

// mergeEntry takes an entry from wherever it came. All rules hold on every way
// in: signature, network, drift, tombstones, limits, strictly newer version,
// and never the own entry. The error says why it was refused; an old version is
// no error.
func (w *worker) mergeEntry(raw []byte, from ident.PeerID) error {
	s, err := w.verify(raw, from)
	if err != nil {
		return err
	}
	return w.merge(s, from)
}

// merge is mergeEntry for what was verified.
func (w *worker) merge(s *Signed, from ident.PeerID) error {
	held := w.peers.get(s.peer.held.Peer)
	if held == &s.peer {
		return nil // most of what a node hears it has already
	}
	e := s.Entry
	if e.Peer == w.self {
		if e.Network == w.cfg.Network && string(s.Raw) != string(held.raw) {
			w.heardSelf(e.Version, false, from)
		}
		return nil
	}
	known := held
	if held != nil && held.Unsigned() {
		known = nil
	}
	twice := known != nil && e.Version == known.Entry.Version && s.peer.mark != known.mark
	if twice {
		w.refuse(from, e.Peer, ErrEquivocation)
	}
	dead := w.hidden[e.Peer]
	if w.old(s, known, dead) {
		return nil
	}
	err := w.admit(s, held == nil)
	if err == nil && known == nil && dead == nil {
		err = w.mayTell(from, e.Peer)
	}
	if err != nil {
		w.avoids.note(s.peer.holding(), w.env.Clock.Mono())
		w.refuse(from, e.Peer, err)
		return err
	}
	p := w.put(s, held)
	w.taken++
	delete(w.suspects, e.Peer)
	switch {
	case dead != nil:
		w.unhide(e.Peer, e)
	case !twice:
		kind := event.PeerUpdated
		if held == nil {
			kind = event.PeerDiscovered
		}
		w.env.Report(&event.Event{Kind: kind, Peer: e.Peer, From: uint64(e.Version.Started), To: uint64(e.Version.Updated)})
	}
	w.learned(e.Peer, p, from, known != nil)
	if known == nil && w.neighbours.chosen() < degree {
		w.fillSoon()
	}
	return nil
}

// old tells whether an entry says nothing new: beside what is known of its peer, because
// the peer left, or because it is what a hidden peer said before.
func (w *worker) old(s *Signed, known *Peer, dead *hidden) bool {
	e := s.Entry
	return known != nil && s.peer.holding().compare(known.holding()) <= 0 ||
		w.tombstones.ends(e.Peer, e.Version, w.env.Clock.Mono()) ||
		dead != nil && e.Version.Compare(dead.version) <= 0
}

// verify checks an entry, after its size, so that nobody has this node work and
// remember for what it never takes.
func (w *worker) verify(raw []byte, from ident.PeerID) (s *Signed, err error) {
	if most := w.cfg.Limits.Bytes; len(raw) > most {
		err = &LimitError{What: "bytes", Have: len(raw), Max: most}
	} else {
		s, err = w.cfg.Verifier.Verify(raw)
	}
	if err != nil {
		w.refuse(from, from, err)
	}
	return s, err
}

// admit applies what depends on this node: its network, clock, limits and
// addresses.
func (w *worker) admit(s *Signed, added bool) error {
	e := s.Entry
	switch {
	case e.Network != w.cfg.Network:
		return wire.DifferentNetwork
	case w.ahead(e.Version):
		return fmt.Errorf("version %s: %w", e.Version, ErrDrift)
	case s.local && !w.onLoopback():
		return fmt.Errorf("loopback address from another machine: %w", ErrAddress)
	case added && w.peers.n >= w.cfg.MaxPeers:
		return ErrCatalogFull
	}
	return w.cfg.Limits.check(e, len(s.Raw))
}

// ahead tells whether a version lies too far in the future. One that did could
// not be replaced by an honest one.
func (w *worker) ahead(v Version) bool {
	return v.Updated > w.nowMillis()+w.cfg.MaxDrift.Milliseconds()
}

// onLoopback tells whether the node lives on a loopback network: it advertises
// a loopback address itself, or none at all.
func (w *worker) onLoopback() bool {
	own := w.peers.get(w.self).Entry.Addrs
	return len(own) == 0 || loopback(own)
}

// mergeDeparture takes a departure and what is left of the time for which its
// sender remembers it.
func (w *worker) mergeDeparture(news oldNews, from ident.PeerID) error {
	dep, err := decodeDeparture(news.Raw)
	if err != nil {
		w.refuse(from, from, err)
		return err
	}
	now := w.env.Clock.Mono()
	known := w.signed(dep.Peer)
	if dead := w.hidden[dep.Peer]; dead != nil {
		known = dead.peer
	}
	ends := known != nil && dep.Peer != w.self && dep.Ends(known.Entry.Version)
	if !ends && w.tombstones.ends(dep.Peer, dep.Version, now) {
		return nil
	}
	if err := w.admitDeparture(dep); err != nil {
		about := dep.Peer
		if errors.Is(err, ErrSignature) {
			about = from // it is not the word of whom it names
		}
		w.refuse(from, about, err)
		return err
	}
	if dep.Peer == w.self {
		w.heardSelf(dep.Version, true, from)
		return nil
	}
	// Whoever held the entry has peers that hold it too: it remembers for the
	// whole time. All others remember no longer than who told them.
	left := min(news.left(), w.cfg.PurgeAfter)
	if ends {
		left = w.cfg.PurgeAfter
	}
	w.tombstones.put(dep, now, left, ends)
	if ends {
		ev := event.Event{Kind: event.PeerDeparted, Peer: dep.Peer, From: uint64(dep.Version.Started), To: uint64(dep.Version.Updated)}
		if w.hidden[dep.Peer] != nil {
			ev.Reason = wire.GracefulShutdown
		}
		w.drop(dep.Peer)
		w.env.Report(&ev)
		w.learned(dep.Peer, nil, from, false)
	}
	return nil
}

func (w *worker) admitDeparture(dep *Departure) error {
	switch {
	case dep.Network != w.cfg.Network:
		return wire.DifferentNetwork
	case dep.Peer != w.self && w.ahead(dep.Version):
		return fmt.Errorf("departure %s: %w", dep.Version, ErrDrift)
	}
	return dep.verify()
}

// put takes an entry into the next catalog in the place of what it held, with the round
// trip known so far. Without one, all nodes of a world share what they hold of a peer.
func (w *worker) put(s *Signed, held *Peer) *Peer {
	p := &s.peer
	if held != nil && held.Unsigned() {
		w.unsigned--
	}
	if held != nil && held.RTT != 0 {
		near := s.peer
		near.RTT, near.RTTSettled = held.RTT, held.RTTSettled
		p = &near
	}
	w.peers.replace(s.Entry.Peer, held, p)
	return p
}

// drop takes a peer out of the next catalog, and all that was known of it.
func (w *worker) drop(peer ident.PeerID) {
	if p := w.peers.get(peer); p != nil && p.Unsigned() {
		w.unsigned--
	}
	w.peers.set(peer, nil)
	w.rtt.forget(peer)
	w.watchFar(peer, false)
	w.forget(peer)
}

// commit publishes the next catalog, once for all that one turn changed.
func (w *worker) commit() {
	if next := w.peers.publish(); next != nil {
		w.d.watch.Set(next)
	}
}

// sortedIDs gives the peers of a map in ascending order.
func sortedIDs[V any](m map[ident.PeerID]V) []ident.PeerID {
	if len(m) == 0 {
		return nil
	}
	ids := make([]ident.PeerID, 0, len(m))
	//lint:ordered they are sorted before anybody sees them
	for id := range m {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, ident.PeerID.Compare)
	return ids
}

// applyInbox takes what callers left: what the own entry should say, and round
// trips.
func (w *worker) applyInbox() {
	want, samples := w.d.takeInbox()
	if w.stopping {
		return
	}
	for _, id := range sortedIDs(samples) {
		w.sample(id, samples[id])
	}
	if !want.equal(w.want) {
		w.refreshInTime(want)
	}
	w.commit()
}

func (w *worker) sample(peer ident.PeerID, r runtime.RTT) {
	p := w.peers.get(peer)
	if p == nil || peer == w.self {
		return
	}
	if rtt, settled, news := w.rtt.add(peer, r); news {
		next := *p
		next.RTT, next.RTTSettled = rtt, settled
		w.peers.set(peer, &next)
		w.watchFar(peer, w.peers.base.near(&next) == nil)
	}
}

// watchFar has peers that are too far away measured again, for nobody else does.
func (w *worker) watchFar(peer ident.PeerID, far bool) {
	if _, was := w.far[peer]; far && !was {
		w.far[peer] = struct{}{}
		w.track(peer, 1)
	} else if !far && was {
		delete(w.far, peer)
		w.track(peer, -1)
	}
}

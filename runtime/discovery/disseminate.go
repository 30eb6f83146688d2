package discovery

import (
	"maps"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// disseminator decides with whom catalogs are compared: with the bootstrap peers,
// and now and then with a neighbour or, seldom, with any other peer (anti-entropy:
// Demers et al., "Epidemic Algorithms for Replicated Database Maintenance", PODC
// 1987), which mends whatever news missed.
type disseminator struct {
	boots    []*boot
	failures map[ident.PeerID]*backoff // of peers in the catalog

	tickTimer runtime.Timer

	jobs      map[ident.PeerID]*job // queued and under way: at most one per peer
	queue     []*job                // those asked for first, then by age
	flying    int                   // jobs under way
	meeting   bool                  // one of them is on this node's own account
	synced    time.Duration         // Mono of the end of the last one that went well
	inward    []*exchange           // links that others opened
	redirects int                   // links of peers that are told to go elsewhere
	open      int                   // links in all, whoever opened them

	unlisten []func()

	stopping bool
	stopped  bool
	parting  parting
	leaving  []waiter
}

func newDisseminator(cfg Config, self ident.PeerID) disseminator {
	d := disseminator{
		failures: map[ident.PeerID]*backoff{}, jobs: map[ident.PeerID]*job{},
	}
	for _, e := range cfg.Bootstrap {
		if e.Peer != self {
			d.boots = append(d.boots, &boot{Endpoint: e})
		}
	}
	return d
}

// boot is a bootstrap peer. It is tried until it is in the catalog, and again
// when it left, for it may come back knowing nobody.
type boot struct {
	Endpoint
	backoff backoff
	timer   runtime.Timer // set while it waits to be tried again
	trying  bool
}

// backoff is the wait after failures: full jitter under a bound that doubles.
type backoff struct {
	failures int
	strikes  int           // how many of the last ones were silence
	accuses  bool          // this node said so
	accused  int           // how often it did, and was refuted
	until    time.Duration // Mono
}

func (b *backoff) fail(w *worker) time.Duration {
	bound := w.cfg.MaxBackoff
	if shift := min(b.failures, 30); w.cfg.MinBackoff < bound>>shift {
		bound = w.cfg.MinBackoff << shift
	}
	b.failures++
	wait := w.strand.Rand("backoff").Duration(time.Millisecond, bound)
	b.until = w.env.Clock.Mono() + wait
	return wait
}

// start runs on the strand, once.
func (w *worker) start() {
	if w.stopping {
		return
	}
	for _, b := range w.boots {
		w.try(b)
	}
	w.recall()
	for _, b := range w.cfg.Bootstrappers {
		w.unlisten = append(w.unlisten, b.Bootstrap(w.env, w.strand, w.cfg.Network, w.found))
	}
	w.tickTimer = w.env.Clock.AfterFunc(w.strand, w.interval(), w.tick)
}

// try begins an exchange with a bootstrap peer, unless one is under way.
func (w *worker) try(b *boot) {
	if b.trying || w.stopping {
		return
	}
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	b.trying = true
	w.ask(b.Peer, b.Addrs, waiter{done: func(err error) { w.tried(b, err) }})
}

func (w *worker) tried(b *boot, err error) {
	b.trying = false
	if w.stopping {
		return
	}
	if err == nil && w.peers.get(b.Peer) != nil {
		b.backoff = backoff{}
		return
	}
	w.tryLater(b)
}

func (w *worker) tryLater(b *boot) { w.retry(b, b.backoff.fail(w)) }

func (w *worker) retry(b *boot, after time.Duration) {
	b.timer = w.env.Clock.AfterFunc(w.strand, after, func() {
		b.timer = nil
		w.try(b)
	})
}

func (w *worker) interval() time.Duration {
	return w.strand.Rand("interval").Duration(w.cfg.SyncInterval/2, w.cfg.SyncInterval*3/2)
}

// tick compares catalogs with one peer, and looks whether the node's own addresses
// are still true.
func (w *worker) tick() {
	if w.stopping {
		return
	}
	w.refresh(w.want)
	w.commit()
	w.tombstones.sweep(w.env.Clock.Mono())
	now := w.env.Clock.Mono()
	maps.DeleteFunc(w.accusers, func(_ ident.PeerID, g *runtime.GCRA) bool { return g.Idle(now) })
	w.sweepSources()
	w.compareSomewhere()
	if w.env.Buggify("discovery/compare-twice") {
		w.compareSomewhere()
	}
	w.rotate()
	w.fill()
	w.tickTimer.Reset(w.interval())
}

// afar is of how many comparisons one goes to any peer, and not to a neighbour: a new
// session costs more than all the rest, but nothing else brings together what the
// neighbours do not join.
const afar = 4

func (w *worker) compareSomewhere() {
	idle := func(id ident.PeerID) bool { return w.jobs[id] == nil }
	var near []ident.PeerID
	var stale *neighbour
	w.neighbours.each(func(n *neighbour) {
		if idle(n.peer) {
			near = append(near, n.peer)
			if n.stale && stale == nil {
				stale = n
			}
		}
	})
	if stale != nil {
		stale.stale = false
		w.meet(stale.peer)
		return
	}
	r := w.strand.Rand("peers")
	if len(near) > 0 && r.IntN(afar) > 0 {
		w.meet(near[r.IntN(len(near))])
		return
	}
	for _, id := range w.choose(1, idle) {
		w.meet(id)
	}
}

// maxWalked is up to how many peers a catalog is walked over for a choice.
const maxWalked = 32

// choose draws up to n peers of the catalog that can be dialled, without the node
// itself, those that lately failed to answer, and those that ok refuses. In a large catalog it
// draws a bounded number of times.
func (w *worker) choose(n int, ok func(ident.PeerID) bool) (ids []ident.PeerID) {
	now, all := w.env.Clock.Mono(), w.d.Catalog()
	fit := func(id ident.PeerID) bool {
		f, p := w.failures[id], w.signed(id)
		return id != w.self && p != nil && len(w.d.Dialable(p)) > 0 && (f == nil || now >= f.until) && w.suspects[id] == nil && !slices.Contains(ids, id) && ok(id)
	}
	r := w.strand.Rand("peers")
	if all.Len() > maxWalked {
		for range 8 * n {
			if id := all.at(r.IntN(all.Len())).Entry.Peer; len(ids) < n && fit(id) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	var list []ident.PeerID
	for p := range all.All() {
		if fit(p.Entry.Peer) {
			list = append(list, p.Entry.Peer)
		}
	}
	n = min(n, len(list))
	for i := range n {
		j := i + r.IntN(len(list)-i)
		list[i], list[j] = list[j], list[i]
	}
	return list[:n]
}

// forget drops what is kept of a peer that left.
func (w *worker) forget(peer ident.PeerID) {
	delete(w.failures, peer)
	delete(w.suspects, peer)
	delete(w.hidden, peer)
	w.find(peer)
	for _, b := range w.boots {
		if b.Peer == peer && b.timer == nil && !b.trying && !w.stopping {
			w.retry(b, w.interval()) // not at once: it is still closing
		}
	}
}

// stop says farewell and ends everything; whoever waits is told when the last
// link is closed.
func (w *worker) stop(done waiter) {
	if w.stopped {
		done.tell(nil)
		return
	}
	w.leaving = append(w.leaving, done)
	if w.stopping {
		return
	}
	w.saveCache()
	w.stopping = true
	for _, unlisten := range w.unlisten {
		unlisten()
	}
	w.stopTimers()
	w.cutAll()
	w.leaveNeighbours(w.farewell())
	w.settle()
}

func (w *worker) stopTimers() {
	for _, t := range []runtime.Timer{w.tickTimer, w.trackTimer} {
		if t != nil {
			t.Stop()
		}
	}
	w.agenda.stop()
	for _, b := range w.boots {
		if b.timer != nil {
			b.timer.Stop()
		}
	}
}

// farewell is the last that the neighbours hear.
func (w *worker) farewell() (b bag) {
	dep, err := SignDeparture(w.cfg.Network, w.version.next(w.nowMillis()), w.cfg.Key)
	if err == nil { // else a version at its bound: peers find out by themselves
		b.departures = []oldNews{{Raw: dep.Raw(), Left: uint32(w.cfg.PurgeAfter.Milliseconds())}}
	}
	return b
}

// settle ends the stop once no link is left; each has a deadline.
func (w *worker) settle() {
	if !w.stopping || w.stopped || w.open > 0 {
		return
	}
	w.stopped = true
	for _, done := range w.leaving {
		done.tell(nil)
	}
	w.leaving = nil
}

// cutAll ends every link and tells whoever waits for a turn.
func (w *worker) cutAll() {
	queued := w.queue
	w.queue = nil
	for _, j := range queued {
		w.finish(j, runtime.ErrStopped)
	}
	for _, x := range slices.Concat(w.outward(), w.inward) {
		x.link.Close(wire.GracefulShutdown)
	}
	for _, p := range w.pings {
		p.link.Close(wire.GracefulShutdown)
	}
	for _, a := range w.answers {
		a.link.Close(wire.GracefulShutdown)
	}
}

// outward lists the links that this node opened.
func (w *worker) outward() []*exchange {
	var list []*exchange
	for _, id := range sortedIDs(w.jobs) {
		if x := w.jobs[id].exchange; x != nil {
			list = append(list, x)
		}
	}
	return list
}

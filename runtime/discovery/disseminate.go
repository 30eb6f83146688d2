package discovery

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// disseminator decides when to talk to whom. It begins with the bootstrap
// peers, meets peers that it learns of, compares catalogs with a random peer
// now and then (anti-entropy), and pushes news to a few random peers, which
// push what is new to them (Demers et al., "Epidemic Algorithms for Replicated
// Database Maintenance", 1987). The rest of the package only calls learned,
// introduce, forget, ask and stop.
type disseminator struct {
	boots    []*boot
	failures map[ident.PeerID]*backoff // of peers in the catalog

	news      map[ident.PeerID]ident.PeerID // of whom, and from whom
	newsTimer runtime.Timer                 // nil while there is no news
	tickTimer runtime.Timer

	jobs   map[ident.PeerID]*job // queued and under way: at most one per peer
	queue  []*job                // those asked for first, then by age
	flying int                   // jobs under way
	pushes map[ident.PeerID]*exchange
	inward []*exchange // links that others opened
	open   int         // links in all, whoever opened them

	mayReport int // refusals that the exchange under way may still report
	unlisten  []func()

	stopping bool
	stopped  bool
	leaving  []waiter
}

func newDisseminator(cfg Config, self ident.PeerID) disseminator {
	d := disseminator{
		failures: map[ident.PeerID]*backoff{}, news: map[ident.PeerID]ident.PeerID{},
		jobs: map[ident.PeerID]*job{}, pushes: map[ident.PeerID]*exchange{},
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

// tick compares catalogs with one random peer, and looks whether the node's own
// addresses are still true.
func (w *worker) tick() {
	if w.stopping {
		return
	}
	w.refresh(w.want)
	w.commit()
	w.tombstones.sweep(w.env.Clock.Mono())
	for _, p := range w.choose(1, func(id ident.PeerID) bool { return w.jobs[id] == nil }) {
		w.meet(p)
	}
	w.tickTimer.Reset(w.interval())
}

// choose draws up to n peers of the catalog, without the node itself, those
// that lately failed to answer, and those that ok refuses.
func (w *worker) choose(n int, ok func(ident.PeerID) bool) []ident.PeerID {
	now := w.env.Clock.Mono()
	var ids []ident.PeerID
	for p := range w.d.Catalog().All() {
		id := p.Entry.Peer
		if f := w.failures[id]; id != w.self && (f == nil || now >= f.until) && ok(id) {
			ids = append(ids, id)
		}
	}
	r := w.strand.Rand("peers")
	n = min(n, len(ids))
	for i := range n {
		j := i + r.IntN(len(ids)-i)
		ids[i], ids[j] = ids[j], ids[i]
	}
	return ids[:n]
}

// learned notes that what is known of peer changed, as from told, and that its
// past failures may be over.
func (w *worker) learned(peer, from ident.PeerID) {
	if w.stopping {
		return
	}
	delete(w.failures, peer)
	for _, b := range w.boots {
		if b.Peer == peer && b.timer != nil && w.peers.get(peer) != nil {
			b.backoff = backoff{}
			w.try(b)
		}
	}
	w.news[peer] = from
	w.armNews()
}

// introduce meets a peer that was heard of for the first time, from another.
func (w *worker) introduce(peer ident.PeerID) { w.meet(peer) }

// forget drops what is kept of a peer that left.
func (w *worker) forget(peer ident.PeerID) {
	delete(w.failures, peer)
	for _, b := range w.boots {
		if b.Peer == peer && b.timer == nil && !b.trying && !w.stopping {
			w.retry(b, w.interval()) // not at once: it is still closing
		}
	}
}

func (w *worker) armNews() {
	if w.newsTimer == nil {
		delay := w.strand.Rand("interval").Duration(w.cfg.PushDelay, 3*w.cfg.PushDelay)
		w.newsTimer = w.env.Clock.AfterFunc(w.strand, delay, w.pushNews)
	}
}

// pushNews tells a few random peers what changed. News waits while too many
// pushes are under way, and is dropped if there is nobody to tell: exchanges
// carry it then.
func (w *worker) pushNews() {
	w.newsTimer = nil
	if w.stopping || len(w.news) == 0 {
		return
	}
	room := min(fanout, maxPushes-len(w.pushes))
	if room <= 0 {
		w.armNews()
		return
	}
	targets := w.choose(room, func(id ident.PeerID) bool { return w.pushes[id] == nil })
	about := sortedIDs(w.news)
	for _, target := range targets {
		if len(about) > maxNews {
			w.meet(target)
			continue
		}
		box := outbox{budget: maxExchangeBytes}
		for _, id := range about {
			if id != target && w.news[id] != target {
				w.pack(&box, id)
			}
		}
		if !box.empty() {
			w.push(target, box, w.cfg.SyncTimeout)
		}
	}
	clear(w.news)
}

// pack puts what is known of a peer into a box: its entry, or that it left.
func (w *worker) pack(box *outbox, id ident.PeerID) {
	if p := w.peers.get(id); p != nil {
		box.addPeer(p)
	} else if s := w.tombstones.held[id]; s != nil {
		box.addDeparture(s.news(w.env.Clock.Mono()))
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
	targets := w.choose(farewells, func(ident.PeerID) bool { return true })
	w.stopping = true
	for _, unlisten := range w.unlisten {
		unlisten()
	}
	w.stopTimers()
	w.cutAll()
	clear(w.pushes)
	w.farewell(targets)
	w.settle()
}

func (w *worker) stopTimers() {
	for _, t := range []runtime.Timer{w.tickTimer, w.newsTimer, w.trackTimer} {
		if t != nil {
			t.Stop()
		}
	}
	for _, b := range w.boots {
		if b.timer != nil {
			b.timer.Stop()
		}
	}
}

func (w *worker) farewell(targets []ident.PeerID) {
	dep, err := SignDeparture(w.cfg.Network, w.version.next(w.nowMillis()), w.cfg.Key)
	if err != nil {
		return // a version at its bound: peers find out by themselves
	}
	news := oldNews{Raw: dep.Raw(), Left: uint32(w.cfg.TombstoneTTL.Milliseconds())}
	for _, target := range targets {
		w.push(target, outbox{departures: []oldNews{news}}, w.cfg.DepartureWindow)
	}
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
	for _, id := range sortedIDs(w.pushes) {
		list = append(list, w.pushes[id])
	}
	return list
}

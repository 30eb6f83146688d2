package discovery

import (
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

func TestPeersAreDrawnFromThoseThatMayAnswer(t *testing.T) {
	b := newBed(t, nil)
	var fit []ident.PeerID
	for n := byte(2); n < 12; n++ {
		fit = append(fit, b.reachable(n))
	}
	b.member(testKey(20))                              // at the node's own address
	b.worker.contact(b.reachable(21), wire.DialFailed) // for a while
	suspect := b.reachable(22)                         // of others
	if err := b.said(testKey(2), suspect, Version{b.wall.UnixMilli(), b.wall.UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	if err := b.insert(func(e *Entry) { e.Peer, e.Addrs = testKey(23).PeerID(), []string{"10.0.1.23:4700"} }); err != nil {
		t.Fatal(err)
	}
	anybody := func(ident.PeerID) bool { return true }
	got := b.worker.choose(50, anybody)
	slices.SortFunc(got, ident.PeerID.Compare)
	slices.SortFunc(fit, ident.PeerID.Compare)
	if !slices.Equal(got, fit) {
		t.Errorf("drew %d peers, want the %d that may answer, each once", len(got), len(fit))
	}
	for range 50 {
		if got := b.worker.choose(1, func(id ident.PeerID) bool { return id == fit[3] }); !slices.Equal(got, fit[3:4]) {
			t.Fatalf("drew %v of a small catalog, want the only one that is wanted", got)
		}
	}
	b.mono += b.worker.cfg.MaxBackoff
	if got := b.worker.choose(50, anybody); len(got) != len(fit)+1 {
		t.Errorf("drew %d peers, want %d: who failed long ago may answer", len(got), len(fit)+1)
	}
}

func TestPeersOfALargeCatalogAreDrawnByAFewLooks(t *testing.T) {
	b := newBed(t, nil)
	for n := byte(2); n < 5*maxWalked; n++ {
		b.reachable(n)
	}
	looks, least := 0, 3
	for range 100 {
		looks = 0
		got := b.worker.choose(3, func(id ident.PeerID) bool { looks++; return id[0]%8 == 0 })
		slices.SortFunc(got, ident.PeerID.Compare)
		if looks > 8*3 || len(got) > 3 || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("drew %v by %d looks, want up to three different ones by 24", got, looks)
		}
		least = min(least, len(got))
	}
	if got := b.worker.choose(3, func(ident.PeerID) bool { return true }); len(got) != 3 || least == 3 {
		t.Errorf("drew %d of peers that are all wanted, and %d or more where few are: the test shows nothing", len(got), least)
	}
}

// What a node does by itself it does at intervals that are drawn from half of their mean
// to one and a half, so that nodes do not work in step.
func TestIntervalsAreDrawnFromHalfToOneAndAHalf(t *testing.T) {
	b := newBed(t, nil)
	w := b.worker
	planned := func(f func()) func() time.Duration { // when the agenda has what f puts there
		return func() time.Duration {
			f()
			last := slices.MaxFunc(w.agenda.heap, func(a, b appointment) int { return int(a.seq) - int(b.seq) })
			return last.at - b.mono
		}
	}
	for what, c := range map[string]struct {
		mean time.Duration
		draw func() time.Duration
	}{
		"comparisons":     {w.cfg.SyncInterval, w.interval},
		"round trips":     {w.cfg.RTTInterval, w.trackInterval},
		"lost peers":      {redialEvery, planned(w.redial)},
		"the store":       {cacheEvery, planned(w.cacheLater)},
		"lost neighbours": {refill, planned(func() { w.filling = false; w.fillSoon() })},
	} {
		least, most := c.mean, c.mean
		for range 1000 {
			d := c.draw()
			least, most = min(least, d), max(most, d)
		}
		if near := c.mean / 20; least < c.mean/2 || least > c.mean/2+near || most > c.mean*3/2 || most < c.mean*3/2-near {
			t.Errorf("%s: from %s to %s, want from half of %s to one and a half", what, least, most, c.mean)
		}
	}
}

// One of so many comparisons goes to any peer, the others to neighbours, and the first to
// one with which another is due.
func TestCatalogsAreComparedWithNeighboursMostly(t *testing.T) {
	b := newBed(t, nil)
	w := b.worker
	for n := byte(2); n < 30; n++ {
		if peer := b.reachable(n); n < 2+degree {
			b.befriended(peer)
		}
	}
	met := func() (peer ident.PeerID) {
		w.compareSomewhere()
		for id, j := range w.jobs {
			peer = id
			j.exchange.closed(nil)
		}
		return peer
	}
	const times = 400
	near, others := map[ident.PeerID]int{}, 0
	for range times {
		if peer := met(); w.neighbours.of(peer) != nil {
			near[peer]++
		} else {
			others++
		}
	}
	// A neighbour may be among those that are drawn from all.
	if want := times / afar; others < want*7/10 || others > want*11/10 {
		t.Errorf("%d of %d comparisons went to others, want about %d", others, times, want)
	}
	for _, n := range w.neighbours {
		if got, want := near[n.peer], times*(afar-1)/afar/degree; got < want*7/10 || got > want*14/10 {
			t.Errorf("%d of %d comparisons went to one neighbour, want about %d", got, times, want)
		}
	}
	for _, i := range []int{1, 2} {
		w.neighbours[i].stale = true
	}
	for i := 1; i <= 2; i++ {
		if got := met(); got != w.neighbours[i].peer || w.neighbours[i].stale {
			t.Errorf("compared with %s, want neighbour %d, with which it is due", got.Short(), i)
		}
	}
	for _, n := range w.neighbours {
		w.meet(n.peer)
	}
	if w.compareSomewhere(); len(w.jobs) != degree+1 {
		t.Errorf("%d comparisons, want one more with another peer", len(w.jobs)-degree)
	}
}

func TestStopEndsEveryKindOfLinkAndWaitsForTheLast(t *testing.T) {
	peer, addrs := testKey(2).PeerID(), []string{"10.0.1.2:4700"}
	accepted := func(accept func(*worker, runtime.Link)) func(*worker) runtime.Link {
		return func(w *worker) runtime.Link {
			l := &wired{peer: peer}
			accept(w, l)
			return l
		}
	}
	for kind, open := range map[string]func(*worker) runtime.Link{
		"exchange of its own": func(w *worker) runtime.Link {
			w.ask(peer, addrs, waiter{done: func(error) {}})
			return w.jobs[peer].exchange.link
		},
		"ping": func(w *worker) runtime.Link {
			w.ping(peer, addrs, func(Pong, error) {})
			return w.pings[0].link
		},
		"neighbour":               func(w *worker) runtime.Link { w.fill(); return w.neighbours[0].link },
		"exchange":                accepted((*worker).accept),
		"redirection":             accepted((*worker).redirect),
		"answer":                  accepted((*worker).acceptPing),
		"neighbour that chose it": accepted((*worker).acceptNeighbour),
	} {
		b := newBed(t, nil)
		b.reachable(2)
		link, told := open(b.worker).(*wired), 0
		b.Stop(b.strand, func() { told++ })
		b.Stop(b.strand, func() { told++ })
		b.run()
		for _, n := range b.worker.neighbours { // farewell is said to others too
			if l := n.link.(*wired); l != link {
				l.handler.OnClosed(runtime.Closed{Reason: l.closed})
			}
		}
		b.run()
		if link.closed == wire.None || told != 0 {
			t.Errorf("%s: closed with %s, and %d of two were told before it was", kind, link.closed, told)
		}
		link.handler.OnClosed(runtime.Closed{Reason: link.closed})
		b.Stop(b.strand, func() { told++ })
		b.run()
		if told != 3 {
			t.Errorf("%s: %d of three were told that it has stopped", kind, told)
		}
	}
}

func TestFarewellIsSaidToNeighboursAndOthers(t *testing.T) {
	b := newBed(t, nil)
	for n := byte(2); n < 20; n++ {
		b.reachable(n)
	}
	b.worker.fill()
	b.Stop(b.strand, func() {})
	b.run()
	if n := len(b.worker.neighbours); n != 2*degree {
		t.Errorf("farewell is said to %d peers, want %d", n, 2*degree)
	}
	if n := len(loadCache(b.env, b.self)); n != 18 {
		t.Errorf("%d peers are in the store for the next run, want 18", n)
	}
	for _, n := range b.worker.neighbours {
		heard := n.link.(*wired).told(t)
		if len(heard.Departures) != 1 {
			t.Fatalf("a peer hears %d departures, want one", len(heard.Departures))
		}
		if dep, err := ParseDeparture(heard.Departures[0].Raw); err != nil || !dep.Ends(b.Me().Version) || heard.Departures[0].left() != b.worker.cfg.PurgeAfter {
			t.Errorf("a peer hears %v for %s, %v; want the end of the present run", dep, heard.Departures[0].left(), err)
		}
	}
}

func TestTickForgetsWhatIsOver(t *testing.T) {
	b := newBed(t, nil)
	w := b.worker
	if err := b.hearDeparture(b.departure(testKey(2), Version{1, 1}), time.Second); err != nil {
		t.Fatal(err)
	}
	w.refuse(testKey(3).PeerID(), testKey(3).PeerID(), ErrMalformed)
	w.mayAccuse(testKey(4).PeerID())
	held := func() int { return len(w.tombstones.held) + len(w.sources) + len(w.accusers) }
	if w.tick(); held() != 3 {
		t.Errorf("%d things are remembered at once, want 3", held())
	}
	b.mono += time.Hour
	if w.tick(); held() != 0 {
		t.Errorf("%d departures, %d sources and %d accusers are remembered an hour later", len(w.tombstones.held), len(w.sources), len(w.accusers))
	}
}

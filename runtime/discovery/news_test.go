package discovery

import (
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

func TestNewsGoesToAllButWhoToldItAndWhomItIsAbout(t *testing.T) {
	teller, other, about := testKey(2), testKey(3), testKey(4)
	for what, c := range map[string]struct {
		tell  func(b *bed) error
		heard func(rumour) int
		about int // what the one hears whom it is about
	}{
		"an entry": {
			func(b *bed) error { return b.hear(b.signed(about, time.Second, nil), teller.PeerID()) },
			func(r rumour) int { return len(r.Entries) }, 0,
		},
		"a departure": {
			func(b *bed) error {
				dep := b.departure(about, Version{b.wall.UnixMilli(), b.wall.UnixMilli()})
				return b.worker.mergeDeparture(oldNews{Raw: dep.Raw(), Left: 1000}, teller.PeerID())
			},
			func(r rumour) int { return len(r.Departures) }, 0,
		},
		"a suspicion": { // which is for it to refute
			func(b *bed) error {
				word, err := SignSuspicion(testNetwork, about.PeerID(), Version{b.wall.UnixMilli(), b.wall.UnixMilli()}, other)
				if err != nil {
					return err
				}
				return b.worker.mergeSuspicion(word.Raw(), teller.PeerID())
			},
			func(r rumour) int { return len(r.Suspicions) }, 1,
		},
	} {
		b := newBed(t, nil)
		links := map[*wired]int{}
		for i, key := range []ident.Key{teller, other, about} {
			b.member(key)
			_, l := b.befriended(key.PeerID())
			links[l] = []int{0, 1, c.about}[i]
		}
		b.pass(time.Second)
		for l := range links {
			l.told(t)
		}
		if err := c.tell(b); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second round has nothing to tell
			b.worker.tellSoon()
			b.pass(b.worker.cfg.PushDelay)
			for l, want := range links {
				if got := c.heard(l.told(t)); got != want {
					t.Errorf("%s: peer %s hears it %d times, want %d", what, l.peer.Short(), got, want)
				}
				links[l] = 0
			}
		}
	}
}

// News goes whole over the links of a tree, and by name over all others.
func TestTreeOfNewsFollowsWhatIsHeard(t *testing.T) {
	b := newBed(t, nil)
	peer := b.reachable(2)
	known, _ := b.Catalog().Get(peer)
	n, l := b.befriended(peer)
	changes := 0
	news := func(wait time.Duration) rumour {
		changes++
		if err := b.hear(b.signed(testKey(3), time.Duration(changes)*time.Second, nil), ident.PeerID{9}); err != nil {
			t.Fatal(err)
		}
		b.pass(b.worker.cfg.PushDelay)
		b.pass(wait)
		return l.told(t)
	}
	if r := news(0); len(r.Entries) != 1 || len(r.Names) != 0 {
		t.Errorf("at first: %d entries and %d bytes of names, want it whole", len(r.Entries), len(r.Names))
	}
	n.told(&rumour{Entries: blobs{b.signed(testKey(4), 0, nil)}})
	if r := l.told(t); r.Prune || !n.eager {
		t.Error("a link over which news comes leaves the tree")
	}
	n.told(&rumour{Entries: blobs{known.raw}})
	if r := l.told(t); !r.Prune || n.eager {
		t.Error("a link over which comes what is known does not leave the tree")
	}
	n.told(&rumour{Entries: blobs{known.raw}})
	if r := l.told(t); r.Prune {
		t.Error("a link leaves the tree twice")
	}
	if r := news(0); len(r.Entries)+len(r.Names) != 0 {
		t.Errorf("beside the tree: %d entries and %d bytes of names, want nothing at once", len(r.Entries), len(r.Names))
	}
	b.pass(namesAfter)
	if r := l.told(t); r.Names.len() != 1 || len(r.Entries) != 0 {
		t.Errorf("beside the tree: %d names and %d entries, want a name", r.Names.len(), len(r.Entries))
	}
	if r := news(namesAfter); r.Names.len() != 1 {
		t.Errorf("beside the tree: %d names, want that of what is new", r.Names.len())
	}
	n.told(&rumour{Wants: []ident.PeerID{testKey(3).PeerID(), testKey(50).PeerID()}})
	if r := l.told(t); len(r.Entries) != 1 || !n.eager {
		t.Errorf("asked for one that is there, %d entries; in the tree %t", len(r.Entries), n.eager)
	}
	n.told(&rumour{Prune: true})
	if r := news(0); len(r.Entries) != 0 {
		t.Error("a neighbour that wants names hears the whole")
	}
}

// A neighbour that is about to end its link does not answer: the next one is asked that named
// the news.
func TestNamedNewsIsAskedOfEachNeighbourOnceIfItDoesNotCome(t *testing.T) {
	b := newBed(t, nil)
	b.reachable(2)
	b.reachable(3)
	n, l := b.befriended(testKey(2).PeerID())
	second, l2 := b.befriended(testKey(3).PeerID())
	n.eager = false
	at := b.wall.UnixMilli()
	var all names
	name := func(key ident.Key) { all = all.add(holding{Peer: key.PeerID(), Version: Version{at, at}}) }
	name(testKey(2)) // is there
	name(testKey(4)) // will come
	name(testKey(5)) // will not
	n.told(&rumour{Names: all})
	second.told(&rumour{Names: all})
	if err := b.hear(b.signed(testKey(4), time.Second, nil), ident.PeerID{9}); err != nil {
		t.Fatal(err)
	}
	b.pass(missingAfter - 1)
	if r := l.told(t); len(r.Wants) != 0 {
		t.Error("asked for before it had time to come")
	}
	b.pass(1)
	if r := l.told(t); len(r.Wants) != 1 || r.Wants[0] != testKey(5).PeerID() || !n.eager {
		t.Errorf("asked for %v, in the tree %t; want what did not come", r.Wants, n.eager)
	}
	second.told(&rumour{Names: names(nil).add(holding{Peer: testKey(6).PeerID(), Version: Version{at, at}})})
	b.pass(missingAfter)
	if n, second := len(l.told(t).Wants), len(l2.told(t).Wants); n != 0 || second != 2 {
		t.Errorf("asked the first neighbour for %d and the second for %d, want 0 and 2: what did not come, and one more", n, second)
	}
	b.pass(5 * missingAfter)
	if n := len(l.told(t).Wants) + len(l2.told(t).Wants); n != 0 {
		t.Errorf("asked for %d once more, want each neighbour once", n)
	}
	all = nil
	for i := range 3 * maxMissing {
		h := holding{Peer: ident.PeerID{1, byte(i), byte(i >> 8)}, Version: Version{at, at}}
		if i < maxMissing {
			h.Updated += time.Hour.Milliseconds() // it would not be taken
		}
		all = all.add(h)
	}
	for range 2 {
		n.told(&rumour{Names: all})
	}
	b.pass(missingAfter)
	if r := l.told(t); len(r.Wants) != maxMissing {
		t.Errorf("%d of %d are asked for, want %d of one neighbour", len(r.Wants), 2*maxMissing, maxMissing)
	}
	if r := b.worker.wanted(slices.Repeat([]ident.PeerID{testKey(2).PeerID()}, 2*maxMissing)); len(r.peers) != maxMissing {
		t.Errorf("%d are sent to who asks for %d, want %d", len(r.peers), 2*maxMissing, maxMissing)
	}
}

func TestTooMuchNewsIsLeftToAComparison(t *testing.T) {
	b := newBed(t, nil)
	peer := b.reachable(2)
	n, l := b.befriended(peer)
	b.pass(time.Second)
	l.told(t)
	key := testKey(3)
	b.member(key)
	n.eager = false
	b.pass(b.worker.cfg.PushDelay) // so that a name is to be told
	for range 2 * maxNews {
		p, _ := b.Catalog().Get(key.PeerID())
		b.worker.learned(key.PeerID(), p, key.PeerID(), false)
	}
	if b.worker.fresh != maxNews+1 {
		t.Errorf("%d pieces of news wait, want %d at most", b.worker.fresh, maxNews+1)
	}
	b.pass(b.worker.cfg.PushDelay)
	b.pass(namesAfter)
	if r := l.told(t); len(r.Entries)+len(r.Names) != 0 || b.worker.jobs[peer] == nil {
		t.Errorf("%d entries and %d names are told, compared %t; want a comparison", len(r.Entries), r.Names.len(), b.worker.jobs[peer] != nil)
	}
	if b.worker.fresh+len(b.worker.news) != 0 {
		t.Errorf("%d pieces of news are told again", b.worker.fresh)
	}
}

func TestNoMoreIsNamedThanIsAskedFor(t *testing.T) {
	b := newBed(t, nil)
	n, l := b.befriended(b.reachable(2))
	n.eager = false
	b.pass(time.Second)
	l.told(t)
	b.member(testKey(3))
	p, _ := b.Catalog().Get(testKey(3).PeerID())
	for teller := range byte(3) {
		for range maxMissing - 10 {
			b.worker.learned(p.Entry.Peer, p, ident.PeerID{9, teller}, false)
		}
	}
	b.pass(b.worker.cfg.PushDelay)
	b.pass(namesAfter)
	if got := l.told(t).Names.len(); got != maxMissing {
		t.Errorf("%d of much news are named, want %d", got, maxMissing)
	}
}

// Who changes often is compared, and not passed on; that it left is.
func TestNewsOfAPeerThatChangesOftenIsBounded(t *testing.T) {
	b := newBed(t, nil)
	_, l := b.befriended(b.reachable(2))
	key, at, told := testKey(3), b.wall.UnixMilli(), 0
	for i := range int64(2 * newsBurst) {
		if err := b.hear(b.signed(key, 0, func(e *Entry) { e.Version.Updated = at + i }), key.PeerID()); err != nil {
			t.Fatal(err)
		}
		b.worker.tell()
		told += len(l.told(t).Entries)
	}
	if want := 1 + newsBurst; told != want {
		t.Errorf("%d entries are told, want the first and %d newer ones", told, newsBurst)
	}
	if err := b.hearDeparture(b.departure(key, Version{at, at}), time.Second); err != nil {
		t.Fatal(err)
	}
	b.worker.tell()
	if r := l.told(t); len(r.Departures) != 1 {
		t.Errorf("%d departures are told, want one", len(r.Departures))
	}
}

// Single news is fast, much of it goes together.
func TestRoundsOfNewsKeepTheirDistance(t *testing.T) {
	b := newBed(t, nil)
	_, l := b.befriended(b.reachable(2))
	for range 2 { // what the peer brought is told, and a pause follows
		b.pass(time.Second)
	}
	delay, at := b.worker.cfg.PushDelay, b.wall.UnixMilli()
	for _, c := range []struct {
		news int
		wait time.Duration // until it is told
	}{{1, 0}, {1, delay}, {muchNews, delay}, {muchNews + 1, delay}, {1, muchDelay * delay}, {1, delay}} {
		l.told(t)
		for i := range c.news {
			at++
			if err := b.hear(b.signed(testKey(byte(10+i)), 0, func(e *Entry) { e.Version = Version{at, at} }), ident.PeerID{9}); err != nil {
				t.Fatal(err)
			}
		}
		if c.wait > 0 {
			if b.pass(c.wait - 1); len(l.said) != 0 {
				t.Fatalf("%d pieces of news are told before %s", c.news, c.wait)
			}
		}
		if b.pass(min(1, c.wait)); len(l.said) == 0 {
			t.Fatalf("%d pieces of news are not told after %s", c.news, c.wait)
		}
	}
}

func TestWordsThatWaitAreBounded(t *testing.T) {
	b := newBed(t, nil)
	for range 2 * maxWords {
		b.worker.pass(&Suspicion{}, ident.PeerID{9})
	}
	if n := len(b.worker.words); n != maxWords {
		t.Errorf("%d words wait to be told, want %d", n, maxWords)
	}
}

func TestNeighbourThatForgesIsCutOff(t *testing.T) {
	b := newBed(t, nil)
	n, l := b.befriended(b.reachable(2))
	for i := range maxRefused + 1 {
		if l.closed != wire.None {
			t.Fatalf("cut off after %d forgeries", i)
		}
		n.told(&rumour{Entries: blobs{[]byte("no entry")}})
	}
	if l.closed != wire.ProtocolViolation {
		t.Errorf("closed with %s, want %s", l.closed, wire.ProtocolViolation)
	}
}

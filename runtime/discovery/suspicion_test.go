package discovery

import (
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// member makes key's peer one of the catalog, and gives its version.
func (b *bed) member(key ident.Key) Version {
	b.t.Helper()
	if err := b.hear(b.signed(key, 0, nil), key.PeerID()); err != nil {
		b.t.Fatal(err)
	}
	p, _ := b.Catalog().Get(key.PeerID())
	return p.Entry.Version
}

// said has a peer hear that accuser does not reach suspect.
func (b *bed) said(accuser ident.Key, suspect ident.PeerID, v Version) error {
	b.t.Helper()
	word, err := SignSuspicion(testNetwork, suspect, v, accuser)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.suspicion(word.Raw())
}

func (b *bed) suspicion(raw []byte) error {
	defer b.worker.commit()
	return b.worker.mergeSuspicion(raw, ident.PeerID{9})
}

func TestSuspicionsAreCheckedAndCountOnceForEachMember(t *testing.T) {
	b := newBed(t, nil)
	suspect := testKey(2).PeerID()
	v := b.member(testKey(2))
	for n := byte(3); n < 9; n++ {
		b.member(testKey(n))
	}
	words := func() int {
		if s := b.worker.suspects[suspect]; s != nil {
			return len(s.words)
		}
		return 0
	}
	for what, c := range map[string]func() error{
		"a stranger":     func() error { return b.said(testKey(50), suspect, v) },
		"an old version": func() error { return b.said(testKey(3), suspect, Version{v.Started - 1, v.Started - 1}) },
		"a new version":  func() error { return b.said(testKey(3), suspect, v.next(v.Updated+5)) },
		"nobody known":   func() error { return b.said(testKey(3), testKey(51).PeerID(), v) },
		"itself":         func() error { return b.said(b.key, suspect, v) },
	} {
		if err := c(); err != nil || words() != 0 {
			t.Errorf("%s: %v, %d words, want neither", what, err, words())
		}
	}
	foreign, err := SignSuspicion(ident.Network("other"), suspect, v, testKey(3))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.suspicion(foreign.Raw()); !errors.Is(err, wire.DifferentNetwork) {
		t.Errorf("of another network: got %v", err)
	}
	good, err := SignSuspicion(testNetwork, suspect, v, testKey(3))
	if err != nil {
		t.Fatal(err)
	}
	forged := append([]byte{good.Raw()[0] ^ 1}, good.Raw()[1:]...)
	if err := b.suspicion(forged); !errors.Is(err, ErrSignature) {
		t.Errorf("forged: got %v", err)
	}
	if err := b.suspicion([]byte("garbage of some length, which is no signature at all, but is as long as one")); !errors.Is(err, ErrMalformed) {
		t.Errorf("garbage: got %v", err)
	}
	if words() != 0 || b.count(event.EntryRefused, ident.PeerID{9}) != 3 {
		t.Fatalf("%d words, %d refusals reported; want 0 and 3", words(), b.count(event.EntryRefused, ident.PeerID{9}))
	}
	for i, n := range []byte{3, 3, 4, 3, 4, 5, 6, 7} {
		if err := b.said(testKey(n), suspect, v); err != nil {
			t.Fatal(err)
		}
		if want := []int{1, 1, 2, 2, 2, 3, 3, 3}[i]; words() != want || len(b.worker.words) != want {
			t.Fatalf("after word %d: %d are kept and %d passed on, want %d", i, words(), len(b.worker.words), want)
		}
	}
}

func TestOnlyTheWordOfEnoughMembersHides(t *testing.T) {
	for members := range 4 {
		b := newBed(t, nil)
		suspect := testKey(2).PeerID()
		v := b.member(testKey(2))
		b.member(testKey(20))
		if err := b.said(testKey(20), suspect, v); err != nil { // so that there is something to judge
			t.Fatal(err)
		}
		for n := range byte(members) {
			b.member(testKey(3 + n))
			if err := b.said(testKey(3+n), suspect, v); err != nil {
				t.Fatal(err)
			}
		}
		b.worker.judge(suspect, b.worker.suspects[suspect])
		_, there := b.Catalog().Get(suspect)
		want, all := 1+members < quorum, 0
		for p := range b.Catalog().All() {
			if p.Entry.Peer == suspect && !want {
				t.Errorf("on the word of %d: hidden, and listed", 1+members)
			}
			all++
		}
		if there != want || b.Catalog().Len() != all || want != (all == 3+members) {
			t.Errorf("on the word of %d: in the catalog %t, want %t; %d are listed, %d counted", 1+members, there, want, all, b.Catalog().Len())
		}
	}
}

// hide has the node find out by itself that a peer does not answer.
func (b *bed) hide(peer ident.PeerID) {
	b.t.Helper()
	for range strikes {
		b.worker.contact(peer, wire.DialFailed)
	}
	b.worker.judge(peer, b.worker.suspects[peer])
	if _, there := b.Catalog().Get(peer); there {
		b.t.Fatal("not hidden")
	}
}

// accusedBed has a suspect of whom enough members say that it does not answer.
func accusedBed(t *testing.T) (b *bed, suspect ident.PeerID) {
	t.Helper()
	b = newBed(t, nil)
	v := b.member(testKey(2))
	for n := range byte(quorum) {
		b.member(testKey(3 + n))
		if err := b.said(testKey(3+n), testKey(2).PeerID(), v); err != nil {
			t.Fatal(err)
		}
	}
	return b, testKey(2).PeerID()
}

func TestANewerVersionRefutes(t *testing.T) {
	b, suspect := accusedBed(t)
	s := b.worker.suspects[suspect]
	if err := b.hear(b.signed(testKey(2), time.Second, nil), suspect); err != nil {
		t.Fatal(err)
	}
	b.worker.judge(suspect, s)
	if _, there := b.Catalog().Get(suspect); !there || b.worker.suspects[suspect] != nil {
		t.Error("refuted, and hidden all the same")
	}
}

func TestWhoWasReachedIsNotHiddenOnTheWordOfOthers(t *testing.T) {
	b, suspect := accusedBed(t)
	b.worker.contact(suspect, nil)
	b.worker.judge(suspect, b.worker.suspects[suspect])
	if _, there := b.Catalog().Get(suspect); !there {
		t.Error("hidden, though this node reached it")
	}
	b.worker.contact(suspect, wire.DialFailed)
	b.worker.judge(suspect, b.worker.suspects[suspect])
	if _, there := b.Catalog().Get(suspect); there {
		t.Error("not hidden after a failure of its own")
	}
}

func TestThatAPeerWasReachedOnceDoesNotCountForEver(t *testing.T) {
	b, suspect := accusedBed(t)
	s := b.worker.suspects[suspect]
	b.worker.contact(suspect, nil)
	b.mono += 2*b.worker.cfg.SuspicionTimeout - 1
	b.worker.judge(suspect, s)
	if _, there := b.Catalog().Get(suspect); !there {
		t.Error("hidden, though it has time to refute")
	}
	b.mono++
	b.worker.judge(suspect, s)
	if _, there := b.Catalog().Get(suspect); there {
		t.Error("never hidden, though it did not refute what it heard")
	}
}

func TestOneFailureIsNoSuspicionUnlessOthersHaveOne(t *testing.T) {
	for _, others := range []bool{false, true} {
		b := newBed(t, nil)
		suspect := testKey(2).PeerID()
		v := b.member(testKey(2))
		b.member(testKey(3))
		if others {
			if err := b.said(testKey(3), suspect, v); err != nil {
				t.Fatal(err)
			}
		}
		b.worker.contact(suspect, wire.DialFailed)
		if told := b.count(event.PeerSuspected, suspect) != 0; told != others {
			t.Errorf("after one failure, others suspect it %t: told %t", others, told)
		}
		b.worker.contact(suspect, wire.Overloaded) // an answer
		b.worker.contact(suspect, wire.DialFailed)
		if told := b.count(event.PeerSuspected, suspect) != 0; told != others {
			t.Errorf("failures with an answer between them, others suspect it %t: told %t", others, told)
		}
		before := b.count(event.PeerSuspected, suspect)
		for range 5 {
			b.worker.contact(suspect, wire.DialFailed)
		}
		if n := b.count(event.PeerSuspected, suspect); !others && n-before != 1 || n == 0 {
			t.Errorf("after two failures in a row, others suspect it %t: told %d times, want once", others, n-before)
		}
	}
}

func TestHiddenPeersComeBackThemselvesOnly(t *testing.T) {
	b := newBed(t, nil)
	dead := testKey(2).PeerID()
	v := b.member(testKey(2))
	old := b.signed(testKey(2), 0, nil)
	b.hide(dead)
	if err := b.hear(old, testKey(3).PeerID()); err != nil {
		t.Fatal(err)
	}
	if _, there := b.Catalog().Get(dead); there {
		t.Error("an old entry brought it back")
	}
	b.worker.contact(dead, nil)
	if p, there := b.Catalog().Get(dead); !there || p.Entry.Version != v {
		t.Error("it answered, and is still hidden")
	}
	b.hide(dead)
	if err := b.hear(b.signed(testKey(2), time.Second, nil), testKey(3).PeerID()); err != nil {
		t.Fatal(err)
	}
	if p, there := b.Catalog().Get(dead); !there || p.Entry.Version == v {
		t.Error("a newer entry did not bring it back")
	}
	if n := b.count(event.PeerReturned, dead); n != 2 {
		t.Errorf("returned %d times, want 2", n)
	}
	b.hide(dead)
	now := b.wall.Add(time.Second).UnixMilli()
	d := b.departure(testKey(2), Version{now, now + 1})
	if err := b.hearDeparture(d, time.Minute); err != nil {
		t.Fatal(err)
	}
	if len(b.worker.hidden)+len(b.worker.lost.peers) != 0 {
		t.Errorf("it left, and is still remembered: %d hidden, %d lost", len(b.worker.hidden), len(b.worker.lost.peers))
	}
	if e := b.events[len(b.events)-1]; e.Kind != event.PeerDeparted || e.Reason != wire.GracefulShutdown {
		t.Errorf("got %s, want that who was hidden turned out to have left", e)
	}
}

func TestAnAccuserIsHeardSoOftenOnly(t *testing.T) {
	b := newBed(t, nil)
	a := testKey(2).PeerID()
	for i := range accuseBurst {
		if !b.worker.mayAccuse(a) {
			t.Fatalf("word %d of one accuser at once is not heard", i)
		}
	}
	if b.worker.mayAccuse(a) {
		t.Errorf("more than %d words of one accuser at once are heard", accuseBurst)
	}
	if b.mono += accuseEvery; !b.worker.mayAccuse(a) || b.worker.mayAccuse(a) {
		t.Error("not one more is heard after a while")
	}
	for i := range wordBurst {
		b.worker.mayAccuse(ident.PeerID{7, byte(i), byte(i >> 8)})
	}
	if b.worker.mayAccuse(ident.PeerID{8}) {
		t.Errorf("more than %d words at once are heard", wordBurst)
	}
	if b.mono += wordEvery; !b.worker.mayAccuse(ident.PeerID{8}) {
		t.Error("nobody is ever heard again")
	}
}

// An accusation that is one too many is not even verified.
func TestFloodsOfSuspicionsAreNotVerified(t *testing.T) {
	b := newBed(t, nil)
	v := b.member(testKey(2))
	b.member(testKey(3))
	for range accuseBurst {
		b.worker.mayAccuse(testKey(3).PeerID())
	}
	word, err := SignSuspicion(testNetwork, testKey(2).PeerID(), v, testKey(3))
	if err != nil {
		t.Fatal(err)
	}
	forged := append([]byte{word.raw[0] ^ 1}, word.raw[1:]...)
	if err := b.suspicion(forged); err != nil {
		t.Errorf("got %v, want nobody to look", err)
	}
}

func TestOneSourceTellsOfSoManyNewPeersOnly(t *testing.T) {
	b := newBed(t, func(_ *bed, c *Config) { c.MaxPeers = 40 })
	liar, other := testKey(2).PeerID(), testKey(3).PeerID()
	tell := func(n byte, from ident.PeerID) error { return b.hear(b.signed(testKey(100+n), 0, nil), from) }
	for n := range byte(20) {
		if err := tell(n, liar); (n < 10) != (err == nil) || err != nil && !errors.Is(err, ErrSource) {
			t.Fatalf("new peer %d of one source: %v", n, err)
		}
	}
	if n := b.Catalog().Len(); n != 11 {
		t.Errorf("%d peers in the catalog, want itself and 10", n)
	}
	for what, err := range map[string]error{
		"another source":    tell(10, other),
		"about itself":      tell(11, testKey(111).PeerID()),
		"one that is known": b.hear(b.signed(testKey(100), time.Second, nil), liar),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	b.mono += sourcePeriod / 10
	if err := tell(12, liar); err != nil {
		t.Errorf("after a while: %v", err)
	}
	if err := tell(13, liar); !errors.Is(err, ErrSource) {
		t.Errorf("two after a while: %v", err)
	}
}

func TestTheAccusedPublishesOncePerVersionThatIsSuspected(t *testing.T) {
	b := newBed(t, nil)
	before := b.Me().Version
	for n := byte(3); n < 8; n++ {
		b.member(testKey(n))
		if err := b.said(testKey(n), b.self, before); err != nil {
			t.Fatal(err)
		}
	}
	after := b.Me().Version
	if after.Compare(before) <= 0 || b.count(event.EntryPublished, b.self) != 2 {
		t.Errorf("published %d times, %s after %s; want twice", b.count(event.EntryPublished, b.self), after, before)
	}
	if len(b.worker.suspects) != 0 {
		t.Error("it suspects itself")
	}
}

func TestTheWordOfAHiddenPeerIsRefuted(t *testing.T) {
	b := newBed(t, nil)
	v := b.member(testKey(2))
	b.member(testKey(3))
	if err := b.said(testKey(3), testKey(2).PeerID(), v); err != nil { // so that there is something to judge
		t.Fatal(err)
	}
	b.worker.contact(testKey(2).PeerID(), wire.DialFailed)
	b.worker.judge(testKey(2).PeerID(), b.worker.suspects[testKey(2).PeerID()])
	if b.worker.hidden[testKey(2).PeerID()] == nil {
		t.Fatal("the accuser is not hidden")
	}
	before := b.worker.version
	third := testKey(3).PeerID()
	of, _ := b.Catalog().Get(third)
	if err := b.said(testKey(2), third, of.Entry.Version); err != nil || b.worker.suspects[third] != nil {
		t.Errorf("of a third: %v, suspects %v; want that it does not count", err, b.worker.suspects[third])
	}
	if err := b.said(testKey(50), b.key.PeerID(), before); err != nil || b.worker.version != before {
		t.Errorf("of a stranger: %v, version %s, want %s still", err, b.worker.version, before)
	}
	if err := b.said(testKey(2), b.key.PeerID(), before); err != nil || b.worker.version.Compare(before) <= 0 {
		t.Errorf("of a hidden peer: %v, version %s, want one after %s", err, b.worker.version, before)
	}
}

// Who still lists a hidden peer is told what is said against it, so that more of it counts.
func TestWordsAgainstAHiddenPeerAreKeptAndPassedOn(t *testing.T) {
	b := newBed(t, nil)
	dead := testKey(2).PeerID()
	v := b.member(testKey(2))
	b.hide(dead)
	passed := len(b.worker.words)
	for i, n := range []byte{3, 3, 4, 5} {
		b.member(testKey(n))
		for _, v := range []Version{{v.Started - 1, v.Updated}, v.next(v.Updated + 1), v} {
			if err := b.said(testKey(n), dead, v); err != nil {
				t.Fatal(err)
			}
		}
		want := []int{1, 1, 2, 2}[i] // beside its own
		if got := len(b.worker.against(dead)) - 1; got != want || len(b.worker.words)-passed != want {
			t.Errorf("after word %d: %d are kept and %d passed on, want %d", i, got, len(b.worker.words)-passed, want)
		}
		for _, word := range b.worker.against(dead) {
			if word.Version != v {
				t.Errorf("after word %d: one of version %s is kept, want those of %s", i, word.Version, v)
			}
		}
	}
}

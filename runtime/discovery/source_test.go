package discovery

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

func TestRefusalsNameWhomTheyCameFrom(t *testing.T) {
	b := newBed(t, nil)
	teller, other := testKey(7).PeerID(), testKey(2)
	last := func() event.Event { return b.events[len(b.events)-1] }
	if err := b.hear(b.signed(other, time.Hour, nil), teller); !errors.Is(err, ErrDrift) {
		t.Fatal(err)
	}
	if e := last(); e.Kind != event.EntryRefused || e.Peer != other.PeerID() || !strings.HasSuffix(e.Text, "told by "+teller.Short()) {
		t.Errorf("an entry from the future: %s", e)
	}
	if err := b.hear(b.signed(other, time.Hour, nil), other.PeerID()); !errors.Is(err, ErrDrift) {
		t.Fatal(err)
	}
	if e := last(); strings.Contains(e.Text, "told by") {
		t.Errorf("an own entry from the future: %s", e)
	}
	b.member(other)
	dep := b.departure(other, Version{1, b.wall.UnixMilli()})
	forged := append([]byte{dep.raw[0] ^ 1}, dep.raw[1:]...)
	if err := b.worker.mergeDeparture(oldNews{Raw: forged, Left: 1000}, teller); !errors.Is(err, ErrSignature) {
		t.Fatal(err)
	}
	if e := last(); e.Kind != event.EntryRefused || e.Peer != teller {
		t.Errorf("a forged departure is put down to %s, want who told it", e.Peer.Short())
	}
}

func TestRefusalsAreCountedWhenTheyAreTooManyToReport(t *testing.T) {
	b := newBed(t, nil)
	teller := testKey(7).PeerID()
	total := func() (reports int, n int64) {
		for _, e := range b.events {
			if e.Kind == event.EntryRefused {
				reports, n = reports+1, n+e.N
			}
		}
		return reports, n
	}
	for range 100 {
		_ = b.hear(b.signed(testKey(2), time.Hour, nil), teller)
	}
	if reports, n := total(); reports != maxRefused || n != maxRefused {
		t.Errorf("%d reports of %d refusals at once, want %d", reports, n, maxRefused)
	}
	b.mono += reportEvery
	b.worker.sweepSources()
	if reports, n := total(); reports != maxRefused+1 || n != 100 {
		t.Errorf("%d reports of %d refusals later, want all 100", reports, n)
	}
	b.mono += time.Hour
	b.worker.sweepSources()
	if n := len(b.worker.sources); n != 0 {
		t.Errorf("%d sources are remembered an hour later", n)
	}
}

func TestSourcesAreBounded(t *testing.T) {
	b := newBed(t, nil)
	for i := range maxSources + 100 {
		b.worker.source(ident.PeerID{1, byte(i), byte(i >> 8)}).refused++
	}
	if n := len(b.worker.sources); n > maxSources+1 {
		t.Errorf("%d sources are kept apart, want at most %d", n, maxSources)
	}
}

func TestForgeriesAreForgivenSlowly(t *testing.T) {
	b := newBed(t, nil)
	liar := testKey(7).PeerID()
	for i := range maxRefused {
		if b.worker.blame(liar, fmt.Errorf("entry: %w", ErrSignature)) {
			t.Fatalf("cut off after %d forgeries", i+1)
		}
	}
	if b.worker.blame(liar, wire.DifferentNetwork) {
		t.Error("what a correct peer may pass on counts as forgery")
	}
	if !b.worker.trusted(liar) {
		t.Error("refused before it forged too much")
	}
	if !b.worker.blame(liar, ErrMalformed) || b.worker.trusted(liar) {
		t.Error("not cut off for one forgery too many")
	}
	b.mono += forgedEvery
	if !b.worker.trusted(liar) {
		t.Error("never forgiven")
	}
	if !b.worker.blame(liar, ErrMalformed) {
		t.Error("all is forgiven at once")
	}
}

func TestRefusedEntriesAreNotAskedForAgain(t *testing.T) {
	b := newBed(t, func(_ *bed, c *Config) { c.MaxPeers = 2 })
	b.member(testKey(2))
	raw := b.signed(testKey(3), 0, nil)
	s, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	asks := func() bool {
		x := &exchange{w: b.worker, box: outbox{budget: maxExchangeBytes}}
		x.weigh(s.peer.holding())
		if lacks := b.worker.lacks(s.peer.holding()); lacks != (len(x.box.wants) > 0) {
			t.Errorf("asked for when catalogs are compared: %t, when it is named: %t", !lacks, lacks)
		}
		return len(x.box.wants) > 0
	}
	if !asks() {
		t.Error("a new entry is not asked for")
	}
	if err := b.hear(raw, testKey(2).PeerID()); !errors.Is(err, ErrCatalogFull) {
		t.Fatal(err)
	}
	if asks() {
		t.Error("what was refused is asked for again")
	}
	b.mono += avoidFor
	if !asks() {
		t.Error("what was refused once is never asked for again")
	}
	far := b.signed(testKey(4), time.Hour, nil)
	f, err := Parse(far)
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{w: b.worker, box: outbox{budget: maxExchangeBytes}}
	if x.weigh(f.peer.holding()); len(x.box.wants) > 0 {
		t.Error("an entry from the future is asked for")
	}
	for i := range 2 * maxAvoided {
		b.worker.avoids.note(holding{Peer: ident.PeerID{1, byte(i), byte(i >> 8)}}, b.mono)
	}
	if n := len(b.worker.avoids); n > maxAvoided {
		t.Errorf("%d refusals are remembered, want at most %d", n, maxAvoided)
	}
}

func TestLargeEntriesAreRefusedBeforeTheyAreVerified(t *testing.T) {
	verifier := &countingVerifier{}
	b := newBed(t, func(_ *bed, c *Config) { c.Limits.Bytes, c.Verifier = 1000, verifier })
	raw := b.signed(testKey(2), 0, func(e *Entry) {
		for i := range byte(40) {
			e.Tags = append(e.Tags, ident.Tag{i})
		}
	})
	var limit *LimitError
	if err := b.hear(raw, testKey(2).PeerID()); !errors.As(err, &limit) || verifier.n != 0 {
		t.Errorf("got %v after %d verifications, want a LimitError and none", err, verifier.n)
	}
}

type countingVerifier struct{ n int }

func (v *countingVerifier) Verify(raw []byte) (*Signed, error) {
	v.n++
	return Parse(raw)
}

func TestUnsignedEntriesAreBounded(t *testing.T) {
	b := newBed(t, nil)
	for i := range maxUnsigned + 1 {
		err := b.worker.trust(&Entry{Network: testNetwork, Peer: ident.PeerID{1, byte(i), byte(i >> 8)}})
		if full := errors.Is(err, ErrCatalogFull); full != (i == maxUnsigned) {
			t.Fatalf("entry %d: %v", i, err)
		}
	}
	b.worker.distrust(func(ident.PeerID) bool { return true })
	if b.worker.unsigned != 0 || b.Catalog().Len() != 1 {
		t.Errorf("%d are counted after all were taken out", b.worker.unsigned)
	}
	key := testKey(2)
	if err := b.worker.trust(&Entry{Network: testNetwork, Peer: key.PeerID()}); err != nil {
		t.Fatal(err)
	}
	b.member(key)
	if b.worker.unsigned != 0 {
		t.Error("a signed entry took its place, and it is counted still")
	}
	if err := b.worker.trust(&Entry{Network: testNetwork, Peer: ident.PeerID{9}, Addrs: []string{"224.0.0.1:4000"}}); !errors.Is(err, ErrAddress) {
		t.Errorf("an address of nobody: %v", err)
	}
}

func TestHiddenPeersAreBounded(t *testing.T) {
	b := newBed(t, func(_ *bed, c *Config) { c.MaxPeers = 4 })
	for n := byte(2); n < 12; n++ {
		peer := testKey(n).PeerID()
		b.mono += time.Second
		b.member(testKey(n))
		b.hide(peer)
		if len(b.worker.hidden) > 4 || b.worker.hidden[peer] == nil {
			t.Fatalf("%d peers are hidden, want at most 4, the last among them", len(b.worker.hidden))
		}
	}
	if n := b.count(event.PeerDeparted, testKey(2).PeerID()); n != 1 {
		t.Errorf("the oldest is forgotten with %d departures told, want one", n)
	}
}

// Two nodes that cannot reach each other, and that all others reach, must not keep the
// network busy with accusations and refutations.
func TestWhoWasRefutedWaitsLongerToAccuse(t *testing.T) {
	b := newBed(t, nil)
	peer := testKey(2).PeerID()
	b.member(testKey(2))
	contacts := func() (n int) {
		before := b.count(event.PeerSuspected, peer)
		for b.count(event.PeerSuspected, peer) == before {
			b.worker.contact(peer, wire.DialFailed)
			n++
		}
		return n
	}
	for i := range 20 {
		want := strikes + min(i, maxAccused)*strikes
		if got := contacts(); got != want {
			t.Fatalf("accusation %d after %d failures, want %d", i, got, want)
		}
		if err := b.hear(b.signed(testKey(2), time.Duration(i+1)*time.Second, nil), peer); err != nil {
			t.Fatal(err)
		}
	}
	b.worker.contact(peer, nil)
	if got := contacts(); got != strikes {
		t.Errorf("after it was reached, accused after %d failures, want %d", got, strikes)
	}
}

func TestWhatDoesNotFitIntoOneExchangeFollowsInAnother(t *testing.T) {
	b := newBed(t, nil)
	peer := b.reachable(2)
	p, _ := b.Catalog().Get(peer)
	box := outbox{budget: len(p.raw) + 2*itemRoom}
	box.addPeer(p)
	if box.short {
		t.Error("an entry that fits does not")
	}
	if box.addPeer(p); !box.short {
		t.Error("nothing tells that an entry did not fit")
	}
	for _, short := range []bool{false, true} {
		b.worker.meet(peer)
		x := b.worker.jobs[peer].exchange
		x.box.short = short
		x.closed(nil)
		if again := b.worker.jobs[peer] != nil; again != short {
			t.Errorf("something was left out %t: another exchange follows %t", short, again)
		}
	}
}

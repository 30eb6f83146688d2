package discovery

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// One failure is no suspicion: the node looks again, unless there was an answer meanwhile.
func TestPeerThatFailedOnceIsLookedForAfterAWhile(t *testing.T) {
	for _, answers := range []bool{false, true} {
		b := newBed(t, nil)
		peer := b.reachable(2)
		b.pass(time.Hour)
		b.worker.contact(peer, wire.DialFailed)
		if b.worker.jobs[peer] != nil {
			t.Error("looked for at once")
		}
		if answers {
			b.worker.contact(peer, nil)
		}
		b.pass(b.worker.cfg.MinBackoff)
		if looked := b.worker.jobs[peer] != nil; looked == answers {
			t.Errorf("it answered meanwhile %t: looked for %t", answers, looked)
		}
	}
}

// Whom others suspect this node looks for itself, in its turn, while that says anything new.
func TestEachLooksForASuspectInItsTurn(t *testing.T) {
	for what, c := range map[string]struct {
		meanwhile func(b *bed, suspect ident.PeerID, v Version)
		looks     bool
	}{
		"nothing": {func(*bed, ident.PeerID, Version) {}, true},
		"it is a neighbour": {func(b *bed, suspect ident.PeerID, _ Version) {
			b.befriended(suspect)
		}, false},
		"enough say so": {func(b *bed, suspect ident.PeerID, v Version) {
			for n := byte(4); n < 4+quorum; n++ {
				b.member(testKey(n))
				if err := b.said(testKey(n), suspect, v); err != nil {
					t.Fatal(err)
				}
			}
		}, false},
		"this node says so": {func(b *bed, suspect ident.PeerID, _ Version) { b.worker.accuse(suspect) }, false},
		"it refuted": {func(b *bed, suspect ident.PeerID, _ Version) {
			if err := b.hear(b.signed(testKey(2), time.Second, nil), suspect); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		b := newBed(t, func(_ *bed, c *Config) { c.SuspicionTimeout = time.Hour })
		suspect := b.reachable(2)
		b.member(testKey(3))
		v := b.worker.signed(suspect).Entry.Version
		if err := b.said(testKey(3), suspect, v); err != nil {
			t.Fatal(err)
		}
		turn := b.worker.turn(suspect)
		c.meanwhile(b, suspect, v)
		if b.pass(turn - 1); b.worker.jobs[suspect] != nil {
			t.Errorf("%s: looked for before its turn", what)
		}
		if b.pass(1); (b.worker.jobs[suspect] != nil) != c.looks {
			t.Errorf("%s: looked for %t, want %t", what, !c.looks, c.looks)
		}
	}
}

// The neighbours of a peer on the ring of ids look first, one after the other.
func TestTurnsFollowTheRing(t *testing.T) {
	b := newBed(t, nil)
	for n := byte(2); n < 12; n++ {
		b.member(testKey(n))
	}
	var ring []ident.PeerID
	self := 0
	for p := range b.Catalog().All() {
		if p.Entry.Peer == b.self {
			self = len(ring)
		}
		ring = append(ring, p.Entry.Peer)
	}
	for behind := 1; behind < len(ring); behind++ {
		suspect := ring[(self-behind+len(ring))%len(ring)]
		if got, want := b.worker.turn(suspect), time.Duration(behind)*lookEvery; got != want {
			t.Errorf("%d places behind a peer: its turn is after %s, want %s", behind, got, want)
		}
	}
}

func TestSuspicionOfWhichNothingComesIsForgotten(t *testing.T) {
	b := newBed(t, nil)
	suspect := b.reachable(2)
	b.member(testKey(3))
	if err := b.said(testKey(3), suspect, b.worker.signed(suspect).Entry.Version); err != nil {
		t.Fatal(err)
	}
	s := b.worker.suspects[suspect]
	b.mono += maxDoubt
	if b.worker.judge(suspect, s); b.worker.suspects[suspect] == nil {
		t.Error("forgotten before its time")
	}
	b.mono++
	if b.worker.judge(suspect, s); b.worker.suspects[suspect] != nil || b.worker.signed(suspect) == nil {
		t.Error("kept for ever, or believed")
	}
}

// A suspect that is a neighbour is there: it hears what is said, and should refute it.
func TestSuspectThatIsANeighbourIsToldAndKept(t *testing.T) {
	b, suspect := accusedBed(t)
	_, l := b.befriended(suspect)
	s := b.worker.suspects[suspect]
	b.worker.judge(suspect, s)
	if r := l.told(t); len(r.Suspicions) != quorum || b.worker.signed(suspect) == nil {
		t.Errorf("told %d words, and kept %t", len(r.Suspicions), b.worker.signed(suspect) != nil)
	}
	// What failed before it was a neighbour does not count when it is none any more.
	b = newBed(t, nil)
	suspect = b.reachable(2)
	for range strikes {
		b.worker.contact(suspect, wire.DialFailed)
	}
	n, _ := b.befriended(suspect)
	s = b.worker.suspects[suspect]
	b.worker.judge(suspect, s)
	n.end(wire.Finished)
	if b.worker.judge(suspect, s); b.worker.signed(suspect) == nil {
		t.Error("hidden for a failure from before it was a neighbour")
	}
}

func TestWhoToldASuspicionIsShownTheRefutation(t *testing.T) {
	b := newBed(t, nil)
	b.member(testKey(3))
	if err := b.said(testKey(3), b.self, b.Me().Version); err != nil {
		t.Fatal(err)
	}
	teller := ident.PeerID{9} // of all words of this bed
	if b.pass(tellAfter - 1); b.worker.jobs[teller] != nil {
		t.Error("compared before the exchange may be over in which it came")
	}
	if b.pass(1); b.worker.jobs[teller] == nil {
		t.Error("not compared with who told the suspicion")
	}
}

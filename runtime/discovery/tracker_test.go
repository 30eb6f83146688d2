package discovery

import (
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
	"pgregory.net/rapid"
)

const ms = time.Millisecond

func TestTrackerFollowsRFC6298(t *testing.T) {
	peer, rtts := ident.PeerID{1}, tracker{}
	steps := []struct {
		at, latest         time.Duration
		smoothed, variance time.Duration
		moved              bool
	}{
		{1 * time.Second, 80 * ms, 80 * ms, 40 * ms, true},
		{1500 * ms, 800 * ms, 80 * ms, 40 * ms, false},                       // within a second of the last
		{2 * time.Second, 160 * ms, 90 * ms, 50 * ms, true},                  // 7/8*80+1/8*160, 3/4*40+1/4*80
		{3 * time.Second, 98 * ms, 91 * ms, 39500 * time.Microsecond, false}, // moved by a ninetieth
		{4 * time.Second, 0, 91 * ms, 39500 * time.Microsecond, false},       // nothing measured
		{4 * time.Second, time.Hour, 91 * ms, 39500 * time.Microsecond, false},
	}
	for i, s := range steps {
		_, _, moved := rtts.add(peer, runtime.RTT{Latest: s.latest, At: s.at})
		if e := rtts[peer]; e.smoothed != s.smoothed || e.variance != s.variance || moved != s.moved {
			t.Errorf("step %d: got %s, %s, %v; want %s, %s, %v", i, e.smoothed, e.variance, moved, s.smoothed, s.variance, s.moved)
		}
	}
	if got := rtts[peer].reported; got != 90*ms {
		t.Errorf("reported %s, want %s", got, 90*ms)
	}
	rtts.forget(peer)
	if len(rtts) != 0 {
		t.Error("a forgotten peer is still there")
	}
}

func TestSmallMovesAreNotReported(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		peer, rtts, told := ident.PeerID{1}, tracker{}, time.Duration(0)
		for i := range rapid.IntRange(1, 50).Draw(t, "samples") {
			latest := time.Duration(rapid.Int64Range(1, int64(maxRTT)).Draw(t, "latest"))
			rtt, settled, moved := rtts.add(peer, runtime.RTT{Latest: latest, At: time.Duration(i+1) * time.Second})
			if settled && moved {
				moved = false // told once more
			}
			by := (rtts[peer].smoothed - told).Abs()
			if want := told == 0 || by > told/16 && by > reportFloor; moved != want {
				t.Fatalf("from %s to %s: reported %v, want %v", told, rtts[peer].smoothed, moved, want)
			}
			if moved {
				told = rtt
			}
			if rtt != told {
				t.Fatalf("got %s, want what was told last, %s", rtt, told)
			}
		}
	})
}

func TestPeersAreMeasuredAsLongAsSomebodyTracksThem(t *testing.T) {
	b := newBed(t, nil)
	w := b.worker
	peer := b.reachable(2)
	measured := func() bool { // and whether it is to be again
		w.measureTracked()
		pings := slices.Clone(w.pings)
		for _, p := range pings {
			p.OnClosed(runtime.Closed{Reason: wire.Finished})
		}
		if again := w.trackTimer != nil; again != (len(w.tracked) > 0) {
			t.Errorf("%d peers are tracked, and are measured again: %t", len(w.tracked), again)
		}
		return len(pings) > 0
	}
	first, second := b.Track(peer), b.Track(peer)
	b.run()
	for i, untrack := range []func(){first, first, second} {
		if !measured() {
			t.Errorf("not measured before somebody leaves for time %d", i)
		}
		untrack()
		b.run()
	}
	if measured() || len(w.tracked) != 0 {
		t.Errorf("measured though nobody tracks it, or %d are tracked", len(w.tracked))
	}
	b.Track(testKey(50).PeerID())
	b.run()
	if measured() {
		t.Error("a stranger is measured")
	}
}

func TestTrackedPeersAreMeasuredAFewAtATime(t *testing.T) {
	b := newBed(t, nil)
	w := b.worker
	const peers = 2 * maxPings
	for n := range byte(peers) {
		w.track(b.reachable(2+n), 1)
	}
	w.measureTracked()
	seen := map[ident.PeerID]bool{}
	for len(w.pings) > 0 {
		if n := len(w.pings); n > maxPings/2 {
			t.Fatalf("%d are measured at a time, want %d: others may ask too", n, maxPings/2)
		}
		if w.trackTimer != nil {
			t.Fatal("the next measurement is on its way before this one is over")
		}
		seen[w.pings[0].peer] = true
		w.pings[0].OnClosed(runtime.Closed{Reason: wire.Finished})
	}
	if len(seen) != peers || w.trackTimer == nil {
		t.Errorf("%d of %d were measured, and will be again: %t", len(seen), peers, w.trackTimer != nil)
	}
}

// Who is too far away is in no link of this node's: nobody else would see that it came near.
func TestPeersTooFarAwayAreTrackedUntilTheyAreNearOrGone(t *testing.T) {
	b := newBed(t, func(_ *bed, c *Config) { c.MaxRTT = 50 * ms })
	w := b.worker
	at := time.Duration(0)
	sample := func(n byte, rtt time.Duration, times int) {
		for range times {
			at += time.Second
			w.sample(testKey(n).PeerID(), runtime.RTT{Latest: rtt, At: at})
		}
	}
	for n := byte(2); n < 4; n++ {
		b.member(testKey(n))
		sample(n, 40*ms, 5)
		if len(w.tracked) != int(n-2) {
			t.Errorf("%d peers are tracked, though the last one is near", len(w.tracked))
		}
		sample(n, 200*ms, 50)
		if got := w.tracked[testKey(n).PeerID()]; got != 1 {
			t.Errorf("who is too far away is tracked %d times, want once", got)
		}
	}
	sample(2, 30*ms, 50)
	w.drop(testKey(3).PeerID())
	if len(w.tracked)+len(w.far) != 0 {
		t.Errorf("%v are tracked, though one is near and one gone", w.tracked)
	}
}

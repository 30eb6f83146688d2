package discovery

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
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

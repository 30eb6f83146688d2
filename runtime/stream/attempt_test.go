package stream

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/wire"
)

func TestBackOffDoublesUpToItsCap(t *testing.T) {
	wait := time.Duration(0)
	for _, want := range []time.Duration{250, 500, 1000, 2000, 4000, 8000, 10000, 10000} {
		if wait = nextWait(wait, ConsumerConfig{}.withDefaults().Backoff); wait != want*time.Millisecond {
			t.Errorf("got %s, want %s", wait, want*time.Millisecond)
		}
	}
}

func TestCallbacksOfAnOldAttemptAreIgnored(t *testing.T) {
	r := &receiver{} // whatever a callback did with it would panic
	present := &attempt{receiver: r, up: true}
	r.attempt = present
	old := &attempt{receiver: r, up: true}
	old.OnMessage([]byte{frameDatum, 0, 0, 0, 0, 0, 0, 0, 1})
	old.OnMessage([]byte{77})
	old.OnClosed(runtime.Closed{Reason: wire.NotAllowed})
	if r.attempt != present {
		t.Error("an old attempt ended the present one")
	}
}

func TestUnknownRoundTripAdmits(t *testing.T) {
	d := demands{rttBelow: 10 * time.Millisecond}
	for rtt, want := range map[time.Duration]bool{0: true, 10*time.Millisecond - 1: true, 10 * time.Millisecond: false} {
		if got := d.near(&discovery.Peer{RTT: rtt}); got != want {
			t.Errorf("%s: near %t, want %t", rtt, got, want)
		}
	}
}

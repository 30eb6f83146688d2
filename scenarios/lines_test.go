package scenarios_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim/fault"
)

// lateness gives how long the slowest of the datums that were sent within a part of
// the run, in seconds, was under way.
func (o observed) lateness(from, to int64) (d time.Duration) {
	sent := map[uint64]int64{}
	for _, r := range o.records {
		switch r.Kind {
		case event.AppSent:
			sent[r.From] = r.At
		case event.AppReceived:
			if at, ok := sent[r.From]; ok && at >= from*1e9 && at < to*1e9 {
				d = max(d, time.Duration(r.At-at))
			}
		}
	}
	return d
}

func TestFaultsOfLinesDelayWhileTheyLast(t *testing.T) {
	for text, want := range map[string]struct {
		mark      string
		low, high time.Duration
	}{
		"jitter p -> c uniform 200ms":     {fault.MarkJitter, 150 * time.Millisecond, 201 * time.Millisecond},
		"jitter p -> c exponential 200ms": {fault.MarkJitter, 500 * time.Millisecond, 3 * time.Second},
		"jitter p -> c heavy-tail 100ms":  {fault.MarkJitter, 500 * time.Millisecond, 10 * time.Second},
		"throttle p -> c 1200":            {fault.MarkThrottle, 30 * time.Millisecond, 5 * time.Second}, // of about 600 a second
		"burst p -> c 500ms 2s":           {fault.MarkBurst, 20 * time.Millisecond, 5 * time.Second},
		"burst c -> p 500ms 2s":           {fault.MarkBurst, 0, 2 * time.Millisecond}, // the other way
	} {
		o := perform(t, stage(text, 5*time.Second))
		if d := o.lateness(5, 10); d > 2*time.Millisecond {
			t.Errorf("%s: %s before it", text, d)
		}
		if d := o.lateness(11, 29); d < want.low || d > want.high {
			t.Errorf("%s: %s while it lasted, want %s to %s", text, d, want.low, want.high)
		}
		if d := o.lateness(32, 40); d > 2*time.Millisecond {
			t.Errorf("%s: %s after it", text, d)
		}
		if o.Marks[want.mark] != 1 {
			t.Errorf("%s: %d marks, want 1 at its end", text, o.Marks[want.mark])
		}
	}
}

func TestUnreachableHostKeepsItsSessionsAndGetsNoNewOnes(t *testing.T) {
	s := stage("unreachable p", 5*time.Second)
	o := perform(t, s)
	if n := len(o.between(11, 29, event.AppReceived)); n < 175 || o.Marks[fault.MarkUnreachable] != 0 {
		t.Errorf("%d datums over a session that was up, want 180; %d marks, though nobody dialled", n, o.Marks[fault.MarkUnreachable])
	}
	s.Faults = append(s.Faults, scenarios.Fault{At: 12 * time.Second, Fault: "restart c"})
	o = perform(t, s)
	if o.Marks[fault.MarkUnreachable] != 1 {
		t.Errorf("%d marks, want 1", o.Marks[fault.MarkUnreachable])
	}
	if n := len(o.between(50, 60, event.AppReceived)); n == 0 {
		t.Error("the consumer did not come back")
	}
}

func TestHalfOpenSessionEndsAtOneEnd(t *testing.T) {
	o := perform(t, stage("halfopen c -> p", 5*time.Second))
	if o.Marks[netsim.MarkHalfOpen] != 1 {
		t.Fatalf("%d sessions lost an end, want 1", o.Marks[netsim.MarkHalfOpen])
	}
	down := o.between(10, 30, event.SessionDown)
	if len(down) != 2 || down[0].Host != "c" || down[0].At != 10e9 || down[0].Reason != wire.ConnectionLost || down[1].Host != "p" || down[1].At == down[0].At {
		t.Errorf("sessions down: %v, want c's at once and p's later", down)
	}
	if n := len(o.between(35, 40, event.AppReceived)); n < 45 {
		t.Errorf("%d datums in the last 5 s, want 50", n)
	}
}

package scenarios_test

import (
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
	"github.com/smalti/smalti/sim/fault"
)

func TestBrinkSendsAroundTheEndAndOnlyWhatIsInTimeArrives(t *testing.T) {
	s := stage("brink c", 5*time.Second)
	s.Hosts[0].Offset = 700 * time.Millisecond // its clock judges
	s.Streams[0].AlwaysOnline = true           // it goes on without consumers
	o := perform(t, s)
	end := sim.Epoch.Add(12 * time.Second).UnixNano()
	var sent []int64 // since the end
	arrived := map[int64]bool{}
	seqs := map[uint64]int64{}
	for _, r := range o.records {
		switch {
		case r.Kind == event.AppSent && r.Wall >= end-1e6 && r.Wall <= end+1e6:
			sent = append(sent, r.Wall-end)
			seqs[r.From] = r.Wall - end
		case r.Kind == event.AppReceived:
			if at, ok := seqs[r.From]; ok {
				arrived[at] = true
			}
		}
	}
	if want := []int64{-1e6, -1, 0, 1, 1e6}; !slices.Equal(sent, want) {
		t.Fatalf("datums at %v ns from the end, want %v", sent, want)
	}
	for _, at := range sent {
		if arrived[at] != (at < 0) {
			t.Errorf("the datum at %d ns from the end arrived: %t", at, arrived[at])
		}
	}
	if o.Marks[fault.MarkBrink] != 5 {
		t.Errorf("%d marks, want 5", o.Marks[fault.MarkBrink])
	}
	if n := len(o.between(13, 29, event.AppReceived)); n != 0 {
		t.Errorf("%d datums after the end of the right", n)
	}
	if n := len(o.between(33, 40, event.AppReceived)); n < 50 {
		t.Errorf("%d datums after the fault, want 70", n)
	}
}

func TestLapseRenewsAroundTheEnd(t *testing.T) {
	for text, want := range map[string]struct {
		renewed time.Duration
		ends    int
	}{
		"lapse c -1s": {11 * time.Second, 0},
		"lapse c 0s":  {12 * time.Second, 1}, // who checks hears of it a millisecond later
		"lapse c 3s":  {15 * time.Second, 1},
	} {
		o := perform(t, stage(text, 0))
		if got := published(o.between(10, 20, event.EntryPublished), "c"); !slices.Equal(got, []time.Duration{10 * time.Second, want.renewed}) {
			t.Errorf("%s: entries of c at %v, want at 10s and %s", text, got, want.renewed)
		}
		ended := o.between(0, 20, event.SubEnded)
		if len(ended) != want.ends || want.ends > 0 && (ended[0].Reason != wire.Expired || ended[0].At != 12e9) {
			t.Errorf("%s: subscriptions ended: %v, want %d at 12s", text, ended, want.ends)
		}
		if n := len(o.between(20, 28, event.AppReceived)); n < 70 || o.Marks[fault.MarkLapse] != 1 {
			t.Errorf("%s: %d datums later, want 80; %d marks, want 1", text, n, o.Marks[fault.MarkLapse])
		}
	}
}

func TestStolenTicketIsRefused(t *testing.T) {
	s := stage("steal c p", 0)
	o := perform(t, s)
	if n := len(o.between(11, 30, event.AppReceived)); n != 0 {
		t.Errorf("%d datums for a host with the ticket of another", n)
	}
	if n := len(o.between(33, 40, event.AppReceived)); n < 50 || o.Marks[fault.MarkSteal] == 0 {
		t.Errorf("%d datums with its own again, want 70; %d marks", n, o.Marks[fault.MarkSteal])
	}
}

func TestLeaveClosesTheNodeAndItComesBack(t *testing.T) {
	o := perform(t, stage("leave c", 5*time.Second))
	stopped := o.between(10, 29, event.NodeStopped)
	if len(stopped) != 1 || stopped[0].Host != "c" || o.Marks[fault.MarkLeave] != 1 {
		t.Errorf("stopped: %v, %d marks, want c once", stopped, o.Marks[fault.MarkLeave])
	}
	if got := o.between(0, 30, event.HostCrashed); len(got) != 0 {
		t.Errorf("crashes %v", got)
	}
	departed := o.between(10, 15, event.PeerDeparted)
	if len(departed) != 1 || departed[0].Host != "p" || departed[0].Reason == wire.IdleTimeout {
		t.Errorf("departed: %v, want c, told to p", departed)
	}
	if n := len(o.between(33, 40, event.AppReceived)); n < 50 {
		t.Errorf("%d datums after it came back, want 70", n)
	}
}

func TestGulpReadsInBursts(t *testing.T) {
	o := perform(t, stage("gulp c 2s", 5*time.Second))
	gaps := func(from, to int64) (most time.Duration, bursts int) {
		var before int64
		for _, r := range o.between(from, to, event.AppReceived) {
			if before != 0 && r.At-before > 1e9 {
				bursts++
			}
			if before != 0 {
				most = max(most, time.Duration(r.At-before))
			}
			before = r.At
		}
		return most, bursts
	}
	if most, _ := gaps(5, 10); most > 110*time.Millisecond {
		t.Errorf("before: nothing for %s", most)
	}
	if most, bursts := gaps(10, 30); bursts < 8 || bursts > 10 || most > 2200*time.Millisecond {
		t.Errorf("%d bursts in 20 s, want one every 2 s; up to %s between", bursts, most)
	}
	if n := len(o.between(10, 30, event.AppReceived)); n < 170 {
		t.Errorf("%d datums in bursts, want 180 of 200 at least", n)
	}
	if most, _ := gaps(33, 40); most > 110*time.Millisecond {
		t.Errorf("afterwards: nothing for %s", most)
	}
	if n, m := len(o.between(0, 100, event.AppSent)), len(o.between(0, 200, event.AppReceived)); m < n-20 || o.Marks[fault.MarkGulp] < 8 {
		t.Errorf("%d sent, %d received, %d marks", n, m, o.Marks[fault.MarkGulp])
	}
}

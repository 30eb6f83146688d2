package scenarios_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim/fault"
)

// stage is a producer, p, and a consumer, c, whose ticket lives 20 s; one fault
// lasts from 10 s to 30 s.
func stage(text string, renew time.Duration) scenarios.Scenario {
	return scenarios.Scenario{
		Name: "stage", Duration: 40 * time.Second,
		Hosts:    []scenarios.Host{{Name: "p"}, {Name: "c", Ticket: 20 * time.Second, Renew: renew}},
		Streams:  []scenarios.Stream{{Name: "s", Tickets: true}},
		Workload: []scenarios.Work{{Host: "p", Program: scenarios.Produce, Stream: "s", Every: 100 * time.Millisecond, Size: 32}, {Host: "c", Program: scenarios.Consume, Stream: "s"}},
		Faults:   []scenarios.Fault{{At: 10 * time.Second, For: 20 * time.Second, Fault: text}},
	}
}

// observed are the records of a run that passes.
type observed struct {
	scenarios.Result
	records []event.Record
}

func perform(t *testing.T, s scenarios.Scenario) observed {
	t.Helper()
	var o observed
	r, err := scenarios.Run(s, scenarios.Options{Seed: 1, Observe: func(r *event.Record) { o.records = append(o.records, *r) }})
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != scenarios.Pass {
		t.Errorf("%s %v %s", r.Verdict, r.Violations, r.Inconclusive)
	}
	o.Result = r
	return o
}

// between gives the records of a kind within a part of the run, in seconds.
func (o observed) between(from, to int64, k event.Kind) (list []event.Record) {
	for _, r := range o.records {
		if r.Kind == k && r.At >= from*1e9 && r.At < to*1e9 {
			list = append(list, r)
		}
	}
	return list
}

func TestFloodMakesBurstsWhileItLasts(t *testing.T) {
	o := perform(t, stage("flood p 7", 5*time.Second))
	for _, part := range []struct {
		from, to int64
		want     int
	}{{5, 10, 50}, {15, 20, 350}, {35, 40, 50}} {
		if got := len(o.between(part.from, part.to, event.AppSent)); got < part.want-7 || got > part.want+7 {
			t.Errorf("%d datums sent from %ds to %ds, want about %d", got, part.from, part.to, part.want)
		}
	}
	if o.Marks[fault.MarkFlood] < 190 {
		t.Errorf("%d bursts, want about 200", o.Marks[fault.MarkFlood])
	}
}

func TestBulkMakesDatumsLargeWhileItLasts(t *testing.T) {
	o := perform(t, stage("bulk p 100000", 5*time.Second))
	for _, part := range []struct{ from, to, size int64 }{{5, 10, 32}, {15, 20, 100_000}, {35, 40, 32}} {
		var count, bytes int64
		for _, r := range o.between(part.from, part.to, event.Received) {
			count, bytes = count+r.N, bytes+r.Bytes
		}
		if count < 45 || bytes != count*part.size {
			t.Errorf("%d datums with %d bytes came from %ds to %ds, want about 50 of %d each", count, bytes, part.from, part.to, part.size)
		}
	}
	if o.Marks[fault.MarkBulk] == 0 {
		t.Error("no mark")
	}
}

func TestPanicIsOrderedAndCutsTheConsumerOff(t *testing.T) {
	s := stage("panic p", 5*time.Second)
	o := perform(t, s) // passes: the panics are excused
	panics := o.between(0, 120, event.CallbackPanicked)
	if len(panics) == 0 || o.Marks[fault.MarkPanic] != len(panics) {
		t.Errorf("%d panics, %d marks", len(panics), o.Marks[fault.MarkPanic])
	}
	for _, r := range panics {
		if r.At < 10e9 || r.At > 30e9 || r.Host != "p" {
			t.Errorf("a panic at %s on %s", time.Duration(r.At), r.Host)
		}
	}
	if got := o.between(16, 30, event.AppReceived); len(got) > 0 {
		t.Errorf("%d datums reached a consumer that was refused", len(got))
	}
	if got := o.between(60, 70, event.AppReceived); len(got) == 0 {
		t.Error("the consumer did not come back")
	}
}

func TestWithheldTicketRunsOutAndComesAtTheEnd(t *testing.T) {
	s := stage("withhold c", 4*time.Second) // last renewed at 8 s, so good until 28 s
	s.Faults[0].For = 25 * time.Second
	o := perform(t, s)
	expired := o.between(0, 35, event.SubEnded)
	if len(expired) != 1 || expired[0].Reason != wire.Expired || expired[0].At < 27e9 || expired[0].At > 30e9 {
		t.Errorf("subscriptions ended: %v, want one that expired at about 28s", expired)
	}
	if n := o.Marks[fault.MarkWithhold]; n < 6 || n > 7 {
		t.Errorf("%d renewals were withheld, want one every 4s of 25s", n)
	}
	if got := published(o.between(34, 40, event.EntryPublished), "c"); len(got) == 0 || got[0] > 35_500*time.Millisecond {
		t.Errorf("entries of c at %v, want one right after the end of the fault at 35s", got)
	}
}

func TestRenewGivesATicketAtOnceAndOnce(t *testing.T) {
	s := stage("renew c", 0) // without it the ticket ends at 20 s, with it at 30 s
	o := perform(t, s)
	ends := o.between(0, 40, event.SubEnded)
	if len(ends) != 1 || ends[0].At < 29e9 || ends[0].At > 31e9 {
		t.Errorf("subscriptions ended: %v, want one at about 30s", ends)
	}
	if o.Marks[fault.MarkRenew] != 1 {
		t.Errorf("%d renewals, want 1", o.Marks[fault.MarkRenew])
	}
	if got := published(o.between(9, 11, event.EntryPublished), "c"); len(got) != 1 {
		t.Errorf("entries of c at %v, want one at 10s", got)
	}
}

func published(records []event.Record, host string) (at []time.Duration) {
	for _, r := range records {
		if r.Host == host {
			at = append(at, time.Duration(r.At))
		}
	}
	slices.SortFunc(at, cmp.Compare[time.Duration])
	return at
}

package fault_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/sim"
	"github.com/smalti/smalti/sim/fault"
)

// bed is a world with one host, a, that counts its boots.
type bed struct {
	*testing.T
	*sim.World
	host  *sim.Host
	boots int
	marks map[string]int
}

func newBed(t *testing.T) *bed {
	b := &bed{T: t, World: sim.New(sim.Config{Seed: 1}), marks: map[string]int{}}
	t.Cleanup(func() {
		if err := b.World.Close(); err != nil {
			t.Error(err)
		}
	})
	b.Observe(func(r *event.Record) {
		if r.Kind == event.Mark {
			b.marks[r.Text]++
		}
	})
	b.host = b.Host("a")
	b.host.Boot(func(ctx context.Context, env *runtime.Env) {
		b.boots++
		_ = env.Sleep(ctx, math.MaxInt64)
	})
	b.to(time.Second)
	return b
}

func (b *bed) to(until time.Duration) {
	b.Helper()
	if err := b.World.Run(until); err != nil {
		b.Fatal(err)
	}
}

func (b *bed) parse(text string) fault.Fault {
	b.Helper()
	f, err := fault.Parse(text)
	if err != nil {
		b.Fatal(err)
	}
	return f
}

func (b *bed) wantMarks(want map[string]int) {
	b.Helper()
	if diff := cmp.Diff(want, b.marks); diff != "" {
		b.Errorf("marks (-want +got):\n%s", diff)
	}
}

func TestPauseBitesWhenSomethingIsLate(t *testing.T) {
	b := newBed(t)
	f := b.parse("pause a")
	f.Begin(b.World)
	b.to(2 * time.Second)
	f.End(b.World)
	b.wantMarks(map[string]int{})
	ran := time.Duration(0)
	s := b.host.Env().Scheduler.Strand("s")
	b.host.Env().Clock.AfterFunc(s, time.Second, func() { ran = b.Now() })
	f.Begin(b.World)
	b.to(5 * time.Second)
	f.End(b.World)
	b.wantMarks(map[string]int{fault.MarkPause: 1})
	b.to(6 * time.Second)
	if ran != 5*time.Second {
		t.Errorf("the timer of 3s fired at %s, want the end of the pause, 5s", ran)
	}
}

func TestBusyHostRunsAStepAtATimeAndBitesWhenOneWaits(t *testing.T) {
	b := newBed(t)
	f := b.parse("busy a 1s")
	var ran []time.Duration
	post := func(n int) {
		s := b.host.Env().Scheduler.Strand("s")
		for range n {
			s.Post(func() { ran = append(ran, b.Now()) })
		}
	}
	f.Begin(b.World)
	post(1)
	b.to(4 * time.Second)
	f.End(b.World)
	b.wantMarks(map[string]int{}) // nobody waited
	f.Begin(b.World)
	post(3)
	b.to(5500 * time.Millisecond)
	f.End(b.World)
	post(1)
	b.to(6 * time.Second)
	b.wantMarks(map[string]int{fault.MarkBusy: 1})
	want := []time.Duration{time.Second, 4 * time.Second, 5 * time.Second, 5500 * time.Millisecond, 5500 * time.Millisecond}
	if diff := cmp.Diff(want, ran); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestDriftKeepsWhatItGained(t *testing.T) {
	b := newBed(t)
	f := b.parse("drift a -1000ppm")
	f.Begin(b.World)
	b.to(11 * time.Second)
	f.End(b.World)
	b.to(21 * time.Second)
	clock := b.host.Env().Clock
	if wall, mono := clock.Now().Sub(sim.Epoch), clock.Mono(); wall != 21*time.Second-10*time.Millisecond || mono != wall {
		t.Errorf("wall %s, mono %s, want 21s less 10ms", wall, mono)
	}
	b.wantMarks(map[string]int{fault.MarkDrift: 1})
	f.Begin(b.World)
	f.End(b.World) // nothing was gained
	f.Begin(b.World)
	b.to(22 * time.Second)
	b.host.Crash()
	f.End(b.World) // nobody saw it
	b.wantMarks(map[string]int{fault.MarkDrift: 1})
}

func TestDialsTellHowMuchAndAreResetAtTheEnd(t *testing.T) {
	for text, want := range map[string]uint64{"flood a 64": 64, "bulk a 65536": 65536, "panic a": 1, "withhold a": 1, "renew a": 1, "gulp a 2s": 2e9, "leave a": 1} {
		b := newBed(t)
		f := b.parse(text)
		dial := b.host.Dial(f.Class())
		f.Begin(b.World)
		b.host.Restart()
		if dial.Get() != want {
			t.Errorf("%s: the dial is at %d, want %d", text, dial.Get(), want)
		}
		f.End(b.World)
		if dial.Get() != 0 {
			t.Errorf("%s: the dial is at %d after the end", text, dial.Get())
		}
		b.wantMarks(map[string]int{}) // programs tell whether it bit
	}
}

func TestLapseAndBrinkTellWhenTheTicketEnds(t *testing.T) {
	b := newBed(t)
	end := uint64(sim.Epoch.Add(3 * time.Second).UnixNano()) // two seconds from now
	brink, before, after, cut := b.parse("brink a"), b.parse("lapse a -1ns"), b.parse("lapse a 1ms"), b.parse("lapse a 1m")
	shows := func(dial string, want uint64) {
		t.Helper()
		if got := b.host.Dial(dial).Get(); got != want {
			t.Errorf("at %s %s shows %d, want %d", b.Now(), dial, got, want)
		}
	}
	for _, f := range []fault.Fault{brink, before, after, cut} {
		f.Begin(b.World)
	}
	shows("brink", end)
	shows("lapse", end)
	cut.End(b.World)
	after.End(b.World)
	b.to(3*time.Second - 2)
	shows("lapse", end)
	b.to(3*time.Second - 1)
	shows("lapse", 0)
	before.End(b.World)
	b.to(10 * time.Second)
	shows("brink", end)
	brink.End(b.World)
	shows("brink", 0)
	after.Begin(b.World)
	b.to(12*time.Second + time.Millisecond - 1)
	shows("lapse", uint64(sim.Epoch.Add(12*time.Second).UnixNano()))
	b.to(13 * time.Second)
	shows("lapse", 0)
	b.wantMarks(map[string]int{}) // programs tell whether it bit
}

func TestStealTellsFromWhom(t *testing.T) {
	b := newBed(t)
	b.Host("b")
	f := b.parse("steal a b")
	f.Begin(b.World)
	if got := b.host.Dial("steal").Get(); b.Hosts()[got-1].Name() != "b" {
		t.Errorf("the dial shows %d", got)
	}
	f.End(b.World)
	if got := b.host.Dial("steal").Get(); got != 0 {
		t.Errorf("the dial shows %d after the end", got)
	}
}

func TestTwinBootsWithTheKeyOfAnotherAndWithItsOwnAtTheEnd(t *testing.T) {
	b := newBed(t)
	own, other, third := b.host.Key().PeerID(), b.Host("b").Key().PeerID(), b.Host("c").Key().PeerID()
	f, over := b.parse("twin b a"), b.parse("twin c a")
	check := func(boots int, want ident.PeerID) {
		t.Helper()
		b.to(b.Now() + time.Second)
		if b.boots != boots || b.host.Key().PeerID() != want || b.host.Env().Transport.Local() != want {
			t.Errorf("%d boots, want %d, or not the right key", b.boots, boots)
		}
	}
	f.Begin(b.World)
	check(2, other)
	over.Begin(b.World)
	check(3, third)
	f.End(b.World)
	check(4, third)
	over.End(b.World)
	check(5, own)
	b.Host("a").ReturnKey(b.Host("b")) // one too many does nothing
	b.host.Crash()
	f.Begin(b.World)
	if b.host.Up() {
		t.Error("it boots a host that was down")
	}
	f.End(b.World)
}

func TestHostBootsAgainAfterItsLeave(t *testing.T) {
	b := newBed(t)
	f, over := b.parse("leave a"), b.parse("leave a")
	f.Begin(b.World)
	over.Begin(b.World)
	f.End(b.World)
	b.to(2 * time.Second)
	if b.boots != 1 {
		t.Errorf("%d boots while another fault keeps it away, want 1", b.boots)
	}
	over.End(b.World)
	b.to(3 * time.Second)
	if b.boots != 2 {
		t.Errorf("%d boots, want 2", b.boots)
	}
}

func TestFaultsOfOneDialAddUp(t *testing.T) {
	b := newBed(t)
	small, large := b.parse("flood a 3"), b.parse("flood a 5")
	for i, step := range []struct {
		do   func(*sim.World)
		want uint64
	}{{small.Begin, 3}, {large.Begin, 5}, {small.Begin, 5}, {large.End, 3}, {small.End, 3}, {small.End, 0}, {small.End, 0}, {large.Begin, 5}, {large.End, 0}} {
		step.do(b.World)
		if got := b.host.Dial("flood").Get(); got != step.want {
			t.Errorf("step %d: the dial is at %d, want %d", i, got, step.want)
		}
	}
}

func TestFaultsOfUnknownHostsDoNothing(t *testing.T) {
	for _, c := range fault.Classes() {
		w := sim.New(sim.Config{Seed: 1})
		f, err := fault.Parse(c.Usage)
		if err != nil {
			t.Fatal(err)
		}
		f.Begin(w)
		f.End(w)
		if err := w.Run(time.Second); err != nil || len(w.Hosts()) != 0 {
			t.Errorf("%s: %v, hosts %v", f, err, w.Hosts())
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

// blocked lists what does not pass between a to e.
func (b *bed) blocked() (list []string) {
	for _, from := range []string{"a", "b", "c", "d", "e"} {
		for _, to := range []string{"a", "b", "c", "d", "e"} {
			if from != to && b.Net.Blocked(from, to) {
				list = append(list, from+to)
			}
		}
	}
	return list
}

func TestPartitionsCutWhatTheySayAndNothingAfterwards(t *testing.T) {
	for text, want := range map[string][]string{
		"bridge a,b | c | d,e": {"ad", "ae", "bd", "be", "da", "db", "ea", "eb"},
		"ring a,b,c,d,e":       {"ac", "ad", "bd", "be", "ca", "ce", "da", "db", "eb", "ec"},
		"flap a | b,c 1s":      {"ab", "ac", "ba", "ca"},
		"partition a | b":      {"ab", "ba"},
		"cut a -> b":           {"ab"},
	} {
		b := newBed(t)
		f, over := b.parse(text), b.parse("partition a | c,d")
		f.Begin(b.World)
		if diff := cmp.Diff(want, b.blocked()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		over.Begin(b.World)
		f.End(b.World)
		if diff := cmp.Diff([]string{"ac", "ad", "ca", "da"}, b.blocked()); diff != "" {
			t.Errorf("after %s, another partition stands (-want +got):\n%s", text, diff)
		}
		over.End(b.World)
		if got := b.blocked(); got != nil {
			t.Errorf("after %s: %v is still cut", text, got)
		}
		b.to(10 * time.Second)
		if got := b.blocked(); got != nil {
			t.Errorf("long after %s: %v is cut", text, got)
		}
	}
}

func TestFlapComesAndGoes(t *testing.T) {
	b := newBed(t)
	f := b.parse("flap a | b 1s")
	f.Begin(b.World)
	b.to(b.Now() + 500*time.Millisecond)
	for i := range 6 {
		if there := b.Net.Blocked("a", "b"); there != (i%2 == 0) {
			t.Errorf("in second %d it is there: %t", i, there)
		}
		b.to(b.Now() + time.Second)
	}
	f.End(b.World)
}

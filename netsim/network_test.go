package netsim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// rough is a path on which everything may overtake everything, but for order.
var rough = netsim.Path{Latency: netsim.Latency{Shape: netsim.Uniform, Base: 5 * time.Millisecond, Spread: 50 * time.Millisecond}, LossPPM: 100_000}

// trace sends 200 messages over rough and gives when each arrived.
func trace(t *testing.T, seed uint64, also func(b *bed, x, y *node)) []time.Duration {
	b := newBed(t, seed, rough)
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	if also != nil {
		also(b, x, y)
	}
	for i := range 200 {
		near.send(t, i, i+1)
		b.run(time.Millisecond)
	}
	b.run(20 * time.Second)
	if got := far.numbers(); got != "0-199" {
		t.Errorf("seed %d: arrived %s, want 0-199", seed, got)
	}
	if b.marks[netsim.MarkLost] == 0 {
		t.Errorf("seed %d: nothing was lost on a lossy path", seed)
	}
	return far.at
}

func TestOrderHoldsUnderJitterAndLoss(t *testing.T) {
	for seed := range uint64(20) {
		trace(t, seed, nil)
	}
}

func TestSameSeedGivesTheSameTrace(t *testing.T) {
	first := trace(t, 3, nil)
	if diff := cmp.Diff(trace(t, 3, nil), first); diff != "" {
		t.Errorf("two runs of one seed differ:\n%s", diff)
	}
	if cmp.Equal(trace(t, 4, nil), first) {
		t.Error("two seeds give one trace")
	}
}

func TestOtherTrafficChangesNoFate(t *testing.T) {
	alone := trace(t, 3, nil)
	busy := trace(t, 3, func(b *bed, x, y *node) {
		z := b.node("z")
		for i, n := range []*node{y, z} {
			e := x.dial(n)
			for j := range 100 {
				e.send(t, 1000*i+j+300, 1000*i+j+301)
			}
		}
	})
	if diff := cmp.Diff(busy, alone); diff != "" {
		t.Errorf("times of arrival changed with other links' traffic:\n%s", diff)
	}
}

func TestOpeningTakesFourRoundTripsThenOne(t *testing.T) {
	const latency = 50 * time.Millisecond
	b := newBed(t, 1, fixed(latency))
	x, y := b.node("x"), b.node("y")
	first, _ := x.connect(y)
	if got, want := first.openAt, 8*latency; got != want {
		t.Errorf("first link open after %v, want %v", got, want)
	}
	began := b.now
	second, _ := x.connect(y)
	if got, want := second.openAt-began, 2*latency; got != want {
		t.Errorf("second link open after %v, want %v", got, want)
	}
	if got := second.link.Session().RTT().Min; got != 2*latency {
		t.Errorf("round trip of %v, want %v", got, 2*latency)
	}
}

func TestBandwidthPacesAndFillsTheSendQueue(t *testing.T) {
	b := newBed(t, 1, netsim.Path{Latency: netsim.Latency{Base: 10 * time.Millisecond}, Bandwidth: 100_000, Queue: 10_000})
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	began, sent := b.now, 0
	for sent < 1000 {
		if _, err := near.link.Send(message(sent, 998)); err != nil { // 1,000 with its header
			b.run(time.Millisecond)
			continue
		}
		sent++
	}
	b.run(time.Minute)
	if got := far.numbers(); got != "0-999" {
		t.Fatalf("arrived %s", got)
	}
	took := far.at[999] - began
	if want := 10*time.Second + 10*time.Millisecond; (took - want).Abs() > 50*time.Millisecond {
		t.Errorf("1 MB at 100 kB/s took %v, want about %v", took, want)
	}
	if b.marks[netsim.MarkQueued] == 0 || near.writable == 0 {
		t.Errorf("queued %d times, writable %d times, want both", b.marks[netsim.MarkQueued], near.writable)
	}
}

func TestLatencyShapesHaveTheirMean(t *testing.T) {
	const spread = 10 * time.Millisecond
	for shape, want := range map[netsim.Shape]time.Duration{netsim.Fixed: 0, netsim.Uniform: spread / 2, netsim.Exponential: spread, netsim.HeavyTail: 2 * spread} {
		b := newBed(t, 1, netsim.Path{Latency: netsim.Latency{Shape: shape, Base: time.Millisecond, Spread: spread}})
		x, y := b.node("x"), b.node("y")
		near, far := x.connect(y)
		b.run(10 * time.Second)
		var sum time.Duration
		const n = 2000
		for i := range n {
			began := b.now
			near.send(t, i, i+1)
			b.run(12 * time.Second)
			if len(far.at) != i+1 {
				t.Fatalf("shape %d: message %d did not arrive", shape, i)
			}
			sum += far.at[i] - began
		}
		got := sum/n - time.Millisecond
		if (got - want).Abs() > want/5 {
			t.Errorf("shape %d: mean %v, want %v", shape, got, want)
		}
	}
}

func TestAddressServesOneTransportAtATime(t *testing.T) {
	b := newBed(t, 1, netsim.Path{})
	x, y := b.node("x"), b.node("y")
	config := netsim.EndpointConfig{Name: "z", Addr: "y:1", Key: keyOf("z"), Clock: b.kernel}
	if _, err := b.net.Attach(config); err == nil {
		t.Error("attached to an address in use")
	}
	y.Crash()
	other := b.node("z", func(c *netsim.EndpointConfig) { c.Addr = "y:1" })
	e := x.dialAt(y.Local(), "y:1")
	b.run(20 * time.Second)
	e.closed(t, wire.WrongIdentity, true)
	if e := x.dial(other); e == nil {
		t.Fatal("no link")
	}
	if _, err := b.net.Attach(netsim.EndpointConfig{}); err == nil {
		t.Error("attached without name, key and clock")
	}
	if err := b.net.SetPath("x", "y", netsim.Path{LossPPM: 1_000_000}); err == nil {
		t.Error("took a path on which nothing arrives")
	}
}

func TestOneKeyOnTwoHostsIsTwoEndpoints(t *testing.T) {
	b := newBed(t, 1, netsim.Path{})
	same := func(c *netsim.EndpointConfig) { c.Key = keyOf("same") }
	x, one, two := b.node("x"), b.node("one", same), b.node("two", same)
	_, _ = x.connect(one)
	one.dial(two) // itself, by its key
	b.run(time.Second)
	near, far := two.connect(x)
	near.send(t, 0, 3)
	b.run(time.Second)
	if far.numbers() != "0-2" || b.marks[netsim.MarkReplaced] != 1 || b.marks[netsim.MarkTwin] != 1 {
		t.Errorf("arrived %s, %d replaced", far.numbers(), b.marks[netsim.MarkReplaced])
	}
}

func TestSimultaneousDialsSettleOnOneSession(t *testing.T) {
	for seed := range uint64(200) {
		b := newBed(t, seed, rough)
		x, y := b.node("x"), b.node("y")
		there := x.dial(y)
		b.run(time.Duration(seed) * time.Millisecond)
		back := y.dial(x)
		b.run(10 * time.Second)
		if !there.opened || !back.opened || len(there.closes)+len(back.closes) != 0 {
			t.Fatalf("seed %d: opened %v and %v, closed %v and %v", seed, there.opened, back.opened, there.closes, back.closes)
		}
		a, _ := there.link.Session().Exporter("l", nil)
		c, _ := back.link.Session().Exporter("l", nil)
		if !cmp.Equal(a, c) {
			t.Fatalf("seed %d: two sessions", seed)
		}
		if len(x.accepted) != 1 || len(y.accepted) != 1 {
			t.Fatalf("seed %d: %d and %d links accepted, want 1 each", seed, len(x.accepted), len(y.accepted))
		}
	}
}

func ExampleNetwork() {
	k := &kernel{}
	net := netsim.New(netsim.Config{Clock: k, Strand: strand{k}, Default: netsim.Path{Latency: netsim.Latency{Base: 20 * time.Millisecond}}})
	t, err := net.Attach(netsim.EndpointConfig{Name: "a", Addr: "10.0.0.1:4700", Key: ident.KeyFromSeed([32]byte{1}), Clock: k})
	fmt.Println(t.Addrs(), err, net.Idle())
	net.Partition([]string{"a"}, []string{"b", "c"})
	fmt.Println(net.Blocked("a", "c"), net.Blocked("b", "c"))
	// Output:
	// [10.0.0.1:4700] <nil> true
	// true false
}

func TestIdleSessionsMakeRoom(t *testing.T) {
	b := newBed(t, 1, fixed(time.Millisecond))
	y := b.node("y", func(c *netsim.EndpointConfig) { c.MaxSessions = 2 })
	near, _ := b.node("a").connect(y)
	_, busy := b.node("b").connect(y)
	near.link.Close(wire.Finished)
	b.run(wire.EvictAfter / 2)
	early := b.node("early").dial(y)
	b.run(wire.EvictAfter / 4)
	if len(early.closes) != 1 || early.closes[0].Reason != wire.Overloaded {
		t.Errorf("an idle session makes room at once: %v", early.closes)
	}
	b.run(wire.EvictAfter)
	_, _ = b.node("c").connect(y)
	if n := b.marks[netsim.MarkEvicted]; n != 1 || len(busy.closes) != 0 {
		t.Errorf("%d sessions made room, %d of those in use closed; want one and none", n, len(busy.closes))
	}
	e := b.node("d").dial(y)
	b.run(time.Second)
	if len(e.closes) != 1 || e.closes[0].Reason != wire.Overloaded {
		t.Errorf("one more, while all are in use: %v, want overloaded", e.closes)
	}
}

// TestAHostMayCrashBetweenTwoWrites: each link has a writer of its own on a real network.
func TestAHostMayCrashBetweenTwoWrites(t *testing.T) {
	const peers = 4
	reached := func(bugs *runtime.Bugs, crash bool) (n int) {
		b := newBed(t, 1, fixed(10*time.Millisecond))
		x := b.node("x", func(c *netsim.EndpointConfig) { c.Bugs = bugs })
		var near, far []*end
		for i := range peers {
			e, f := x.connect(b.node(string(rune('a' + i))))
			near, far = append(near, e), append(far, f)
		}
		for _, e := range near {
			e.send(t, 0, 1)
		}
		b.queue[0]()
		b.queue = b.queue[1:]
		if crash {
			x.Crash()
		}
		b.run(time.Second)
		for _, f := range far {
			n += len(f.got)
		}
		return n
	}
	counts := map[int]bool{}
	for seed := range uint64(50) {
		counts[reached(runtime.NewBugs(runtime.SeedOf(seed)), true)] = true
		if n := reached(runtime.NewBugs(runtime.SeedOf(seed)), false); n != peers {
			t.Errorf("seed %d: %d of %d messages arrived", seed, n, peers)
		}
	}
	for n := 1; n <= peers; n++ {
		if !counts[n] {
			t.Errorf("no seed in which %d of %d messages are on the wire when the host crashes: %v", n, peers, counts)
		}
	}
	if n := reached(nil, true); n != peers {
		t.Errorf("%d of %d messages are on the wire without bugs", n, peers)
	}
}

// TestAKeepAliveTellsWhatWasLost: what is sent again and again during a long time of loss
// waits no longer after it than until a keep-alive is heard.
func TestAKeepAliveTellsWhatWasLost(t *testing.T) {
	long := 0
	for seed := range uint64(20) {
		b := newBed(t, seed, fixed(10*time.Millisecond))
		x, y := b.node("x"), b.node("y", func(c *netsim.EndpointConfig) { c.IdleTimeout = 10 * time.Minute })
		near, far := x.connect(y)
		b.net.Impose("x", "y", &netsim.Rule{Name: "r", Burst: time.Minute, Gap: time.Hour})
		near.send(t, 0, 20)
		for b.net.Bursting("x", "y") {
			b.run(100 * time.Millisecond)
		}
		if len(far.got) < 20 {
			long++
		}
		if b.run(wire.DefaultKeepAlive + time.Second); len(far.got) != 20 {
			t.Errorf("seed %d: %d of 20 messages arrived within a keep-alive", seed, len(far.got))
		}
	}
	if long < 3 {
		t.Errorf("in %d runs something was left when the loss ended, want some", long)
	}
}

package netsim_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime/wire"
)

// ruled sends a message of so many bytes each 10 ms for 20 s, with a rule on the
// path from 5 s to 15 s, and gives how late each was.
func ruled(t *testing.T, size int, r *netsim.Rule) (late []time.Duration, b *bed) {
	t.Helper()
	b = newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	var sent []time.Duration
	began := b.now
	for i := range 2000 {
		switch i {
		case 500:
			b.net.Impose("x", "y", r)
		case 1500:
			b.net.Lift("x", "y", r)
			b.net.Lift("x", "y", r) // one too many does nothing
		}
		if _, err := near.link.Send(message(i, size)); err != nil {
			t.Fatal(err)
		}
		sent = append(sent, b.now)
		b.run(10 * time.Millisecond)
	}
	b.run(30 * time.Second)
	if got := far.numbers(); got != "0-1999" {
		t.Fatalf("arrived %s, %v after %v", got, far.closes, b.now-began)
	}
	for i, at := range far.at {
		late = append(late, at-sent[i]-10*time.Millisecond)
	}
	return late, b
}

func most(late []time.Duration) (d time.Duration) {
	for _, x := range late {
		d = max(d, x)
	}
	return d
}

func mean(late []time.Duration) (d time.Duration) {
	for _, x := range late {
		d += x
	}
	return d / time.Duration(len(late))
}

func TestRuleAddsLatencyOfItsShapeAndNothingAfterwards(t *testing.T) {
	for _, c := range []struct {
		shape    netsim.Shape
		low, top time.Duration // of the latest; in order, each waits for those before
	}{{netsim.Uniform, 15 * time.Millisecond, 20 * time.Millisecond}, {netsim.Exponential, 60 * time.Millisecond, 300 * time.Millisecond}, {netsim.HeavyTail, 100 * time.Millisecond, 3 * time.Second}} {
		r := &netsim.Rule{Name: "r", Latency: netsim.Latency{Shape: c.shape, Spread: 20 * time.Millisecond}}
		late, _ := ruled(t, 32, r)
		if d := most(late[:500]); d != 0 {
			t.Errorf("shape %d: late by %s before", c.shape, d)
		}
		if d := most(late[500:1500]); d < c.low || d > c.top {
			t.Errorf("shape %d: late by up to %s, want %s to %s", c.shape, d, c.low, c.top)
		}
		if d := most(late[1800:]); d != 0 {
			t.Errorf("shape %d: late by %s afterwards", c.shape, d)
		}
		if r.Bitten < 1000 {
			t.Errorf("shape %d: bit %d times, want each frame", c.shape, r.Bitten)
		}
	}
}

func TestRetransmissionOvertakesAHeavyTail(t *testing.T) {
	r := &netsim.Rule{Name: "r", Latency: netsim.Latency{Shape: netsim.HeavyTail, Spread: 50 * time.Millisecond}}
	late, _ := ruled(t, 32, r) // a tail of up to 50 s otherwise
	if d := most(late); d > 3*time.Second {
		t.Errorf("late by %s, want no more than a back-off and a delay", d)
	}
}

func TestRuleBoundsBandwidthAndItsQueue(t *testing.T) {
	// 100 messages of 100 bytes a second over 9,000 bytes a second: after 5 s the
	// queue of 5,000 bytes is full, and the rest waits in the link.
	r := &netsim.Rule{Name: "r", Bandwidth: 9_000, Queue: 5_000}
	late, b := ruled(t, 98, r)
	if d := most(late[:500]); d != 0 {
		t.Errorf("late by %s before", d)
	}
	if d := late[1200]; d < 750*time.Millisecond || d > 850*time.Millisecond {
		t.Errorf("after 7 s one is late by %s, want about 0.78 s: 7,000 bytes wait", d)
	}
	if d := most(late[1700:]); d != 0 {
		t.Errorf("late by %s afterwards", d)
	}
	if r.Bitten == 0 || b.marks[netsim.MarkQueued] == 0 {
		t.Errorf("bit %d times, queued %d times", r.Bitten, b.marks[netsim.MarkQueued])
	}
	wide := &netsim.Rule{Name: "wide", Bandwidth: 1 << 30}
	if late, _ := ruled(t, 98, wide); most(late) > time.Microsecond || wide.Bitten != 0 {
		t.Errorf("a line with room: late by %s, bit %d times", most(late), wide.Bitten)
	}
}

func TestRuleLosesInBursts(t *testing.T) {
	r := &netsim.Rule{Name: "r", Burst: 500 * time.Millisecond, Gap: 2 * time.Second}
	late, b := ruled(t, 32, r)
	if most(late[:500]) != 0 || most(late[1800:]) != 0 {
		t.Errorf("late by %s before and %s afterwards", most(late[:500]), most(late[1800:]))
	}
	lost := int(r.Bitten)
	if lost < 50 || lost > 700 || b.marks[netsim.MarkLost] != lost {
		t.Errorf("%d lost, %d marks, want about 150 in 10 s", lost, b.marks[netsim.MarkLost])
	}
	// Independent loss of as much would leave no second without.
	calm := 0
	for i := 500; i < 1500; i += 50 {
		if most(late[i:i+50]) == 0 {
			calm++
		}
	}
	if calm < 5 {
		t.Errorf("%d half seconds of 20 without loss, want about 16", calm)
	}
	if d := mean(late[500:1500]); d == 0 {
		t.Error("nothing was late")
	}
}

// Nothing is lost to a rule at a time at which that does not hold any more.
func TestWhatARuleLostIsSentAgainSoonAfterIt(t *testing.T) {
	const lasts = 400 * time.Millisecond
	for seed := range uint64(20) {
		b := newBed(t, seed, fixed(10*time.Millisecond))
		x, y := b.node("x"), b.node("y")
		near, far := x.connect(y)
		r := &netsim.Rule{Name: "r", Burst: time.Hour, Gap: time.Hour}
		b.net.Impose("x", "y", r)
		near.send(t, 0, 100)
		b.run(lasts)
		b.net.Lift("x", "y", r)
		lifted := b.now
		b.run(time.Minute)
		if got := far.numbers(); got != "0-99" || r.Bitten < 100 {
			t.Fatalf("seed %d: arrived %s, %d lost", seed, got, r.Bitten)
		}
		// Each time-out is twice the one before.
		if late := far.at[99] - lifted; late > 2*lasts {
			t.Errorf("seed %d: the last arrived %s after the end of the rule, want within %s", seed, late, 2*lasts)
		}
	}
}

// What waits for the line goes as fast as that is now.
func TestWhatWaitsForALineGoesAtOnceWhenItIsFree(t *testing.T) {
	for _, c := range []struct {
		path, rule int64
		want       time.Duration // of the last one, after the end
	}{{0, 1_000, 10 * time.Millisecond}, {10_000, 1_000, 421 * time.Millisecond}, {1_000, 2_000, 4119 * time.Millisecond}} {
		b := newBed(t, 1, netsim.Path{Latency: netsim.Latency{Base: 10 * time.Millisecond}, Bandwidth: c.path, Queue: 1 << 20})
		x, y := b.node("x"), b.node("y")
		near, far := x.connect(y)
		b.run(time.Second)
		r := &netsim.Rule{Name: "r", Bandwidth: c.rule, Queue: 1 << 20}
		b.net.Impose("x", "y", r)
		near.send(t, 0, 39) // of 131 bytes with their headers
		b.run(time.Second)
		b.net.Lift("x", "y", r)
		lifted := b.now
		b.run(time.Minute)
		last := far.at[len(far.at)-1] - lifted
		if got := far.numbers(); got != "0-38" || (last-c.want).Abs() > time.Millisecond {
			t.Errorf("%d bytes a second, then %d: arrived %s, the last %s later, want %s", c.rule, c.path, got, last, c.want)
		}
	}
}

func TestBurstsDependOnNothingThatIsSent(t *testing.T) {
	lossy := func(every time.Duration) (list []bool) {
		b := newBed(t, 1, fixed(10*time.Millisecond))
		b.net.Impose("x", "y", &netsim.Rule{Name: "r", Burst: time.Second, Gap: time.Second})
		for b.now < 30*time.Second {
			list = append(list, b.net.Bursting("x", "y"))
			for range 500 * time.Millisecond / every {
				b.run(every)
				b.net.Bursting("x", "y")
			}
		}
		return list
	}
	if diff := cmp.Diff(lossy(500*time.Millisecond), lossy(time.Millisecond)); diff != "" {
		t.Errorf("bursts by how often one looks:\n%s", diff)
	}
}

func TestUnreachedHostLosesDialsAndKeepsSessions(t *testing.T) {
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y, z := b.node("x"), b.node("y"), b.node("z")
	near, far := x.connect(y)
	b.net.Unreach("y")
	lost := z.dial(y)
	near.send(t, 0, 10)
	out := y.dial(b.node("q")) // its own dials go out
	b.run(500 * time.Millisecond)
	if got := far.numbers(); got != "0-9" || !out.opened {
		t.Errorf("arrived %s over a session that was up; its own dial opened: %t", got, out.opened)
	}
	b.run(30 * time.Second)
	lost.closed(t, wire.DialFailed, true)
	if n := b.net.Unreached("y"); n == 0 || b.marks[netsim.MarkDialTimeout] == 0 {
		t.Errorf("%d dials lost, %d timed out", n, b.marks[netsim.MarkDialTimeout])
	}
	b.net.Reach("y")
	b.net.Reach("y") // one too many does nothing
	before := b.net.Unreached("y")
	again := b.node("v").dial(y)
	b.run(time.Second)
	if !again.opened || b.net.Unreached("y") != before {
		t.Errorf("after the end: opened %t, %d more lost", again.opened, b.net.Unreached("y")-before)
	}
}

func TestForgottenSessionIsHalfOpenUntilItTimesOut(t *testing.T) {
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	if n := b.net.Forget("x", "z"); n != 0 {
		t.Errorf("%d sessions with nobody", n)
	}
	if n := b.net.Forget("x", "y"); n != 1 || b.marks[netsim.MarkHalfOpen] != 1 {
		t.Errorf("%d sessions, %d marks, want 1", n, b.marks[netsim.MarkHalfOpen])
	}
	began := b.now
	b.run(time.Second)
	near.closed(t, wire.ConnectionLost, false)
	if len(far.closes) != 0 {
		t.Errorf("the other end was told: %v", far.closes)
	}
	b.run(time.Minute)
	far.closed(t, wire.IdleTimeout, true)
	if after := far.closedAt - began; after < 10*time.Second || after > 21*time.Second {
		t.Errorf("the other end timed out after %s, want 15 s and up to a keep-alive more", after)
	}
	again := x.dial(y)
	b.run(time.Second)
	if !again.opened || b.net.Forget("y", "x") != 1 {
		t.Error("no new session, or the acceptor cannot forget it")
	}
}

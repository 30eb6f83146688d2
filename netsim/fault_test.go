package netsim_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime/wire"
)

func TestOneWayCutTimesOutFirstWhereNothingIsHeard(t *testing.T) {
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	cut := b.now
	b.net.Block("x", "y")
	b.run(2 * time.Minute)
	near.closed(t, wire.IdleTimeout, true)
	far.closed(t, wire.IdleTimeout, true)
	deaf, other := far.closedAt-cut, near.closedAt-cut
	if deaf < 10*time.Second || deaf > 21*time.Second {
		t.Errorf("who hears nothing timed out after %v, want 15 s and up to a keep-alive more", deaf)
	}
	if other < deaf || other > 2*deaf+time.Second {
		t.Errorf("the other timed out after %v, want from %v to twice that", other, deaf)
	}
}

func TestQuietSessionTimesOutAfterItsKeepAlive(t *testing.T) {
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x"), b.node("y")
	near, _ := x.connect(y)
	b.run(3*time.Minute + 1234*time.Millisecond)
	if len(near.closes) != 0 {
		t.Fatalf("a quiet session ended: %v", near.closes)
	}
	cut := b.now
	b.net.Partition([]string{"x"}, []string{"y"})
	b.run(time.Minute)
	near.closed(t, wire.IdleTimeout, true)
	// The first word after the last one heard restarts the time-out, as in quic-go.
	if after := near.closedAt - cut; after < 15*time.Second || after > 20*time.Second+20*time.Millisecond {
		t.Errorf("timed out %v after the cut, want 15 s and up to a keep-alive of 5 s", after)
	}
}

func TestBusySenderTimesOutFifteenSecondsAfterTheCut(t *testing.T) {
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x"), b.node("y")
	near, _ := x.connect(y)
	for i := range 50 {
		near.send(t, i, i+1)
		b.run(100 * time.Millisecond)
	}
	cut := b.now
	b.net.Partition([]string{"x"}, []string{"y"})
	near.send(t, 50, 51)
	b.run(time.Minute)
	near.closed(t, wire.IdleTimeout, true)
	if after := near.closedAt - cut; (after - 15*time.Second).Abs() > 200*time.Millisecond {
		t.Errorf("timed out %v after the cut, want 15 s", after)
	}
}

func TestShortPartitionDelaysDataAndResets(t *testing.T) {
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	near2, far2 := x.connect(y)
	near.send(t, 0, 1)
	b.run(5 * time.Millisecond)
	b.net.Partition([]string{"x"}, []string{"y"}) // message 0 is under way
	near.send(t, 1, 10)
	near2.link.Close(wire.Revoked)
	b.run(4 * time.Second)
	if len(far.got)+len(far2.closes) != 0 {
		t.Fatalf("%s and %v through a cut", far.numbers(), far2.closes)
	}
	b.net.Unpartition([]string{"x"}, []string{"y"})
	healed := b.now
	b.run(8 * time.Second)
	if got := far.numbers(); got != "0-9" {
		t.Errorf("arrived %s, want 0-9", got)
	}
	far2.closed(t, wire.Revoked, false)
	if after := far.at[9] - healed; after < 10*time.Millisecond || after > 4100*time.Millisecond {
		t.Errorf("last message %v after the heal, want it sent again within the back-off of a cut of 4 s", after)
	}
	if b.marks[netsim.MarkBlocked] == 0 || b.marks[netsim.MarkRecovered] == 0 {
		t.Errorf("marks %v", b.marks)
	}
}

func TestCloseOfAConnectionDoesNotSurviveAPartition(t *testing.T) {
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	b.net.Partition([]string{"x"}, []string{"y"})
	x.Close()
	b.run(time.Second)
	near.closed(t, wire.Cancelled, true)
	b.net.Heal()
	b.run(5 * time.Second)
	if len(far.closes) != 0 {
		t.Fatalf("told of a close in a partition: %v", far.closes)
	}
	b.run(30 * time.Second)
	far.closed(t, wire.IdleTimeout, true)
	if b.marks[netsim.MarkCloseLost] == 0 {
		t.Errorf("marks %v", b.marks)
	}
}

func TestHoldReleasesEverythingAtOnceInOrder(t *testing.T) {
	b := newBed(t, 1, rough)
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	b.net.Hold("x", "y")
	near.send(t, 0, 100)
	b.run(3 * time.Second)
	if len(far.got) != 0 {
		t.Fatalf("%s arrived while held", far.numbers())
	}
	b.net.Release("x", "y")
	released := b.now
	b.run(5 * time.Second)
	if got := far.numbers(); got != "0-99" {
		t.Errorf("arrived %s, want 0-99", got)
	}
	if far.at[99] != released {
		t.Errorf("last arrived %v after the release, want at once", far.at[99]-released)
	}
}

func TestOverlappingBlocksCompose(t *testing.T) {
	b := newBed(t, 1, fixed(time.Millisecond))
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	b.net.Block("x", "y")
	b.net.Isolate("y")
	b.net.Partition([]string{"y"}, []string{"x"})
	near.send(t, 0, 1)
	for i, undo := range []func(){func() { b.net.Unblock("x", "y") }, func() { b.net.Unisolate("y") }, func() { b.net.Unpartition([]string{"y"}, []string{"x"}) }} {
		b.run(4 * time.Second)
		if len(far.got) != 0 {
			t.Fatalf("arrived with %d of 3 faults left", 3-i)
		}
		undo()
	}
	b.run(5 * time.Second)
	if len(far.got) != 1 {
		t.Error("nothing arrived after all faults were undone")
	}
	b.net.Unblock("x", "y")
	b.net.Block("x", "y")
	if !b.net.Blocked("x", "y") || b.net.Blocked("y", "x") {
		t.Error("an Unblock too many undid a later Block, or a Block goes both ways")
	}
}

func TestFrozenHostIsSilentAndGoesOn(t *testing.T) {
	b := newBed(t, 1, fixed(time.Millisecond))
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	b.net.Freeze("y")
	near.send(t, 0, 5)
	b.run(8 * time.Second)
	if len(far.got) != 0 {
		t.Fatal("a frozen host heard something")
	}
	b.net.Thaw("y")
	b.run(time.Second)
	if got := far.numbers(); got != "0-4" {
		t.Errorf("arrived %s, want 0-4", got)
	}
	b.net.Freeze("y")
	b.run(40 * time.Second)
	near.closed(t, wire.IdleTimeout, true)
	if len(far.closes) != 0 {
		t.Errorf("a frozen host noticed %v", far.closes)
	}
	b.net.Thaw("y")
	b.run(time.Minute)
	far.closed(t, wire.IdleTimeout, true)
}

func TestResetEndsAllLinksAtBothEnds(t *testing.T) {
	b := newBed(t, 1, fixed(time.Millisecond))
	x, y, z := b.node("x"), b.node("y"), b.node("z")
	near, far := x.connect(y)
	near2, far2 := y.connect(x)
	other, _ := x.connect(z)
	if got := b.net.Reset("y", "x"); got != 1 {
		t.Errorf("%d sessions reset, want 1", got)
	}
	b.run(time.Second)
	for _, e := range []*end{near, far, near2, far2} {
		e.closed(t, wire.ConnectionLost, false)
	}
	if len(other.closes) != 0 {
		t.Error("another session was reset too")
	}
	x.connect(y)
}

func TestCrashIsSilentUntilTheRestartDials(t *testing.T) {
	b := newBed(t, 1, fixed(time.Millisecond))
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	x.Crash()
	near.link.Close(wire.Cancelled)
	if _, err := near.link.Send([]byte("x")); err == nil {
		t.Error("a dead transport sends")
	}
	b.run(3 * time.Second)
	if len(far.closes)+len(near.closes) != 0 {
		t.Fatalf("someone heard of a crash: %v %v", far.closes, near.closes)
	}
	again := b.node("x")
	again.connect(y)
	far.closed(t, wire.Replaced, false)
	if b.marks[netsim.MarkReplaced] != 1 || b.marks[netsim.MarkTwin] != 0 {
		t.Errorf("marks %v", b.marks)
	}
}

func TestPeerThatLostItsSessionIsServedAgain(t *testing.T) {
	b := newBed(t, 1, fixed(time.Millisecond))
	x, y := b.node("x"), b.node("y")
	for _, pair := range [][2]*node{{x, y}, {y, x}} {
		for _, dials := range [][2]*node{{x, y}, {y, x}} {
			pair[0].connect(pair[1])
			b.run(time.Minute)
			// dials[0] hears nothing, gives up, and dials before dials[1] does.
			b.net.Block(dials[1].Name(), dials[0].Name())
			for b.now < time.Hour && len(dials[0].last.closes) == 0 {
				b.run(100 * time.Millisecond)
			}
			b.net.Heal()
			near, far := dials[0].connect(dials[1])
			near.send(t, 0, 3)
			b.run(time.Second)
			if far.numbers() != "0-2" {
				t.Errorf("%s dialled, %s lost it: arrived %s", pair[0].Name(), dials[0].Name(), far.numbers())
			}
			back, _ := dials[1].connect(dials[0])
			first, _ := near.link.Session().Exporter("l", nil)
			second, _ := back.link.Session().Exporter("l", nil)
			if !bytes.Equal(first, second) {
				t.Errorf("%s dialled, %s lost it: then %s made a second session", pair[0].Name(), dials[0].Name(), dials[1].Name())
			}
			b.net.Reset("x", "y")
			b.run(time.Second)
		}
	}
	if b.marks[netsim.MarkStale] == 0 {
		t.Errorf("marks %v", b.marks)
	}
}

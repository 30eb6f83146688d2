package netsim_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime/wire"
)

func TestLinkOpenedWhileThePeerLingersOutIsOpenedAgain(t *testing.T) {
	const latency = 50 * time.Millisecond
	b := newBed(t, 1, fixed(latency))
	x, y := b.node("x"), b.node("y", func(c *netsim.EndpointConfig) { c.Linger = time.Second })
	near, _ := x.connect(y)
	near.link.Close(wire.Finished)
	b.run(latency + time.Second + latency/2) // the close of the connection is under way
	again := x.dial(y)
	if _, err := again.link.Send(message(0, 128)); err != nil {
		t.Fatal(err)
	}
	b.run(2 * time.Second)
	if !again.opened || len(again.closes) != 0 || len(y.accepted) != 2 {
		t.Fatalf("opened %v, closed %v, %d accepted, want a link on a new session", again.opened, again.closes, len(y.accepted))
	}
	if got := y.accepted[1].numbers(); got != "0-0" {
		t.Errorf("arrived %s, want 0-0", got)
	}
}

func TestDialWaitsOutAShortPartition(t *testing.T) {
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x"), b.node("y")
	b.net.Partition([]string{"x"}, []string{"y"})
	e := x.dial(y)
	b.run(time.Second)
	b.net.Heal()
	b.run(4 * time.Second)
	if !e.opened {
		t.Errorf("a dial did not survive a cut of 1 s: %v", e.closes)
	}
}

func TestDialThroughALongCutEndsOnce(t *testing.T) {
	for name, cut := range map[string]func(b *bed){
		"both ways": func(b *bed) { b.net.Isolate("y") },
		"there":     func(b *bed) { b.net.Block("x", "y") },
		"back":      func(b *bed) { b.net.Block("y", "x") },
	} {
		b := newBed(t, 1, fixed(10*time.Millisecond))
		x, y := b.node("x"), b.node("y")
		cut(b)
		e := x.dial(y)
		b.run(30 * time.Second)
		if len(e.closes) != 1 || e.closes[0].Reason != wire.DialFailed || e.closedAt > 6*time.Second {
			t.Errorf("%s: %v at %v, want dial-failed within 6 s", name, e.closes, e.closedAt)
		}
		b.net.Heal()
		x.connect(y)
	}
}

func TestInstancesThatReplaceEachOtherAreRefusedForAWhile(t *testing.T) {
	b := newBed(t, 1, netsim.Path{})
	x := b.node("x")
	same := func(c *netsim.EndpointConfig) { c.Key = keyOf("same") }
	twins := []*node{b.node("one", same), b.node("two", same)}
	for i := range 4 {
		twins[i%2].connect(x)
	}
	banned := b.now
	for b.now < banned+25*time.Second {
		e := twins[0].dial(x)
		b.run(time.Second)
		e.closed(t, wire.IdentityInUse, false)
	}
	b.run(10 * time.Second)
	twins[0].connect(x)
	if b.marks[netsim.MarkTwin] == 0 {
		t.Error("two that run are taken for a restart")
	}
	if b.marks[netsim.MarkInUse] != 1 {
		t.Errorf("marks %v", b.marks)
	}
}

func TestNetworkComesToRest(t *testing.T) {
	b := newBed(t, 1, rough)
	x, y := b.node("x"), b.node("y")
	near, _ := x.connect(y)
	near.send(t, 0, 50)
	if b.net.Idle() {
		t.Error("idle with a link open")
	}
	b.net.Isolate("x")
	b.run(3 * time.Second)
	if b.net.InFlight() == 0 {
		t.Error("nothing under way in a partition")
	}
	b.net.Heal()
	b.run(8 * time.Second)
	near.link.Drain(wire.Finished, time.Second)
	x.dialAt(keyOf("nobody").PeerID(), "nowhere:1")
	y.dialAt(x.Local(), "nowhere:1", "x:1")
	b.run(time.Minute)
	x.Crash()
	y.Close()
	b.run(time.Minute)
	if !b.net.Idle() || b.net.InFlight() != 0 {
		t.Errorf("%d frames under way a minute after everything closed", b.net.InFlight())
	}
}

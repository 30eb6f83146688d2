package netsim_test

import (
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// fill sends until the link is full and stays so, and gives how many bytes the
// wire took.
func (e *end) fill(size int) (bytes int) {
	took := 0
	for range 1000 {
		_, err := e.link.Send(message(took, size))
		if err == nil {
			took++
			continue
		}
		if !errors.Is(err, runtime.ErrFull) {
			e.b.t.Fatal(err)
		}
		before := e.writable
		e.b.run(500 * time.Millisecond)
		if e.writable == before {
			e.link.Close(wire.Cancelled)
			e.b.run(500 * time.Millisecond)
			return (took - len(e.closes[0].Unsent)) * size
		}
	}
	e.b.t.Fatal("never full")
	return 0
}

func TestPausedReceiverTakesItsWindow(t *testing.T) {
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x"), b.node("y")
	y.pause = true
	near, far := x.connect(y)
	const size = 1000
	got := near.fill(size)
	if want := wire.LinkWindow * size / (size + wire.MessageCost); got < want-2*size || got > want+2*size {
		t.Errorf("the wire took %d bytes, want about %d", got, want)
	}
	if len(far.got) != 0 {
		t.Errorf("a paused handler got %s", far.numbers())
	}
	if b.marks[netsim.MarkNoCredit] == 0 {
		t.Errorf("marks %v", b.marks)
	}
}

func TestCreditIsHeldByACutOfTheWayBack(t *testing.T) {
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	b.net.Block("y", "x")
	got := near.fill(1000)
	if got < wire.LinkWindow*9/10 || got > wire.LinkWindow {
		t.Errorf("%d bytes went out without credit coming back, want the window of %d", got, wire.LinkWindow)
	}
	if n := len(far.got) * 1000; n != got {
		t.Errorf("%d bytes arrived of %d", n, got)
	}
}

func TestMessageOverTheWindowWaitsForAHandlerThatReads(t *testing.T) {
	const size = wire.LinkWindow + 1
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x", func(c *netsim.EndpointConfig) { c.SendBytes = 2 * size }), b.node("y")
	y.pause = true
	near, far := x.connect(y)
	if _, err := near.link.Send(message(0, size), message(1, 10)); err != nil {
		t.Fatal(err)
	}
	b.run(time.Second)
	if sent := b.net.Traffic().Bytes; sent > size {
		t.Errorf("%d bytes were sent to a paused handler", sent)
	}
	far.link.Resume()
	b.run(time.Second)
	if got := far.numbers(); got != "0-1" {
		t.Errorf("arrived %s, want 0-1", got)
	}
}

// Three messages of the largest size come one after the other, each when the handler took the
// one before.
func TestLargeMessagesOfASessionShareABudget(t *testing.T) {
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x"), b.node("y")
	var near, far []*end
	for range 3 {
		n, f := x.connect(y)
		near, far = append(near, n), append(far, f)
	}
	for _, e := range near {
		if _, err := e.link.Send(message(0, wire.MaxMessage)); err != nil {
			t.Fatal(err)
		}
	}
	b.run(time.Minute)
	for i, e := range far {
		if got := e.numbers(); got != "0-0" {
			t.Errorf("link %d: arrived %s, want 0-0", i, got)
		}
	}
	if b.marks[netsim.MarkNoBudget] == 0 {
		t.Errorf("no message waited: marks %v", b.marks)
	}
}

func TestMessageBeyondTheWindowArrives(t *testing.T) {
	b := newBed(t, 1, rough)
	x, y := b.node("x"), b.node("y")
	near, far := x.connect(y)
	big := message(7, 5<<20)
	if _, err := near.link.Send(big); err != nil {
		t.Fatal(err)
	}
	b.run(5 * time.Minute)
	if len(far.got) == 0 || len(far.got[0]) != len(big) {
		t.Fatalf("%d messages arrived", len(far.got))
	}
}

func BenchmarkDelivery(b *testing.B) {
	bed := newBed(b, 1, rough)
	x := bed.node("x")
	var links []*end
	for range 9 {
		y := bed.node(string(rune('a' + len(links))))
		near, _ := x.connect(y)
		links = append(links, near)
	}
	m := message(0, 128)
	b.ReportAllocs()
	for b.Loop() {
		for _, l := range links {
			_, _ = l.link.Send(m)
		}
		bed.run(10 * time.Millisecond)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(9*b.N), "ns/delivery")
}

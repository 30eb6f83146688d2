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

func TestPausedReceiverTakesInboxAndWindow(t *testing.T) {
	b := newBed(t, 1, fixed(10*time.Millisecond))
	x, y := b.node("x"), b.node("y")
	y.pause = true
	near, far := x.connect(y)
	const size = 1000
	got := near.fill(size)
	if want := wire.Inbox + wire.StreamWindow; got < want-2*size || got > want+2*size {
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
	if got < wire.StreamWindow-2000 || got > wire.StreamWindow {
		t.Errorf("%d bytes went out without credit coming back, want the window of %d", got, wire.StreamWindow)
	}
	if n := len(far.got) * 1000; n != got {
		t.Errorf("%d bytes arrived of %d", n, got)
	}
}

func TestStalledLinksStarveAThirdUnderASmallConnectionWindow(t *testing.T) {
	for _, small := range []bool{true, false} {
		b := newBed(t, 1, fixed(10*time.Millisecond))
		x := b.node("x")
		y := b.node("y", func(c *netsim.EndpointConfig) {
			c.Inbox = 1 // so that the inbox does not blur the sum
			if small {
				c.ConnWindow = 2 * wire.StreamWindow
			}
		})
		y.pause = true
		for range 2 {
			near, _ := x.connect(y)
			for i := range 400 {
				_, _ = near.link.Send(message(i, 2000))
				b.run(time.Millisecond)
			}
		}
		third := x.dial(y)
		b.run(10 * time.Second)
		if third.opened == small {
			t.Errorf("small window %v: third link opened %v", small, third.opened)
		}
		if small && (len(third.closes) != 1 || b.marks[netsim.MarkNoConn] == 0) {
			t.Errorf("third link %v, marks %v", third.closes, b.marks)
		}
	}
}

func TestConnectionWindowComesBackFromDeadLinks(t *testing.T) {
	const latency = 50 * time.Millisecond
	for name, end := range map[string]func(b *bed, near, far *end){
		"reset by the sender, bytes under way": func(b *bed, near, _ *end) {
			b.run(latency / 2)
			near.link.Close(wire.Cancelled)
		},
		"reset by the receiver, bytes under way": func(b *bed, _, far *end) {
			b.run(latency / 2)
			far.link.Close(wire.TooSlow)
		},
		"reset by the sender, bytes unread": func(b *bed, near, _ *end) {
			b.run(4 * latency)
			near.link.Close(wire.Cancelled)
		},
		"reset by the receiver, bytes unread": func(b *bed, _, far *end) {
			b.run(4 * latency)
			far.link.Close(wire.TooSlow)
		},
	} {
		b := newBed(t, 1, fixed(latency))
		x, y := b.node("x"), b.node("y", func(c *netsim.EndpointConfig) { c.ConnWindow, c.Inbox = 2*wire.StreamWindow, 1 })
		y.pause = true
		for range 10 {
			near, far := x.connect(y)
			for i := range 200 {
				_, _ = near.link.Send(message(i, 1000))
			}
			end(b, near, far)
			b.run(time.Second)
			if len(near.closes) != 1 || len(far.closes) != 1 {
				t.Fatalf("%s: closed %v and %v", name, near.closes, far.closes)
			}
		}
		y.pause = false
		near, far := x.connect(y)
		near.send(t, 0, 200)
		b.run(5 * time.Second)
		if got := far.numbers(); got != "0-199" {
			t.Errorf("%s: arrived %s after 10 dead links, want 0-199", name, got)
		}
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

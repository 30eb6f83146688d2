package transporttest

import (
	"bytes"
	"errors"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

const proto = "transporttest/1"

func messageCases() []Case {
	return []Case{
		{Name: "both ends know who, where and for what", Needs: CanConnect, Body: identities},
		{Name: "messages arrive in order both ways", Body: order},
		{Name: "a message is its receiver's own", Body: ownMessage},
		{Name: "messages of every size arrive", Body: sizes, Max: time.Minute},
		{Name: "what is sent before the link opens arrives", Body: sendBeforeOpen},
		{Name: "an oversized message is refused and harms nothing", Body: oversized},
		{Name: "a protocol bounds its messages", Body: protocolLimit},
		{Name: "a hand-over loses nothing", Body: handOver},
		{Name: "a hand-over after the close moves the end too", Body: handOverClosed},
		{Name: "a link bound late hears everything", Body: boundLate},
		{Name: "exporters agree within a session and differ between sessions", Needs: CanConnect, Body: exporters},
		{Name: "round trips are measured", Needs: CanConnect, Net: &Net{Latency: 20 * time.Millisecond}, Body: roundTrips},
	}
}

// protocolLimit: who listens and who dials each say how large a message may be, and one
// that is larger ends the link where it arrives.
func protocolLimit(b *Bed) {
	const small = 10
	x, y := b.Pair()
	l := y.listenFor(runtime.Protocol{Name: proto, MaxMessage: small}, nil)
	near := x.dialFor(y.ID, y.Addrs, runtime.Protocol{Name: proto, MaxMessage: 10 * small}, nil)
	far := l.Accept(0)
	near.WaitOpen()
	for _, over := range []struct {
		by   *End
		size int
	}{{near, 10*small + 1}, {far, small + 1}} {
		over.by.Do(func() {
			if n, err := over.by.link.Send(make([]byte, over.size)); n != 0 || !errors.Is(err, runtime.ErrTooLarge) {
				b.Errorf("a message of %d bytes: took %d, %v, want ErrTooLarge", over.size, n, err)
			}
		})
	}
	near.SendAll([][]byte{message(1, small)})
	far.Wait("the message within the limit arrived", received(1))
	near.SendAll([][]byte{message(2, small+1)})
	far.expectClosed(wire.TooLarge, true)
	near.expectClosed(wire.TooLarge, false)
	// A message of several frames, and one over the window, are refused by their size.
	const large = wire.LinkWindow / 2
	wide := y.listenFor(runtime.Protocol{Name: "wide", MaxMessage: large}, nil)
	for i, size := range []int{large + 1, wire.MaxMessage} {
		near := x.dialFor(y.ID, y.Addrs, runtime.Protocol{Name: "wide"}, nil)
		near.WaitOpen()
		far := wide.Accept(i)
		near.SendAll([][]byte{message(1, large)})
		far.Wait("the message within the limit arrived", received(1))
		near.SendAll([][]byte{message(2, size)})
		far.expectClosed(wire.TooLarge, true)
		near.expectClosed(wire.TooLarge, false)
	}
}

func identities(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near := x.Dial(y, proto, func(e *End) {
		if e.link.Session() != nil {
			e.fault("a session before the link is open")
		}
		if e.link.Peer() != y.ID || e.link.Protocol() != proto {
			e.fault("peer %s and protocol %q right after Dial", e.link.Peer().Short(), e.link.Protocol())
		}
	})
	near.WaitOpen()
	far := l.Accept(0)
	for _, side := range []struct {
		e    *End
		peer *Node
	}{{near, y}, {far, x}} {
		if got := side.e.link.Peer(); got != side.peer.ID {
			b.Errorf("%v: peer %s, want %s", side.e, got.Short(), side.peer.ID.Short())
		}
		if got := side.e.link.Protocol(); got != proto {
			b.Errorf("%v: protocol %q, want %q", side.e, got, proto)
		}
		s := side.e.link.Session()
		if s == nil {
			b.Fatalf("%v: no session on an open link", side.e)
		}
		if got := s.Peer(); got != side.peer.ID {
			b.Errorf("%v: session with %s, want %s", side.e, got.Short(), side.peer.ID.Short())
		}
		if s.Instance() == (wire.Instance{}) {
			b.Errorf("%v: session with no instance", side.e)
		}
	}
	if near.link.Session().Instance() == far.link.Session().Instance() {
		b.Errorf("two nodes have one instance")
	}
	if x.Sessions(y.ID) != 1 || y.Sessions(x.ID) != 1 {
		b.Errorf("%d and %d sessions reported, want 1 and 1", x.Sessions(y.ID), y.Sessions(x.ID))
	}
}

// ownMessage sends one message over two links, and has the receiver of one write into it.
func ownMessage(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	writes := y.Listen("writes", func(e *End) {
		e.onMessage = func(m []byte) { clear(m) }
	})
	first, cleared := x.Connect(y, writes, "writes")
	second, far := x.Connect(y, l, proto)
	shared, want := messages(10, 100), messages(10, 100)
	far.Pause()
	second.SendAll(shared)
	first.SendAll(shared)
	cleared.Wait("all arrived", received(len(shared)))
	far.Resume()
	far.expect(far.Wait("all arrived", received(len(want))).Messages, want)
	far.expect(shared, want)
}

func order(b *Bed) {
	const n = 3000
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	there, back := make([][]byte, n), make([][]byte, n)
	for i := range n {
		there[i], back[i] = message(i, 1+i*i%500), message(i+n, 1+i*7%900)
	}
	near.SendAll(there)
	far.SendAll(back)
	far.expect(far.Wait("all arrived", received(n)).Messages, there)
	near.expect(near.Wait("all arrived", received(n)).Messages, back)
}

func sizes(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	var want [][]byte
	for i, size := range []int{1, 0, 15, 16, 31, 32, 4095, 4096, wire.MaxFrame, wire.MaxFrame + 1, wire.LinkWindow*3/4 - wire.MessageCost, wire.LinkWindow*3/4 + 1, wire.LinkWindow - 1, wire.LinkWindow, wire.SendBytes + 1, wire.DefaultDatum, 1, wire.MaxMessage, 2} {
		want = append(want, message(i, size))
	}
	near.SendAll(want)
	far.expect(far.Wait("all arrived", received(len(want))).Messages, want)
}

func sendBeforeOpen(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	want := messages(20, 300)
	near := x.Dial(y, proto, func(e *End) {
		if n, err := e.link.Send(want...); n != len(want) || err != nil {
			e.fault("Send before OnOpen took %d, %v", n, err)
		}
	})
	near.WaitOpen()
	far := l.Accept(0)
	far.expect(far.Wait("all arrived", received(len(want))).Messages, want)
}

func oversized(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	before, after := message(1, 10), message(2, 10)
	n, err := near.Send(before, make([]byte, wire.MaxMessage+1), after)
	if n != 1 || !errors.Is(err, runtime.ErrTooLarge) {
		b.Errorf("Send of a fine and an oversized message took %d with %v, want 1 with ErrTooLarge", n, err)
	}
	if n, err := near.Send(after); n != 1 || err != nil {
		b.Errorf("Send after an oversized message took %d with %v, want 1", n, err)
	}
	far.expect(far.Wait("both arrived", received(2)).Messages, [][]byte{before, after})
}

// handOver binds a link to another strand and handler from within one of many
// messages.
func handOver(b *Bed) {
	const n, first = 500, 10
	x, y := b.Pair()
	worker := y.Env.Scheduler.Strand("worker")
	second := y.newEnd("b<worker", false)
	second.strand = worker
	l := y.Listen(proto, func(e *End) {
		e.onMessage = func([]byte) {
			if len(e.log.Messages) == first {
				second.link = e.link
				e.link.Bind(worker, second)
				y.forget(e)
			}
		}
	})
	near, far := x.Connect(y, l, proto)
	want := messages(n, 200)
	near.SendAll(want)
	got := second.Wait("the rest arrived", received(n-first)).Messages
	second.expect(got, want[first:])
	far.expect(far.Log().Messages, want[:first])
	second.Do(func() { second.link.Close(wire.Finished) })
	second.expectClosed(wire.Finished, true)
	b.Sleep(settle)
	if l := far.Log(); len(l.Closes) != 0 || len(l.Faults) != 0 {
		b.Errorf("the former handler heard %v", l)
	}
}

// handOverClosed binds anew when OnClosed is posted already.
func handOverClosed(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	worker := y.Env.Scheduler.Strand("worker")
	for range 5 {
		_, far := x.Connect(y, l, proto)
		second := y.newEnd("b<worker", false)
		second.strand = worker
		far.Do(func() {
			far.link.Close(wire.Finished)
			second.link = far.link
			far.link.Bind(worker, second)
		})
		y.forget(far)
		second.expectClosed(wire.Finished, true)
		b.Sleep(settle)
		if l := far.Log(); len(l.Closes) != 0 {
			b.Errorf("the former handler heard %v", l.Closed())
		}
	}
}

// boundLate lets messages arrive before anyone is bound.
func boundLate(b *Bed) {
	x, y := b.Pair()
	var accepted runtime.Watch[runtime.Link]
	y.Do(func() {
		_, err := y.Env.Transport.Listen(runtime.Protocol{Name: proto}, y.strand, func(link runtime.Link) { accepted.Set(link) })
		if err != nil {
			b.Errorf("listen: %v", err)
		}
	})
	want := messages(50, 100)
	near := x.Dial(y, proto, nil)
	near.SendAll(want)
	link, err := accepted.Wait(b.ctx, b.env, func(link runtime.Link) bool { return link != nil })
	if err != nil {
		b.Fatalf("accept: %v", err)
	}
	b.Sleep(4 * settle)
	far := y.newEnd("late", false)
	y.Do(func() {
		far.link = link
		link.Bind(y.strand, far)
	})
	far.expect(far.Wait("all arrived", received(len(want))).Messages, want)
}

func exporters(b *Bed) {
	x, y := b.Pair()
	z := b.Node("c")
	lx, ly := z.Listen(proto, nil), y.Listen(proto, nil)
	near, far := x.Connect(y, ly, proto)
	near2, far2 := x.Connect(y, ly, proto)
	other, _ := x.Connect(z, lx, proto)
	export := func(e *End, label, context string) []byte {
		secret, err := e.link.Session().Exporter(label, []byte(context))
		if err != nil {
			b.Fatalf("%v: exporter: %v", e, err)
		}
		if len(secret) != 32 {
			b.Fatalf("%v: exporter of %d bytes, want 32", e, len(secret))
		}
		return secret
	}
	const label = "EXPORTER-transporttest"
	base := export(near, label, "c")
	for _, e := range []*End{far, near2, far2} {
		if !bytes.Equal(export(e, label, "c"), base) {
			b.Errorf("%v: another exporter than the rest of its session", e)
		}
	}
	for _, test := range []struct {
		name   string
		secret []byte
	}{
		{"another session", export(other, label, "c")},
		{"another label", export(near, label+"2", "c")},
		{"another context", export(near, label, "d")},
	} {
		if bytes.Equal(test.secret, base) {
			b.Errorf("%s gives the same exporter", test.name)
		}
	}
}

func roundTrips(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, func(e *End) {
		e.onMessage = func(m []byte) { _, _ = e.link.Send(m) }
	})
	near, far := x.Connect(y, l, proto)
	for i := range 20 {
		near.SendAll([][]byte{message(i, 10)})
		near.Wait("the answer arrived", received(i+1))
	}
	low, high := time.Duration(1), 5*time.Second
	if b.can&CanShape != 0 {
		low, high = 40*time.Millisecond, 60*time.Millisecond
	}
	for _, e := range []*End{near, far} {
		rtt := e.link.Session().RTT()
		if rtt.Min < low || rtt.Min > high || rtt.Latest < rtt.Min {
			b.Errorf("%v: round trip %v, smallest %v, want from %v to %v", e, rtt.Latest, rtt.Min, low, high)
		}
		if n := e.node.Count(event.SessionMeasured, e.link.Peer()); n == 0 {
			b.Errorf("%v: measurements are not reported", e)
		}
		if now := e.node.Env.Clock.Mono(); rtt.At <= 0 || rtt.At > now {
			b.Errorf("%v: measured at %v, now is %v", e, rtt.At, now)
		}
	}
}

package transporttest

import (
	"errors"
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

func closeCases() []Case {
	return []Case{
		{Name: "the peer learns the reason of a close", Body: closeReason},
		{Name: "close ends a blocked write at once", Body: closeBlocked},
		{Name: "the most severe reason wins", Body: severity},
		{Name: "close discards what was not received", Body: closeDiscards},
		{Name: "close twice is one close", Body: closeTwice},
		{Name: "close at both ends at once ends both once", Body: closeBoth},
		{Name: "close before the link opens", Body: closeBeforeOpen},
		{Name: "a link that is not bound is refused", Body: closeUnbound},
		{Name: "a link that is refused does not keep its session", Needs: CanConnect, Body: refusedLinger},
		{Name: "unsent is exact after close", Body: unsentExact},
		{Name: "nothing can be sent on a closed link", Body: sendAfterClose},
	}
}

// closeHere is Link.Close from the body.
func (e *End) closeNow(r wire.Reason) { e.Do(func() { e.link.Close(r) }) }

func (e *End) drainNow(r wire.Reason, max time.Duration) { e.Do(func() { e.link.Drain(r, max) }) }

// expectClosed checks reason and side of an end.
func (e *End) expectClosed(r wire.Reason, local bool) runtime.Closed {
	c := e.Closed()
	if !errors.Is(c, r) || c.Local != local {
		e.node.bed.Errorf("%v: %v (local %v), want %v (local %v)", e, c, c.Local, r, local)
	}
	return c
}

func closeReason(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	for _, r := range []wire.Reason{wire.Cancelled, wire.Finished, wire.TooSlow, wire.Expired, wire.Revoked, wire.NoCapacity, wire.Reason(999)} {
		near, far := x.Connect(y, l, proto)
		near.closeNow(r)
		near.expectClosed(r, true)
		far.expectClosed(r, false)

		near, far = x.Connect(y, l, proto)
		far.closeNow(r)
		far.expectClosed(r, true)
		near.expectClosed(r, false)
	}
}

func closeBlocked(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, pausedHere)
	near, far := x.Connect(y, l, proto)
	near.fill(1000)
	began := b.Mono()
	near.closeNow(wire.Expired)
	near.expectClosed(wire.Expired, true)
	far.expectClosed(wire.Expired, false)
	if took := b.Mono() - began; took > 2*time.Second {
		b.Errorf("a blocked link took %v to close", took)
	}
	if near.Log().Closed().Drained {
		b.Errorf("a link that was closed full says that it is drained")
	}
}

func severity(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	for _, two := range [][2]wire.Reason{
		{wire.GracefulShutdown, wire.Revoked},
		{wire.Revoked, wire.GracefulShutdown},
		{wire.TooSlow, wire.Expired},
		{wire.ProtocolViolation, wire.TooSlow},
	} {
		near, far := x.Connect(y, l, proto)
		near.Do(func() {
			near.link.Close(two[0])
			near.link.Close(two[1])
		})
		want := two[0].Worst(two[1])
		near.expectClosed(want, true)
		far.expectClosed(want, false)
	}
	stalled := y.Listen("stalled", pausedHere)
	near, far := x.Connect(y, stalled, "stalled")
	near.fill(1000)
	near.drainNow(wire.GracefulShutdown, 20*time.Second)
	b.Sleep(settle)
	near.closeNow(wire.Revoked)
	near.expectClosed(wire.Revoked, true)
	far.expectClosed(wire.Revoked, false)
	// What was to be said at the end of a drain is not true of a close, however mild that is.
	near, far = x.Connect(y, stalled, "stalled")
	near.fill(1000)
	near.drainNow(wire.GracefulShutdown, 20*time.Second)
	near.closeNow(wire.Cancelled)
	near.expectClosed(wire.Cancelled, true)
	far.expectClosed(wire.Cancelled, false)
}

// closeDiscards: an abrupt close overtakes what the receiver has not handled.
func closeDiscards(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, pausedHere)
	near, far := x.Connect(y, l, proto)
	near.SendAll(messages(50, 100))
	b.Sleep(4 * settle)
	near.closeNow(wire.Expired)
	far.expectClosed(wire.Expired, false)
	far.Do(func() { far.paused = false; far.link.Resume() })
	b.Sleep(settle)
	if got := len(far.Log().Messages); got != 0 {
		b.Errorf("%d messages after a close that should discard them", got)
	}
}

func closeTwice(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	near.closeNow(wire.Finished)
	near.Closed()
	far.Closed()
	near.Do(func() {
		near.link.Close(wire.Revoked)
		near.link.Drain(wire.Revoked, time.Second)
		near.link.Pause()
		near.link.Resume()
	})
	far.closeNow(wire.Revoked)
	b.Sleep(2 * settle)
	near.expectClosed(wire.Finished, true)
	far.expectClosed(wire.Finished, false)
}

func closeBoth(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	for i := range 10 {
		near, far := x.Connect(y, l, proto)
		near.SendAll(messages(5, 100))
		far.strand.Post(func() { far.link.Close(wire.Expired) })
		near.closeNow(wire.TooSlow)
		for _, side := range []struct {
			e           *End
			own, theirs wire.Reason
		}{{near, wire.TooSlow, wire.Expired}, {far, wire.Expired, wire.TooSlow}} {
			c := side.e.Closed()
			if c.Reason != side.own && c.Reason != side.theirs {
				b.Errorf("round %d: %v: %v, want %v or %v", i, side.e, c, side.own, side.theirs)
			}
		}
	}
}

func closeBeforeOpen(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	want := messages(3, 10)
	near := x.Dial(y, proto, func(e *End) {
		_, _ = e.link.Send(want...)
		e.link.Close(wire.Cancelled)
	})
	c := near.expectClosed(wire.Cancelled, true)
	near.expect(c.Unsent, want)
	if near.Log().Opened {
		b.Errorf("a link opened after it was closed")
	}
	for i := range l.Count() { // if it was accepted at all, it was closed too
		l.Accept(i).Closed()
	}
	x.Connect(y, l, proto)
}

// unsentExact: of what Send took, the oldest went out and the rest is given
// back, all of it and in order, and nothing is both given back and received.
func unsentExact(b *Bed) {
	for i, size := range []int{10, 1000, 50_000} {
		x, y := b.Node(fmt.Sprintf("a%d", i)), b.Node(fmt.Sprintf("b%d", i))
		l := y.Listen(proto, func(e *End) {
			e.onMessage = func([]byte) {
				if len(e.log.Messages) == 3 {
					e.pauseHere()
				}
			}
		})
		near, far := x.Connect(y, l, proto)
		took := near.fill(size)
		near.closeNow(wire.TooSlow)
		unsent := near.Closed().Unsent
		if len(unsent) == 0 || len(unsent) >= len(took) {
			b.Errorf("%d of %d messages of %d bytes unsent on a full link", len(unsent), len(took), size)
			continue
		}
		near.expect(unsent, took[len(took)-len(unsent):])
		far.Closed()
		heard := far.Log().Messages
		if len(heard)+len(unsent) > len(took) {
			b.Errorf("%d received and %d unsent of %d", len(heard), len(unsent), len(took))
		}
		far.expect(heard, took[:len(heard)])
	}
}

func sendAfterClose(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	for _, end := range []func(e *End){
		func(e *End) { e.link.Close(wire.Finished) },
		func(e *End) { e.link.Drain(wire.Finished, time.Second) },
	} {
		near, far := x.Connect(y, l, proto)
		near.Do(func() {
			end(near)
			if n, err := near.link.Send(message(1, 10)); n != 0 || !errors.Is(err, runtime.ErrClosed) {
				near.fault("Send on a link that ends took %d, %v, want ErrClosed", n, err)
			}
		})
		near.Closed()
		far.Closed()
		if n, err := far.Send(message(1, 10)); n != 0 || !errors.Is(err, runtime.ErrClosed) {
			b.Errorf("Send on a link that the peer ended took %d, %v, want ErrClosed", n, err)
		}
	}
}

// refusals are the ways in which an acceptor refuses a link that it has not bound.
var refusals = []struct {
	name   string
	refuse func(runtime.Link)
}{
	{"close", func(l runtime.Link) { l.Close(wire.NoCapacity) }},
	{"the more severe reason", func(l runtime.Link) {
		l.Close(wire.Cancelled)
		l.Close(wire.NoCapacity)
	}},
	{"drain", func(l runtime.Link) { l.Drain(wire.NoCapacity, time.Hour) }},
}

func (n *Node) refuseAll() {
	n.Do(func() {
		for _, r := range refusals {
			if _, err := n.Env.Transport.Listen(runtime.Protocol{Name: r.name}, n.strand, r.refuse); err != nil {
				n.bed.Errorf("listen: %v", err)
			}
		}
	})
}

// closeUnbound refuses more links than there are places for those that are not bound.
func closeUnbound(b *Bed) {
	x, y := b.Pair()
	y.refuseAll()
	for _, r := range refusals {
		for i := range 80 {
			if c := x.Dial(y, r.name, nil).Closed(); c.Reason != wire.NoCapacity || c.Local {
				b.Fatalf("%s: link %d: %v, want no-capacity from the peer", r.name, i, c)
			}
		}
	}
	// It may be bound afterwards, and then hears of its end.
	var late *End
	var there runtime.Watch[bool]
	y.Do(func() {
		_, err := y.Env.Transport.Listen(runtime.Protocol{Name: "late"}, y.strand, func(l runtime.Link) {
			l.Close(wire.NoCapacity)
			late = y.newEnd("bound late", false)
			late.link = l
			l.Bind(y.strand, late)
			there.Set(true)
		})
		if err != nil {
			b.Errorf("listen: %v", err)
		}
	})
	near := x.Dial(y, "late", nil)
	if _, err := there.Wait(b.ctx, b.env, func(ok bool) bool { return ok }); err != nil {
		b.Fatalf("no link came: %v", err)
	}
	late.expectClosed(wire.NoCapacity, true)
	near.expectClosed(wire.NoCapacity, false)
}

func refusedLinger(b *Bed) {
	x, y := b.Node("a"), b.NodeWith("b", Options{Linger: 100 * time.Millisecond})
	y.refuseAll()
	for _, r := range refusals {
		x.Dial(y, r.name, nil).expectClosed(wire.NoCapacity, false)
	}
	b.Until("the session ends", func() bool { return x.Sessions(y.ID) == 0 && y.Sessions(x.ID) == 0 })
}

package transporttest

import (
	"time"

	"github.com/smalti/smalti/runtime/wire"
)

// lossy is the network of cases about what must survive loss.
var lossy = Net{Latency: 10 * time.Millisecond, Loss: 50_000}

func drainCases() []Case {
	return []Case{
		{Name: "drain delivers everything through loss", Net: &lossy, Body: drainLossy},
		{Name: "drain waits for a paused receiver", Body: drainPaused},
		{Name: "drain does not wait for a paused receiver that has everything", Body: drainTaken},
		{Name: "drain is confirmed before a process goes away", Needs: CanCrash, Net: &lossy, Body: drainThenCrash},
		{Name: "a drain that takes too long becomes a close", Body: drainTimeout},
		{Name: "both ends drain at once", Body: drainBoth},
		{Name: "drain of an idle link", Body: drainIdle},
		{Name: "drain while the peer sends", Body: drainAgainst},
		{Name: "drain through a short partition", Needs: CanPartition, Body: drainPartition},
		{Name: "drain before the link opens", Body: drainBeforeOpen},
	}
}

// expectDrained checks both ends of a link that near drained after sending
// want.
func expectDrained(near, far *End, want [][]byte) {
	b := near.node.bed
	c := near.expectClosed(wire.GracefulShutdown, true)
	if !c.Drained || len(c.Unsent) != 0 {
		b.Errorf("%v: drained %v with %d unsent, want drained with none", near, c.Drained, len(c.Unsent))
	}
	// The confirmation says that the handler has it, so it is there already.
	last := far.Log().LastAt
	far.expect(far.Log().Messages, want)
	if at := near.Log().ClosedAt; at < last {
		b.Errorf("%v: confirmed at %v, the last message was taken at %v", near, at, last)
	}
	far.expectClosed(wire.GracefulShutdown, false)
}

func drainLossy(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	want := messages(500, 1000)
	near.SendAll(want)
	near.Wait("all are queued", sent(len(want)))
	near.drainNow(wire.GracefulShutdown, 20*time.Second)
	expectDrained(near, far, want)
}

func drainPaused(b *Bed) {
	const pause = time.Second
	x, y := b.Pair()
	l := y.Listen(proto, pausedHere)
	near, far := x.Connect(y, l, proto)
	took := near.fill(1000)
	near.drainNow(wire.GracefulShutdown, 20*time.Second)
	b.Sleep(pause)
	if l := near.Log(); len(l.Closes) > 0 {
		b.Fatalf("drained while the receiver is paused: %v", l.Closed())
	}
	resumed := b.Mono()
	far.Resume()
	expectDrained(near, far, took)
	if at := near.Log().ClosedAt; at < resumed {
		b.Errorf("drained at %v, the receiver resumed at %v", at, resumed)
	}
}

// drainTaken has the receiver pause with the last message, and drains before or after that.
func drainTaken(b *Bed) {
	x, y := b.Pair()
	want := messages(20, 100)
	l := y.Listen(proto, func(e *End) {
		e.onMessage = func([]byte) {
			if len(e.log.Messages) == len(want) {
				e.pauseHere()
			}
		}
	})
	for _, wait := range []time.Duration{0, time.Second} {
		near, far := x.Connect(y, l, proto)
		near.SendAll(want)
		near.Wait("all are queued", sent(len(want)))
		b.Sleep(wait)
		near.drainNow(wire.GracefulShutdown, 20*time.Second)
		expectDrained(near, far, want)
	}
}

// drainThenCrash kills the sender in the turn in which its drain is confirmed.
func drainThenCrash(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	want := messages(200, 1000)
	near.SendAll(want)
	near.Wait("all are queued", sent(len(want)))
	near.drainNow(wire.GracefulShutdown, 20*time.Second)
	c := near.Closed()
	got := far.Log().Messages
	b.Crash(x)
	if !c.Drained {
		b.Errorf("not drained: %v", c)
	}
	far.expect(got, want)
}

func drainTimeout(b *Bed) {
	const max = 400 * time.Millisecond
	x, y := b.Pair()
	l := y.Listen(proto, pausedHere)
	near, far := x.Connect(y, l, proto)
	took := near.fill(1000)
	began := b.Mono()
	near.drainNow(wire.GracefulShutdown, max)
	c := near.expectClosed(wire.DrainTimeout, true)
	if c.Drained {
		b.Errorf("a drain that ran out of time says that it is drained")
	}
	if at := near.Log().ClosedAt - began; at < max || at > max+2*time.Second {
		b.Errorf("the drain became a close after %v, want %v", at, max)
	}
	if len(c.Unsent) == 0 || len(c.Unsent) > len(took) {
		b.Errorf("%d of %d unsent on a full link", len(c.Unsent), len(took))
	} else {
		near.expect(c.Unsent, took[len(took)-len(c.Unsent):])
	}
	far.expectClosed(wire.DrainTimeout, false)
	if got := len(far.Log().Messages); got != 0 {
		b.Errorf("a paused receiver heard %d messages", got)
	}
}

func drainBoth(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	near.Pause() // so that neither end has everything before both drain
	far.Pause()
	there, back := messages(100, 500), messages(90, 700)
	near.SendAll(there)
	far.SendAll(back)
	near.Wait("all are queued", sent(len(there)))
	far.Wait("all are queued", sent(len(back)))
	far.drainNow(wire.GracefulShutdown, 10*time.Second)
	near.drainNow(wire.GracefulShutdown, 10*time.Second)
	near.Resume()
	far.Resume()
	for _, side := range []struct {
		e    *End
		want [][]byte
	}{{near, back}, {far, there}} {
		c := side.e.Closed()
		if c.Reason != wire.GracefulShutdown || !c.Drained || len(c.Unsent) != 0 {
			b.Errorf("%v: %v, drained %v, %d unsent", side.e, c, c.Drained, len(c.Unsent))
		}
		side.e.expect(side.e.Log().Messages, side.want)
	}
}

func drainIdle(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	near.drainNow(wire.GracefulShutdown, 10*time.Second)
	expectDrained(near, far, nil)
	near, far = x.Connect(y, l, proto)
	far.drainNow(wire.GracefulShutdown, 10*time.Second)
	expectDrained(far, near, nil)
}

// drainAgainst drains one end while the other has much to send: what was sent
// arrives, and of the peer's messages a part does, none of them twice or lost
// in between.
func drainAgainst(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	want, against := messages(100, 500), messages(5000, 1000)
	far.SendAll(against)
	near.Wait("the peer's messages flow", received(50))
	near.SendAll(want)
	near.Wait("all are queued", sent(len(want)))
	near.drainNow(wire.GracefulShutdown, 20*time.Second)
	expectDrained(near, far, want)
	heard, unsent := near.Log().Messages, far.Closed().Unsent
	near.expect(heard, against[:len(heard)])
	took := far.Log().Sent
	if len(heard)+len(unsent) > took {
		b.Errorf("%d heard and %d unsent of %d", len(heard), len(unsent), took)
	}
	far.expect(unsent, against[took-len(unsent):took])
}

func drainPartition(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	want := messages(20, 1000)
	b.Partition(x, y)
	near.SendAll(want)
	near.drainNow(wire.GracefulShutdown, 20*time.Second)
	b.Sleep(time.Second)
	if l := near.Log(); len(l.Closes) > 0 {
		b.Fatalf("drained through a cut: %v", l.Closed())
	}
	b.Heal()
	expectDrained(near, far, want)
}

func drainBeforeOpen(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	want := messages(5, 100)
	near := x.Dial(y, proto, func(e *End) {
		if n, err := e.link.Send(want...); n != len(want) || err != nil {
			e.fault("Send before OnOpen took %d, %v", n, err)
		}
		e.link.Drain(wire.GracefulShutdown, 10*time.Second)
	})
	expectDrained(near, l.Accept(0), want)
}

package transporttest

import (
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

func stopCases() []Case {
	return []Case{
		{Name: "transport drain delivers and ends everything", Body: transportDrain},
		{Name: "transport drain gives up on a paused receiver", Body: transportDrainStalled},
		{Name: "transport close ends everything at once", Body: transportClose},
		{Name: "a closed transport does nothing", Body: closedTransport},
	}
}

// drain is Transport.Drain in order, waited for.
func (n *Node) drain(max time.Duration) {
	var done runtime.Watch[int]
	n.Do(func() {
		n.Env.Transport.Drain(wire.GracefulShutdown, max, n.strand, func() { done.Set(done.Get() + 1) })
	})
	if _, err := done.Wait(n.bed.ctx, n.bed.env, func(times int) bool { return times > 0 }); err != nil {
		n.bed.Fatalf("drain of %s: %v", n.Name, err)
	}
	n.bed.Sleep(settle)
	if times := done.Get(); times != 1 {
		n.bed.Errorf("done ran %d times, want once", times)
	}
}

func transportDrain(b *Bed) {
	x, y := b.Pair()
	z := b.Node("c")
	ly, lz, lx := y.Listen(proto, nil), z.Listen(proto, nil), x.Listen(proto, nil)
	near, far := x.Connect(y, ly, proto)
	near2, far2 := x.Connect(z, lz, proto)
	in, inFar := y.Connect(x, lx, proto)
	want := messages(200, 1000)
	near.SendAll(want)
	near2.SendAll(want)
	inFar.SendAll(want)
	for _, e := range []*End{near, near2, inFar} {
		e.Wait("all are queued", sent(len(want)))
	}
	x.drain(20 * time.Second)
	expectDrained(near, far, want)
	expectDrained(near2, far2, want)
	expectDrained(inFar, in, want)
	b.Until("no session is left", func() bool { return x.Sessions(y.ID)+x.Sessions(z.ID)+y.Sessions(x.ID)+z.Sessions(x.ID) == 0 })
	expectServed(z, y, "others")
}

func transportDrainStalled(b *Bed) {
	const max = 500 * time.Millisecond
	x, y := b.Pair()
	l := y.Listen(proto, pausedHere)
	near, far := x.Connect(y, l, proto)
	near.fill(1000)
	began := b.Mono()
	x.drain(max)
	if took := b.Mono() - began; took < max || took > max+5*time.Second {
		b.Errorf("a stalled drain took %v, want %v", took, max)
	}
	if c := near.Closed(); c.Drained || len(c.Unsent) == 0 {
		b.Errorf("drained %v with %d unsent on a stalled link", c.Drained, len(c.Unsent))
	}
	far.expectClosed(wire.DrainTimeout, false)
}

func transportClose(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	stalled := y.Listen("stalled", pausedHere)
	near, far := x.Connect(y, l, proto)
	near2, far2 := x.Connect(y, stalled, "stalled")
	near2.fill(1000)
	open := []*End{near, near2}
	if b.can&CanConnect != 0 {
		open = append(open, x.DialAt(keyOf("nobody").PeerID(), []string{b.world.Nowhere()}, proto, nil))
	}
	x.Stop()
	x.Stop()
	for _, e := range open {
		e.expectClosed(wire.Cancelled, true)
	}
	for _, e := range []*End{far, far2} {
		e.expectClosed(wire.Cancelled, false)
	}
	b.Until("no session is left", func() bool { return x.Sessions(y.ID)+y.Sessions(x.ID) == 0 })
}

func closedTransport(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, _ := x.Connect(y, l, proto)
	x.Stop()
	near.Closed()
	late := x.Dial(y, proto, nil)
	if c := late.Wait("a dial on a closed transport ends", closed); c.Opened {
		b.Errorf("a link opened on a closed transport")
	}
	x.drain(time.Second)
	if c := y.Dial(x, proto, nil).Closed(); c.Drained {
		b.Errorf("a link to a closed transport drained")
	}
	// A drain with nothing to drain is quick.
	z := b.Node("c")
	began := b.Mono()
	z.drain(10 * time.Second)
	if took := b.Mono() - began; took > 5*time.Second {
		b.Errorf("a drain of nothing took %v", took)
	}
}

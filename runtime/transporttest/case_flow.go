package transporttest

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

func flowCases() []Case {
	return []Case{
		{Name: "a full queue tells once when it is half empty", Body: fullQueue},
		{Name: "what a paused receiver swallows is bounded", Body: hiddenLag},
		{Name: "pause is exact within a batch", Body: pauseExact},
		{Name: "what waits comes in one turn", Body: together},
		{Name: "pause and resume in one callback change nothing", Body: pauseResume},
		{Name: "a stalled link does not stall its sibling", Body: stalledSibling},
		{Name: "a link opens beside fifteen stalled ones", Body: openBesideStalled},
		{Name: "links per peer are bounded and come back", Body: linkCap},
		{Name: "links come and go without end", Max: time.Minute, Body: churn},
		{Name: "unbound links are bounded", Body: unboundLinks},
		{Name: "a quiet session stays up", Body: quiet},
	}
}

func pausedHere(e *End) { e.pauseHere() }

// together lets messages wait: they come in few turns, and More says so.
func together(b *Bed) {
	const n = 50
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	far.Pause()
	want := messages(n, 100)
	near.SendAll(want)
	near.Wait("all are sent", sent(n))
	b.Sleep(4 * settle)
	far.Resume()
	got := far.Wait("all arrived", received(n))
	far.expect(got.Messages, want)
	if got.Together < n/2 { // a slow machine may have begun to read them when the pause is over
		b.Errorf("%d of %d messages were announced in the turn of the one before, want half of them at least", got.Together, n)
	}

	far.Pause()
	near.SendAll(want)
	near.drainNow(wire.GracefulShutdown, time.Minute)
	b.Sleep(4 * settle)
	far.Resume()
	far.Closed()
	if got := far.Log(); len(got.Messages) != 2*n || got.Unkept {
		b.Errorf("after a drain %d messages came, want %d; a goodbye was announced as a message: %v", len(got.Messages), 2*n, got.Unkept)
	}
}

// fill sends messages of one size until the link takes no more, and gives
// those that it took.
func (e *End) fill(size int) [][]byte {
	const enough = wire.Inbox + wire.StreamWindow + wire.SendBytes + 512<<10
	all := messages(enough/(size+1)+8, size)
	e.SendAll(all)
	for last := -1; last != e.Log().Sent; {
		last = e.Log().Sent
		e.node.bed.Sleep(4 * settle)
		e.Do(e.pump) // the queue may be less than full and more than half
	}
	var rest int
	e.Do(func() {
		rest = len(e.queue)
		e.queue = nil
		if rest == 0 {
			e.fault("a paused receiver swallowed %d messages of %d bytes", len(all), size)
		}
	})
	return all[:len(all)-rest]
}

func fullQueue(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, pausedHere)
	near, far := x.Connect(y, l, proto)
	took := near.fill(1000)
	before := near.Log().Writable
	again := messages(wire.SendMessages/2, 1)
	near.Do(func() {
		near.onWrite = func() {
			near.onWrite = nil
			if n, err := near.link.Send(again...); n != len(again) || err != nil {
				near.fault("in OnWritable half a queue has no room: Send took %d of %d, %v", n, len(again), err)
			}
		}
	})
	b.Sleep(4 * settle)
	if got := near.Log().Writable; got != before {
		b.Errorf("%d OnWritable while the receiver is paused", got-before)
	}
	far.Resume()
	far.expect(far.Wait("all arrived", received(len(took)+len(again))).Messages, append(took, again...))
	b.Sleep(4 * settle)
	if got := near.Log().Writable; got != before+1 {
		b.Errorf("%d OnWritable after one ErrFull, want 1", got-before)
	}
}

// hiddenLag checks the sum that docs and defaults promise: inbox, stream
// window and send queue, and not much else.
func hiddenLag(b *Bed) {
	const size = 1000
	x, y := b.Pair()
	l := y.Listen(proto, pausedHere)
	near, _ := x.Connect(y, l, proto)
	bytes := len(near.fill(size)) * size
	const want, slack = wire.Inbox + wire.StreamWindow + wire.SendBytes, 96 << 10
	if bytes > want+slack {
		b.Errorf("%d bytes went into a paused link, want at most %d", bytes, want+slack)
	}
	if bytes < wire.StreamWindow {
		b.Errorf("%d bytes went into a paused link, want at least the stream window of %d", bytes, wire.StreamWindow)
	}
}

func pauseExact(b *Bed) {
	const n, step = 200, 7
	x, y := b.Pair()
	l := y.Listen(proto, func(e *End) {
		e.onMessage = func([]byte) {
			if len(e.log.Messages)%step == 0 {
				e.pauseHere()
			}
		}
	})
	near, far := x.Connect(y, l, proto)
	want := messages(n, 50)
	near.SendAll(want)
	for have := step; have <= n; have += step {
		far.Wait(fmt.Sprintf("message %d arrived", have), received(have))
		if have < 4*step {
			b.Sleep(settle)
		}
		if got := len(far.Log().Messages); got != have {
			b.Fatalf("%d messages while paused at %d", got, have)
		}
		far.Resume()
	}
	far.expect(far.Wait("all arrived", received(n)).Messages, want)
}

func pauseResume(b *Bed) {
	const n = 300
	x, y := b.Pair()
	l := y.Listen(proto, func(e *End) {
		e.onMessage = func([]byte) {
			e.pauseHere()
			e.resumeHere()
		}
	})
	near, far := x.Connect(y, l, proto)
	want := messages(n, 2000)
	near.SendAll(want)
	far.expect(far.Wait("all arrived", received(n)).Messages, want)
}

func stalledSibling(b *Bed) {
	x, y := b.Pair()
	stalled, free := y.Listen("stalled", pausedHere), y.Listen("free", nil)
	near, far := x.Connect(y, stalled, "stalled")
	took := near.fill(1000)
	near2, far2 := x.Connect(y, free, "free")
	want := messages(1000, 1000)
	near2.SendAll(want)
	far2.expect(far2.Wait("all passed the stalled link", received(len(want))).Messages, want)
	far.Resume()
	far.expect(far.Wait("the stalled link goes on", received(len(took))).Messages, took)
}

func openBesideStalled(b *Bed) {
	x, y := b.Pair()
	stalled, free := y.Listen("stalled", pausedHere), y.Listen("free", nil)
	var links []*End
	for range wire.LinksPerPeer - 1 {
		near, _ := x.Connect(y, stalled, "stalled")
		links = append(links, near)
	}
	for _, near := range links {
		near.SendAll(messages(700, 1000))
	}
	b.Sleep(500 * time.Millisecond)
	near, far := x.Connect(y, free, "free")
	want := messages(100, 1000)
	near.SendAll(want)
	far.expect(far.Wait("all passed fifteen stalled links", received(len(want))).Messages, want)
}

func linkCap(b *Bed) {
	x := b.NodeWith("a", Options{LinkTimeout: time.Second})
	y := b.Node("b")
	l := y.Listen(proto, nil)
	var links []*End
	for range wire.LinksPerPeer {
		near, _ := x.Connect(y, l, proto)
		links = append(links, near)
	}
	extra := x.Dial(y, proto, nil)
	c := extra.Within(5*time.Second, "a link too many is refused", closed)
	if c.Opened {
		b.Errorf("link %d of %d opened", wire.LinksPerPeer+1, wire.LinksPerPeer)
	}
	if r := c.Closed().Reason; r != wire.Overloaded && r != wire.DialFailed {
		b.Errorf("a link too many ended with %v, want overloaded or dial-failed", r)
	}
	for round := range 3 {
		for _, e := range links {
			e.Do(func() { e.link.Close(wire.Finished) })
			e.Closed()
		}
		for i := range links {
			links[i] = x.Dial(y, proto, nil)
			links[i].WaitOpen()
		}
		b.Logf("round %d: %d links opened again", round, len(links))
	}
}

// unboundLinks has an acceptor that binds nothing, and four peers that open
// all the links that they may.
func unboundLinks(b *Bed) {
	y := b.Node("y")
	var held []runtime.Link
	var count runtime.Watch[int]
	y.Do(func() {
		_, err := y.Env.Transport.Listen(proto, y.strand, func(link runtime.Link) {
			held = append(held, link)
			count.Set(len(held))
		})
		if err != nil {
			b.Errorf("listen: %v", err)
		}
	})
	const peers = 6
	var dialled []*End
	for i := range peers {
		x := b.Node(fmt.Sprintf("x%d", i))
		for range wire.LinksPerPeer {
			dialled = append(dialled, x.Dial(y, proto, nil))
		}
	}
	refused := 0
	for _, e := range dialled {
		if l := e.Wait("it opens or is refused", opened); len(l.Closes) > 0 {
			refused++
			if r := l.Closed().Reason; r != wire.Overloaded {
				b.Errorf("%v: refused with %v, want overloaded", e, r)
			}
		}
	}
	if refused == 0 {
		b.Errorf("%d links wait to be bound and none was refused", count.Get())
	}
	if count.Get() == 0 {
		b.Errorf("no link was accepted")
	}
	b.Logf("%d links unbound, %d refused", count.Get(), refused)
	for _, e := range dialled {
		e.closeNow(wire.Cancelled)
		e.Closed()
	}
	b.Sleep(time.Second)
	before := count.Get()
	fresh := b.Node("fresh").Dial(y, proto, nil)
	fresh.WaitOpen()
	// The dialler may hear of it first.
	b.Until("the link after the unbound ones is accepted", func() bool { return count.Get() > before })
}

// churn opens more links on one session than any stream limit holds at once,
// and ends them in every way.
func churn(b *Bed) {
	const links = 150
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	for i := range links {
		near, far := x.Connect(y, l, proto)
		near.SendAll(messages(2, 100))
		far.SendAll(messages(2, 100))
		first, second := near, far
		if i%2 == 1 {
			first, second = far, near
		}
		switch i % 6 {
		case 0, 1:
			first.closeNow(wire.Finished)
		case 2, 3:
			first.drainNow(wire.Finished, 10*time.Second)
		default:
			second.Wait("messages arrived", received(2))
			first.closeNow(wire.Finished)
			second.closeNow(wire.Finished)
		}
		for _, e := range []*End{near, far} {
			if c := e.Closed(); c.Reason != wire.Finished {
				b.Fatalf("link %d: %v: %v, want finished", i, e, c)
			}
		}
	}
	if x.Sessions(y.ID) != 1 || x.Count(event.SessionUp, y.ID) != 1 {
		b.Errorf("%d sessions were made for %d links, want 1", x.Count(event.SessionUp, y.ID), links)
	}
}

func quiet(b *Bed) {
	o := Options{IdleTimeout: time.Second, KeepAlive: 250 * time.Millisecond}
	x, y := b.NodeWith("a", o), b.NodeWith("b", o)
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	b.Sleep(3 * time.Second)
	near.SendAll(messages(1, 10))
	far.Wait("a message arrived after a long silence", received(1))
	if x.Sessions(y.ID) != 1 || y.Sessions(x.ID) != 1 {
		b.Errorf("%d and %d sessions, want 1 and 1", x.Sessions(y.ID), y.Sessions(x.ID))
	}
}

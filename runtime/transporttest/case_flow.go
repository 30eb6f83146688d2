package transporttest

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
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
		{Name: "a link opens beside many stalled ones", Max: time.Minute, Body: openBesideStalled},
		{Name: "large messages pass a link whose handler stalls", Body: largeBesideStalled},
		{Name: "messages of about a window pass a slow handler", Max: time.Minute, Body: windowSized},
		{Name: "large messages of several links arrive", Max: time.Minute, Body: largeTogether},
		{Name: "thousands of links between two nodes", Max: time.Minute, Body: manyLinks},
		{Name: "links per peer are bounded and come back", Needs: CanConnect, Body: linkCap},
		{Name: "a peer that is not known has few links", Needs: CanConnect, Body: linksOfUnknown},
		{Name: "links come and go without end", Max: time.Minute, Body: churn},
		{Name: "unbound links are bounded", Needs: CanConnect, Body: unboundLinks},
		{Name: "a quiet session stays up", Needs: CanConnect, Body: quiet},
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
	const enough = wire.LinkWindow + wire.SendBytes + 512<<10
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

// hiddenLag checks the sum that docs and defaults promise: window and send queue, and
// not much else.
func hiddenLag(b *Bed) {
	const size = 1000
	x, y := b.Pair()
	l := y.Listen(proto, pausedHere)
	near, _ := x.Connect(y, l, proto)
	bytes := len(near.fill(size)) * size
	const want, slack = wire.LinkWindow + wire.SendBytes, 96 << 10
	if bytes > want+slack {
		b.Errorf("%d bytes went into a paused link, want at most %d", bytes, want+slack)
	}
	if bytes < wire.LinkWindow {
		b.Errorf("%d bytes went into a paused link, want at least the window of %d", bytes, wire.LinkWindow)
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
	for range 60 { // more than have a whole window
		near, _ := x.Connect(y, stalled, "stalled")
		links = append(links, near)
	}
	for _, near := range links {
		near.SendAll(messages(700, 1000))
	}
	b.Sleep(500 * time.Millisecond)
	near, far := x.Connect(y, free, "free")
	want := messages(1000, 1000)
	near.SendAll(want)
	far.expect(far.Wait("all passed the stalled links", received(len(want))).Messages, want)
}

// largeBesideStalled sends what is larger than a window over a link whose handler is paused,
// where it waits at the sender, and over others, which go on.
func largeBesideStalled(b *Bed) {
	const large = 2 * wire.LinkWindow
	x, y := b.Pair()
	stalled, free := y.Listen("stalled", pausedHere), y.Listen("free", nil)
	var far []*End
	for range 40 {
		near, end := x.Connect(y, stalled, "stalled")
		near.SendAll(messages(1, large))
		far = append(far, end)
	}
	near, end := x.Connect(y, free, "free")
	want := messages(20, large)
	near.SendAll(want)
	end.expect(end.Wait("all passed the stalled links", received(len(want))).Messages, want)
	for _, e := range far {
		e.Resume()
		e.expect(e.Wait("what waited at the sender arrived", received(1)).Messages, messages(1, large))
	}
}

// windowSized has messages of about a window pass handlers that take a few at a time.
func windowSized(b *Bed) {
	const n = 24
	const quarter = wire.LinkWindow / 4
	x, y := b.Pair()
	for _, size := range []int{3*quarter - wire.MessageCost + 1, 3*quarter + quarter/2, 4*quarter - wire.MessageCost, 4 * quarter} {
		for _, step := range []int{1, 3} {
			name := fmt.Sprintf("%d at a time of %d bytes", step, size)
			l := y.Listen(name, func(e *End) {
				e.onMessage = func([]byte) {
					if len(e.log.Messages)%step == 0 {
						e.pauseHere()
					}
				}
			})
			near, far := x.Connect(y, l, name)
			var want [][]byte
			for i := range n {
				want = append(want, message(i, size))
			}
			near.SendAll(want)
			for have := step; have <= n; have += step {
				far.Wait(fmt.Sprintf("%s: message %d arrived", name, have), received(have))
				b.Sleep(5 * time.Millisecond)
				far.Resume()
			}
			far.expect(far.Log().Messages, want)
		}
	}
}

// largeTogether has several links send the largest messages at once, small ones before and
// after each.
func largeTogether(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	var ends [6][2]*End
	var want [6][][]byte
	for i := range ends {
		ends[i][0], ends[i][1] = x.Connect(y, l, proto)
		for j, size := range []int{10, wire.DefaultDatum, 20, wire.LinkWindow - wire.MessageCost, wire.LinkWindow * 3 / 4, wire.MaxFrame, wire.MaxFrame + 1, 30} {
			want[i] = append(want[i], message(i*10+j, size))
		}
	}
	want[0] = append(want[0], message(7, wire.MaxMessage))
	want[1] = append(want[1], message(8, wire.MaxMessage))
	for i := range ends {
		ends[i][0].SendAll(want[i])
	}
	for i := range ends {
		ends[i][1].expect(ends[i][1].Wait("all arrived", received(len(want[i]))).Messages, want[i])
	}
}

// manyLinks opens as many links as a side may, at once, and uses them.
func manyLinks(b *Bed) {
	n := wire.LinksPerPeer
	x, y := b.NodeWith("a", Options{LinkTimeout: 30 * time.Second}), b.Node("b")
	l := y.Listen(proto, nil)
	near := make([]*End, n)
	for i := range near {
		near[i] = x.Dial(y, proto, nil)
	}
	for _, e := range near {
		e.WaitOpen()
	}
	for i, e := range near {
		e.SendAll([][]byte{message(i, 20), message(i, wire.MinLinkWindow)})
	}
	total := 0
	for i := range near {
		total += l.Accept(i).Wait("both messages arrived", received(2)).Bytes
	}
	if want := n * (20 + wire.MinLinkWindow); total != want {
		b.Errorf("%d bytes arrived over %d links, want %d", total, n, want)
	}
	if b.can&CanConnect != 0 && x.Sessions(y.ID) != 1 {
		b.Errorf("%d sessions, want 1", x.Sessions(y.ID))
	}
	for _, e := range near {
		e.drainNow(wire.Finished, 20*time.Second)
	}
	for _, e := range near {
		if c := e.Closed(); !c.Drained {
			b.Fatalf("%v: %v, want drained", e, c)
		}
	}
}

func linkCap(b *Bed) {
	const most = 20
	x := b.NodeWith("a", Options{LinkTimeout: time.Second, LinksPerPeer: most})
	y := b.Node("b")
	l := y.Listen(proto, nil)
	var links []*End
	for range most {
		near, _ := x.Connect(y, l, proto)
		links = append(links, near)
	}
	extra := x.Dial(y, proto, nil)
	c := extra.Within(5*time.Second, "a link too many is refused", closed)
	if c.Opened {
		b.Errorf("link %d of %d opened", most+1, most)
	}
	if r := c.Closed().Reason; r != wire.Overloaded && r != wire.DialFailed {
		b.Errorf("a link too many ended with %v, want overloaded or dial-failed", r)
	}
	const another = "another"
	near, far := x.Connect(y, y.Listen(another, nil), another) // has places of its own
	near.SendAll(messages(1, 10))
	far.Wait("a message of another protocol arrived", received(1))
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

// linksOfUnknown: a peer that the node does not know has few links of all protocols, until
// the node knows it.
func linksOfUnknown(b *Bed) {
	x, y := b.Node("x"), b.NodeWith("y", Options{KnowsNobody: true})
	const another = "another"
	protos := []string{proto, another}
	ls := []*Listener{y.Listen(proto, nil), y.Listen(another, nil)}
	for i := range wire.StrangerLinks {
		x.Connect(y, ls[i%2], protos[i%2])
	}
	refused := x.Dial(y, proto, nil)
	if c := refused.Closed(); c.Reason != wire.Overloaded {
		b.Errorf("link %d of an unknown peer: %v, want overloaded", wire.StrangerLinks+1, c)
	}
	back := y.Dial(x, "back", nil) // the node's own links are another matter
	if c := back.Closed(); c.Reason != wire.UnknownProtocol {
		b.Errorf("a link to the unknown peer: %v, want unknown-protocol", c)
	}
	y.Env.Transport.SetKnown(func(id ident.PeerID) bool { return id == x.ID })
	for i := range wire.StrangerLinks {
		x.Connect(y, ls[i%2], protos[i%2])
	}
}

// unboundLinks has an acceptor that binds nothing, and peers that open links.
func unboundLinks(b *Bed) {
	y := b.Node("y")
	var held []runtime.Link
	var count runtime.Watch[int]
	y.Do(func() {
		_, err := y.Env.Transport.Listen(runtime.Protocol{Name: proto}, y.strand, func(link runtime.Link) {
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
		for range 16 {
			dialled = append(dialled, x.Dial(y, proto, nil))
		}
	}
	b.Sleep(time.Second)
	refused := 0
	for _, e := range dialled {
		if l := e.Log(); len(l.Closes) > 0 {
			refused++
			if r := l.Closed().Reason; r != wire.Overloaded {
				b.Errorf("%v: refused with %v, want overloaded", e, r)
			}
		} else if l.Opened {
			b.Errorf("%v opened, though the acceptor did not bind it", e)
		}
	}
	if refused == 0 {
		b.Errorf("%d links wait to be bound and none was refused", count.Get())
	}
	if count.Get() != len(dialled)-refused {
		b.Errorf("%d links wait to be bound, and %d of %d were refused", count.Get(), refused, len(dialled))
	}
	b.Logf("%d links unbound, %d refused", count.Get(), refused)
	for _, e := range dialled {
		e.closeNow(wire.Cancelled)
		e.Closed()
	}
	b.Sleep(time.Second)
	before := count.Get()
	fresh := b.Node("fresh").Dial(y, proto, nil)
	b.Until("a link after those is accepted", func() bool { return count.Get() > before })
	end := y.newEnd("fresh", false)
	y.Do(func() {
		end.link = held[len(held)-1]
		end.link.Bind(y.strand, end)
	})
	fresh.WaitOpen()
}

// churn opens many links on one session, one after the other, and ends them in every way.
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
	if b.can&CanConnect != 0 && (x.Sessions(y.ID) != 1 || x.Count(event.SessionUp, y.ID) != 1) {
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

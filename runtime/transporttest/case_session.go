package transporttest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

func sessionCases() []Case {
	return []Case{
		{Name: "simultaneous dials give one session", Needs: CanConnect, Max: 2 * time.Minute, Body: simultaneous},
		{Name: "simultaneous dials give one session through loss", Needs: CanConnect, Net: &lossy, Max: 2 * time.Minute, Body: simultaneous},
		{Name: "a session without links closes after its linger", Needs: CanConnect, Body: linger},
		{Name: "a silent peer times out, all its links together", Needs: CanConnect | CanPartition, Body: idleTimeout},
		{Name: "a crashed peer times out", Needs: CanConnect | CanCrash, Body: crashTimeout},
		{Name: "a link survives a short partition", Needs: CanConnect | CanPartition, Body: shortPartition},
		{Name: "a close during a partition arrives after it", Needs: CanConnect | CanPartition, Body: closeInPartition},
		{Name: "a restarted peer replaces its former self", Needs: CanConnect | CanCrash, Body: restart},
		{Name: "one key in two places is refused", Needs: CanConnect, Body: keyTwice},
		{Name: "one key in two places is served again later", Needs: CanConnect | CanLeap, Max: 5 * time.Minute, Body: keyTwiceLater},
	}
}

// simultaneous has fresh pairs dial each other at the same moment.
func simultaneous(b *Bed) {
	const rounds = 25
	for i := range rounds {
		x, y := b.Node(fmt.Sprintf("a%d", i)), b.Node(fmt.Sprintf("b%d", i))
		lx, ly := x.Listen(proto, nil), y.Listen(proto, nil)
		there, back := x.newEnd(x.Name+">", true), y.newEnd(y.Name+">", true)
		// Posted back to back, so that both hellos are under way before either arrives.
		y.strand.Post(func() { back.link = y.Env.Transport.Dial(x.ID, x.Addrs, runtime.Protocol{Name: proto}, y.strand, back) })
		x.strand.Post(func() {
			there.link = x.Env.Transport.Dial(y.ID, y.Addrs, runtime.Protocol{Name: proto}, x.strand, there)
		})
		there.WaitOpen()
		back.WaitOpen()
		thereFar, backFar := ly.Accept(0), lx.Accept(0)
		for _, e := range []*End{there, back, thereFar, backFar} {
			e.SendAll(messages(3, 100))
		}
		for _, e := range []*End{there, back, thereFar, backFar} {
			e.expect(e.Wait("messages arrived", received(3)).Messages, messages(3, 100))
		}
		b.Until("one session is left", func() bool { return x.Sessions(y.ID) == 1 && y.Sessions(x.ID) == 1 })
		third, _ := x.Connect(y, ly, proto)
		var first []byte
		for _, e := range []*End{there, back, thereFar, backFar, third} {
			secret, err := e.link.Session().Exporter("EXPORTER-test", nil)
			if first == nil {
				first = secret
			}
			if err != nil || !bytes.Equal(secret, first) {
				b.Errorf("round %d: %v runs on another session (%v)", i, e, err)
			}
			if l := e.Log(); len(l.Closes) > 0 {
				b.Errorf("round %d: %v: %v", i, e, l.Closed())
			}
		}
		if n, m := lx.Count(), ly.Count(); n != 1 || m != 2 {
			b.Errorf("round %d: %d and %d links accepted, want 1 and 2", i, n, m)
		}
		x.Stop()
		y.Stop()
	}
}

func linger(b *Bed) {
	o := Options{Linger: 300 * time.Millisecond}
	x, y := b.NodeWith("a", o), b.NodeWith("b", o)
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	b.Sleep(time.Second)
	if x.Sessions(y.ID) != 1 {
		b.Fatalf("%d sessions while a link is open, want 1", x.Sessions(y.ID))
	}
	near.closeNow(wire.Finished)
	near.Closed()
	far.Closed()
	b.Until("the session is gone", func() bool { return x.Sessions(y.ID) == 0 && y.Sessions(x.ID) == 0 })
	x.Connect(y, l, proto)
}

// quick are options under which a silent peer is noticed soon.
var quick = Options{IdleTimeout: 2 * time.Second, KeepAlive: 500 * time.Millisecond}

func expectIdle(b *Bed, since time.Duration, ends ...*End) {
	for _, e := range ends {
		l := e.Wait("it times out", closed)
		if l.Closed().Reason != wire.IdleTimeout {
			b.Errorf("%v: %v, want idle-timeout", e, l.Closed())
		}
		if after := l.ClosedAt - since; after < quick.IdleTimeout/2 || after > 3*quick.IdleTimeout {
			b.Errorf("%v: timed out after %v, want about %v", e, after, quick.IdleTimeout)
		}
	}
}

func idleTimeout(b *Bed) {
	x, y := b.NodeWith("a", quick), b.NodeWith("b", quick)
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	near2, far2 := x.Connect(y, l, proto)
	since := b.Mono()
	b.Partition(x, y)
	near.SendAll(messages(3, 100))
	expectIdle(b, since, near, near2, far, far2)
	if d := near.Log().ClosedAt - near2.Log().ClosedAt; d.Abs() > time.Second {
		b.Errorf("links of one session timed out %v apart", d)
	}
	b.Heal()
	b.Until("the sessions are gone", func() bool { return x.Sessions(y.ID) == 0 && y.Sessions(x.ID) == 0 })
	expectServed(x, y, "afterwards")
}

func crashTimeout(b *Bed) {
	x, y := b.NodeWith("a", quick), b.NodeWith("b", quick)
	l := y.Listen(proto, nil)
	_, far := x.Connect(y, l, proto)
	since := b.Mono()
	b.Crash(x)
	expectIdle(b, since, far)
}

func shortPartition(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	there, back := messages(100, 1000), messages(100, 500)
	b.Partition(x, y)
	near.SendAll(there)
	far.SendAll(back)
	b.Sleep(2 * time.Second)
	if n := len(far.Log().Messages); n != 0 {
		b.Errorf("%d messages through a cut", n)
	}
	b.Heal()
	far.expect(far.Wait("all arrived", received(len(there))).Messages, there)
	near.expect(near.Wait("all arrived", received(len(back))).Messages, back)
}

func closeInPartition(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	b.Partition(x, y)
	near.closeNow(wire.Revoked)
	near.expectClosed(wire.Revoked, true)
	b.Sleep(time.Second)
	if l := far.Log(); len(l.Closes) > 0 {
		b.Fatalf("heard of a close through a cut: %v", l.Closed())
	}
	b.Heal()
	far.expectClosed(wire.Revoked, false)
}

// restart: the peer comes back before its silence is noticed.
func restart(b *Bed) {
	x, y := b.Pair()
	l := x.Listen(proto, nil)
	_, far := y.Connect(x, l, proto)
	instance := far.link.Session().Instance()
	b.Crash(y)
	b.Sleep(100 * time.Millisecond)
	since := b.Mono()
	y2 := b.Node("b")
	near2, far2 := y2.Connect(x, l, proto)
	c := far.expectClosed(wire.Replaced, false)
	if after := far.Log().ClosedAt - since; after > wire.DefaultIdleTimeout/2 {
		b.Errorf("replaced after %v: %v", after, c)
	}
	if far2.link.Session().Instance() == instance {
		b.Errorf("the restarted peer has the instance of its former self")
	}
	near2.SendAll(messages(1, 10))
	far2.Wait("a message of the new instance arrived", received(1))
	// Its links may hear of a session's end before its observer.
	b.Until("one session is left", func() bool { return x.Sessions(y.ID) == 1 })
}

// contend has two nodes with one key dial x in turns until one is refused
// because of it.
func contend(b *Bed) (x, one, two *Node, l *Listener) {
	x = b.Node("x")
	key := keyOf("shared")
	one = b.NodeWith("one", Options{Key: key, Instance: wire.Instance{1}})
	two = b.NodeWith("two", Options{Key: key, Instance: wire.Instance{2}})
	l = x.Listen(proto, nil)
	for i := range 20 {
		n := []*Node{one, two}[i%2]
		b.Until("the other one has ended its session", func() bool { return n.Sessions(x.ID) == 0 })
		e := n.Dial(x, proto, nil)
		log := e.Wait("it opens or is refused", opened)
		if log.Opened || log.Closed().Reason == wire.Replaced {
			continue
		}
		if r := log.Closed().Reason; r != wire.IdentityInUse {
			b.Fatalf("dial %d: %v, want identity-in-use", i, r)
		}
		if i < 4 {
			b.Errorf("refused at dial %d: a restart or two are no second key", i)
		}
		return x, one, two, l
	}
	b.Fatalf("one key came from two places 20 times and was never refused")
	return nil, nil, nil, nil
}

func keyTwice(b *Bed) {
	x, one, two, _ := contend(b)
	for _, n := range []*Node{one, two} {
		if c := n.Dial(x, "again/1", nil).Closed(); c.Reason != wire.IdentityInUse {
			b.Errorf("%s: %v, want identity-in-use", n.Name, c)
		}
		if byPeer, own := n.Refusals(x.ID, wire.IdentityInUse); byPeer == 0 || own != 0 {
			b.Errorf("%s reports %d refusals of the peer and %d of its own, want the former", n.Name, byPeer, own)
		}
		if byPeer, own := x.Refusals(n.ID, wire.IdentityInUse); byPeer != 0 || own == 0 {
			b.Errorf("%s reports %d refusals of the peer and %d of its own, want the latter", x.Name, byPeer, own)
		}
	}
	other := b.Node("other")
	expectServed(other, x, "other/1")
}

func keyTwiceLater(b *Bed) {
	x, one, two, l := contend(b)
	two.Stop()
	b.Sleep(100 * time.Second)
	near, _ := one.Connect(x, l, proto)
	near.WaitOpen()
}

package transporttest

import (
	"errors"
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

func dialCases() []Case {
	return []Case{
		{Name: "a dial to nobody ends", Needs: CanConnect, Body: dialNobody},
		{Name: "a dial tries the next address", Needs: CanConnect, Body: dialSecondAddress},
		{Name: "a dial without addresses needs a session", Needs: CanConnect, Body: dialWithoutAddress},
		{Name: "a peer with another key is refused", Needs: CanConnect, Body: wrongIdentity},
		{Name: "an address that others claim is shunned, but for the peer that is there", Needs: CanConnect, Body: shunned},
		{Name: "many new addresses are dialled one after the other", Needs: CanConnect, Body: newAddresses},
		{Name: "silent peers delay other dials only briefly", Needs: CanConnect, Body: silentPeers},
		{Name: "peers that did not answer leave places for others", Needs: CanConnect, Body: unlikelyPeers},
		{Name: "a peer of another network is refused", Needs: CanConnect, Body: otherNetwork},
		{Name: "a peer without the secret is refused", Needs: CanConnect, Body: wrongSecret},
		{Name: "secrets rotate", Needs: CanConnect, Body: rotation},
		{Name: "versions are negotiated", Needs: CanConnect, Body: versions},
		{Name: "an unknown protocol is refused", Body: unknownProtocol},
		{Name: "a protocol has one listener", Body: listenTwice},
	}
}

// expectRefused dials from x to y and wants the link to end with r, unopened,
// and y to accept nothing.
func expectRefused(x, y *Node, r wire.Reason) {
	b := x.bed
	l := y.Listen(proto, nil)
	defer y.Do(l.stop)
	near := x.Dial(y, proto, nil)
	log := near.Wait("it is refused", closed)
	if log.Opened {
		b.Errorf("%v: opened before it was refused", near)
	}
	if got := log.Closed(); got.Reason != r {
		b.Errorf("%v: %v, want %v", near, got, r)
	}
	if n := l.Count(); n != 0 {
		b.Errorf("%s accepted %d links", y.Name, n)
	}
	if x.Sessions(y.ID) != 0 || y.Sessions(x.ID) != 0 {
		b.Errorf("%d and %d sessions after a refusal, want none", x.Sessions(y.ID), y.Sessions(x.ID))
	}
}

// expectServed dials from x to y and passes a message both ways.
func expectServed(x, y *Node, protocol string) {
	l := y.Listen(protocol, nil)
	near, far := x.Connect(y, l, protocol)
	near.WaitOpen()
	near.SendAll(messages(1, 10))
	far.SendAll(messages(1, 10))
	far.Wait("a message arrived", received(1))
	near.Wait("an answer arrived", received(1))
}

func dialNobody(b *Bed) {
	x := b.Node("a")
	began := b.Mono()
	near := x.DialAt(keyOf("nobody").PeerID(), []string{b.world.Nowhere()}, proto, func(e *End) {
		_, _ = e.link.Send(message(1, 10))
	})
	c := near.Wait("the dial ends", closed)
	if c.Opened || c.Closed().Reason != wire.DialFailed || len(c.Closed().Unsent) != 1 {
		b.Errorf("opened %v, %v, %d unsent, want dial-failed with 1", c.Opened, c.Closed(), len(c.Closed().Unsent))
	}
	if took := b.Mono() - began; took > 3*wire.DefaultHandshakeTimeout {
		b.Errorf("a dial to nobody took %v", took)
	}
	for _, addrs := range [][]string{nil, {"nonsense"}, {""}} {
		if c := x.DialAt(keyOf("nobody").PeerID(), addrs, proto, nil).Closed(); c.Reason != wire.DialFailed {
			b.Errorf("dial to %q: %v, want dial-failed", addrs, c)
		}
	}
}

func dialSecondAddress(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near := x.DialAt(y.ID, append([]string{b.world.Nowhere()}, y.Addrs...), proto, nil)
	near.WaitOpen()
	l.Accept(0)
}

func dialWithoutAddress(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	lx := x.Listen(proto, nil)
	if c := x.DialAt(y.ID, nil, proto, nil).Closed(); c.Reason != wire.DialFailed {
		b.Errorf("no session and no address: %v, want dial-failed", c)
	}
	x.Connect(y, l, proto)
	near := x.DialAt(y.ID, nil, proto, nil)
	near.WaitOpen()
	l.Accept(1)
	// The acceptor of the session may open links on it as well.
	back := y.DialAt(x.ID, nil, proto, nil)
	back.WaitOpen()
	lx.Accept(0)
	b.Until("both report one session", func() bool { return x.Sessions(y.ID) == 1 && y.Sessions(x.ID) == 1 })
}

func wrongIdentity(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	c := x.DialAt(keyOf("somebody else").PeerID(), y.Addrs, proto, nil).Closed()
	if c.Reason != wire.WrongIdentity {
		b.Errorf("%v, want wrong-identity", c)
	}
	if n := l.Count(); n != 0 {
		b.Errorf("%d links accepted for another key", n)
	}
	expectServed(x, y, "afterwards")
}

// claims dials y's address for a peer that is not there, and waits while the dial is
// withheld, for at most patience.
func claims(b *Bed, x, y *Node, liar string, patience time.Duration) wire.Reason {
	for end := b.Mono() + patience; ; b.Sleep(50 * time.Millisecond) {
		r := x.DialAt(keyOf(liar).PeerID(), y.Addrs, proto, nil).Closed().Reason
		if r != wire.DialWithheld || b.Mono() >= end {
			return r
		}
	}
}

func shunned(b *Bed) {
	x, y := b.Pair()
	for i := range runtime.ShunAfter {
		if r := claims(b, x, y, fmt.Sprintf("liar %d", i), 5*time.Second); r != wire.WrongIdentity {
			b.Errorf("liar %d: %v, want wrong-identity", i, r)
		}
		if r := claims(b, x, y, fmt.Sprintf("another liar %d", i), 0); r != wire.DialWithheld {
			b.Errorf("another peer at once after liar %d: %v, want dial-withheld", i, r)
		}
	}
	if r := claims(b, x, y, "one more", 2*time.Second); r != wire.DialWithheld {
		b.Errorf("one more liar: %v, want dial-withheld", r)
	}
	expectServed(x, y, "afterwards")
	if r := claims(b, x, y, "the last", 0); r != wire.DialWithheld {
		b.Errorf("one more liar after the peer was reached: %v, want dial-withheld", r)
	}
}

func otherNetwork(b *Bed) {
	x, y := b.Node("a"), b.NodeWith("b", Options{Network: ident.Network("another")})
	expectRefused(x, y, wire.DifferentNetwork)
	expectRefused(y, x, wire.DifferentNetwork)
}

func wrongSecret(b *Bed) {
	x := b.NodeWith("a", Options{Secrets: []wire.Secret{{1}}})
	y := b.NodeWith("b", Options{Secrets: []wire.Secret{{2}}})
	z := b.Node("c")
	expectRefused(x, y, wire.NotMember)
	expectRefused(y, x, wire.NotMember)
	expectRefused(z, x, wire.NotMember)
	expectRefused(x, z, wire.NotMember)
}

// rotation walks through the stages of a change of secrets: a node proves its
// first one and accepts all, so that each stage gets on with the next.
func rotation(b *Bed) {
	old, fresh := wire.Secret{1}, wire.Secret{2}
	stages := [][]wire.Secret{{old}, {old, fresh}, {fresh, old}, {fresh}}
	for i := range len(stages) - 1 {
		for j, pair := range [][2][]wire.Secret{{stages[i], stages[i+1]}, {stages[i+1], stages[i]}} {
			x := b.NodeWith(fmt.Sprintf("x%d%d", i, j), Options{Secrets: pair[0]})
			y := b.NodeWith(fmt.Sprintf("y%d%d", i, j), Options{Secrets: pair[1]})
			expectServed(x, y, proto)
		}
	}
	first := b.NodeWith("first", Options{Secrets: stages[0]})
	last := b.NodeWith("last", Options{Secrets: stages[3]})
	expectRefused(first, last, wire.NotMember)
	expectRefused(last, first, wire.NotMember)
}

func versions(b *Bed) {
	one := b.NodeWith("a", Options{Versions: [2]uint16{1, 1}})
	two := b.NodeWith("b", Options{Versions: [2]uint16{1, 2}})
	three := b.NodeWith("c", Options{Versions: [2]uint16{2, 3}})
	expectServed(one, two, "a")
	expectServed(three, two, "b")
	expectRefused(one, three, wire.VersionMismatch)
	expectRefused(three, one, wire.VersionMismatch)
}

func unknownProtocol(b *Bed) {
	x, y := b.Pair()
	if c := x.Dial(y, "nobody/1", nil).Closed(); c.Reason != wire.UnknownProtocol || c.Local {
		b.Errorf("%v (local %v), want unknown-protocol of the peer", c, c.Local)
	}
	expectServed(x, y, proto)
}

func listenTwice(b *Bed) {
	x, y := b.Pair()
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	y.Do(func() {
		stop, err := y.Env.Transport.Listen(runtime.Protocol{Name: proto}, y.strand, func(runtime.Link) {})
		if !errors.Is(err, runtime.ErrListening) {
			far.fault("second Listen: %v, want ErrListening", err)
			stop()
		}
		l.stop()
		l.stop()
	})
	if c := x.Dial(y, proto, nil).Closed(); c.Reason != wire.UnknownProtocol {
		b.Errorf("dial after the listener stopped: %v, want unknown-protocol", c)
	}
	near.SendAll(messages(1, 10))
	far.Wait("a link outlives its listener", received(1))
	again := y.Listen(proto, nil)
	x.Connect(y, again, proto)
	// The stop of a former listener leaves the present one alone.
	y.Do(l.stop)
	x.Connect(y, again, proto)
}

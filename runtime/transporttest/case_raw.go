package transporttest

import (
	"bytes"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/wire"
)

func rawCases() []Case {
	return []Case{
		{Name: "garbage on a stream ends that peer only", Needs: CanRaw, Body: garbage},
		{Name: "garbage for a hello is refused", Needs: CanRaw, Body: garbageHello},
		{Name: "a silent handshake ends in time", Needs: CanRaw, Body: silentHandshake},
	}
}

func garbage(b *Bed) {
	y := b.Node("b")
	x := b.Node("a")
	l := y.Listen(proto, nil)
	near, far := x.Connect(y, l, proto)
	open := append(wire.AppendFrameHeader(nil, wire.FrameOpen, len(proto)), proto...)
	for _, test := range []struct {
		name  string
		raw   Raw
		opens bool // up to the fault it is a link
		want  []wire.Reason
	}{
		{"endless length", Raw{Hello: true, Bytes: bytes.Repeat([]byte{0xff}, 64)}, false, []wire.Reason{wire.ProtocolViolation, wire.TooLarge}},
		{"open over its limit", Raw{Hello: true, Bytes: wire.AppendFrameHeader(nil, wire.FrameOpen, wire.MaxProtocol+1)}, false, []wire.Reason{wire.ProtocolViolation, wire.TooLarge}},
		{"message instead of open", Raw{Hello: true, Bytes: append(wire.AppendFrameHeader(nil, wire.FrameMessage, 3), 1, 2, 3)}, false, []wire.Reason{wire.ProtocolViolation}},
		{"truncated open", Raw{Hello: true, Bytes: open[:4], Finish: true}, false, []wire.Reason{wire.ProtocolViolation, wire.UnexpectedClose}},
		{"second open", Raw{Hello: true, Bytes: append(bytes.Clone(open), open...)}, true, []wire.Reason{wire.ProtocolViolation}},
		{"message over its limit", Raw{Hello: true, Bytes: append(wire.AppendFrameHeader(bytes.Clone(open), wire.FrameMessage, wire.MaxMessage+1), 1, 2, 3)}, true, []wire.Reason{wire.TooLarge}},
		{"truncated message", Raw{Hello: true, Bytes: append(wire.AppendFrameHeader(bytes.Clone(open), wire.FrameMessage, 100), 1, 2, 3), Finish: true}, true, []wire.Reason{wire.ProtocolViolation, wire.UnexpectedClose}},
		{"short goodbye", Raw{Hello: true, Bytes: append(wire.AppendFrameHeader(bytes.Clone(open), wire.FrameGoodbye, 1), 1), Finish: true}, true, []wire.Reason{wire.ProtocolViolation}},
		{"end without goodbye", Raw{Hello: true, Bytes: open, Finish: true}, true, []wire.Reason{wire.ProtocolViolation, wire.UnexpectedClose}},
	} {
		before := l.Count()
		got := b.world.Raw(b.ctx, y.Env, test.raw, 10*time.Second)
		if !slices.Contains(test.want, got) {
			b.Errorf("%s: ended with %v, want %v", test.name, got, test.want)
		}
		if test.opens {
			if c := l.Accept(before).Closed(); !slices.Contains(test.want, c.Reason) {
				b.Errorf("%s: the link that was accepted ended with %v, want %v", test.name, c, test.want)
			}
		}
		if got := l.Count(); got > before && !test.opens {
			b.Errorf("%s: accepted", test.name)
		}
	}
	near.SendAll(messages(1, 10))
	far.Wait("another peer is unharmed", received(1))
}

func garbageHello(b *Bed) {
	y := b.Node("b")
	for _, test := range []struct {
		name  string
		hello []byte
	}{
		{"noise", bytes.Repeat([]byte{0xa7}, 200)},
		{"one over its limit", bytes.Repeat([]byte{0}, 4*wire.MaxHello)},
		{"an empty map", append(wire.AppendFrameHeader(nil, wire.FrameMessage, 1), 0xa0)},
		{"reversed versions", framed(wire.Hello{VersionMin: 5, VersionMax: 2})},
	} {
		if r := b.world.Raw(b.ctx, y.Env, Raw{Bytes: test.hello, Finish: true}, 15*time.Second); r == wire.None {
			b.Errorf("%s for a hello: the connection stays", test.name)
		}
	}
	expectServed(b.Node("a"), y, proto)
}

func framed(h wire.Hello) []byte {
	m := wire.MustMarshal(h)
	return append(wire.AppendFrameHeader(nil, wire.FrameMessage, len(m)), m...)
}

func silentHandshake(b *Bed) {
	y := b.NodeWith("b", Options{HelloTimeout: time.Second})
	began := b.Mono()
	r := b.world.Raw(b.ctx, y.Env, Raw{}, 10*time.Second)
	if r != wire.HandshakeTimeout {
		b.Errorf("a peer that connects and says nothing: %v, want handshake-timeout", r)
	}
	if after := b.Mono() - began; after < 900*time.Millisecond || after > 5*time.Second {
		b.Errorf("ended after %v, want 1s", after)
	}
	expectServed(b.Node("a"), y, proto)
}

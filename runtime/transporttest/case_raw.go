package transporttest

import (
	"bytes"
	"encoding/binary"
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
	open := wire.AppendFrame(nil, 1, wire.FrameOpen, append([]byte{100}, proto...))
	violation := []wire.Reason{wire.ProtocolViolation}
	for _, test := range []struct {
		name  string
		raw   Raw
		opens bool // up to the fault it is a link
		want  []wire.Reason
	}{
		{"endless length", Raw{Hello: true, Bytes: bytes.Repeat([]byte{0xff}, 64)}, false, violation},
		{"frame over its limit", Raw{Hello: true, Bytes: wire.AppendFrameHeader(nil, 1, wire.FrameOpen, wire.MaxFrame+1)}, false, []wire.Reason{wire.TooLarge}},
		{"message of no link", Raw{Hello: true, Bytes: wire.AppendFrame(nil, 1, wire.FrameMessage, []byte{1, 2, 3})}, false, violation},
		{"message of the session", Raw{Hello: true, Bytes: wire.AppendFrame(nil, 0, wire.FrameMessage, []byte{1, 2, 3})}, false, violation},
		{"truncated open", Raw{Hello: true, Bytes: open[:4], Finish: true}, false, []wire.Reason{wire.UnexpectedClose}},
		{"open without a window", Raw{Hello: true, Bytes: wire.AppendFrame(nil, 1, wire.FrameOpen, nil)}, false, violation},
		{"second open", Raw{Hello: true, Bytes: append(bytes.Clone(open), open...)}, true, violation},
		{"truncated message", Raw{Hello: true, Bytes: append(wire.AppendFrameHeader(bytes.Clone(open), 1, wire.FrameMessage, 100), 1, 2, 3), Finish: true}, true, []wire.Reason{wire.UnexpectedClose}},
		{"end without goodbye", Raw{Hello: true, Bytes: open, Finish: true}, true, []wire.Reason{wire.UnexpectedClose}},
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
	// These end the link and leave the session: the peer is told by a frame.
	for _, test := range []struct {
		name  string
		bytes []byte
		want  wire.Reason
	}{
		{"message over its limit", wire.AppendFrame(bytes.Clone(open), 1, wire.FramePart, binary.AppendUvarint(nil, wire.MaxMessage+1)), wire.TooLarge},
		{"message without credit", append(bytes.Clone(open), bytes.Repeat(wire.AppendFrame(nil, 1, wire.FrameMessage, make([]byte, wire.MaxFrame)), 2*wire.LinkWindow/wire.MaxFrame)...), wire.ProtocolViolation},
		{"large message without leave", wire.AppendFrame(bytes.Clone(open), 1, wire.FramePart, binary.AppendUvarint(nil, wire.LinkWindow+1)), wire.ProtocolViolation},
		{"large message of no length", wire.AppendFrame(bytes.Clone(open), 1, wire.FramePart, nil), wire.ProtocolViolation},
		{"longer than it said", wire.AppendFrame(bytes.Clone(open), 1, wire.FramePart, []byte{2, 1, 2, 3}), wire.ProtocolViolation},
		{"want over the limit", wire.AppendUvarintFrame(bytes.Clone(open), 1, wire.FrameWant, wire.MaxMessage+1), wire.TooLarge},
		{"short goodbye", wire.AppendFrame(bytes.Clone(open), 1, wire.FrameGoodbye, []byte{1}), wire.ProtocolViolation},
		{"done without goodbye", wire.AppendFrame(bytes.Clone(open), 1, wire.FrameDone, nil), wire.ProtocolViolation},
		{"accept of a link that is open", wire.AppendUvarintFrame(bytes.Clone(open), 1, wire.FrameAccept, 5), wire.ProtocolViolation},
		{"endless credit", wire.AppendUvarintFrame(bytes.Clone(open), 1, wire.FrameCredit, 1<<40), wire.ProtocolViolation},
		{"unknown kind of frame", wire.AppendFrame(bytes.Clone(open), 1, 15, nil), wire.ProtocolViolation},
	} {
		stalled := y.Listen(test.name, pausedHere)
		named := bytes.Replace(test.bytes, open, wire.AppendFrame(nil, 1, wire.FrameOpen, append([]byte{100}, test.name...)), 1)
		if got := b.world.Raw(b.ctx, y.Env, Raw{Hello: true, Bytes: named}, 500*time.Millisecond); got != wire.None {
			b.Errorf("%s: the session ended with %v, want that it stays", test.name, got)
		}
		stalled.Accept(0).expectClosed(test.want, true)
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
		{"an empty map", wire.AppendFrame(nil, 0, wire.FrameMessage, []byte{0xa0})},
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
	return wire.AppendFrame(nil, 0, wire.FrameMessage, m)
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

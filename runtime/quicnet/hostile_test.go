package quicnet_test

import (
	"bufio"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/quicnet"
	"github.com/smalti/smalti/runtime/wire"
)

// deaf is a peer that lets a node write so many bytes to each of its streams, and no more as
// long as nothing is read from them.
func deaf(t *testing.T, n *node, window uint64) *quic.Conn {
	t.Helper()
	transport, config := plainClient(t)
	conn, err := transport.Dial(t.Context(), n.addr(), config, &quic.Config{
		MaxIdleTimeout: time.Minute, KeepAlivePeriod: 300 * time.Millisecond,
		InitialStreamReceiveWindow: window, MaxStreamReceiveWindow: window,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseWithError(0, "") })
	return conn
}

// deafLane is a stream of links of such a peer, after its hello.
func deafLane(t *testing.T, n *node, window uint64) (*quic.Conn, *quic.Stream) {
	t.Helper()
	conn := deaf(t, n, window)
	if err := sayHello(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	stream, err := conn.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	return conn, stream
}

func ofTheRawPeer(c *quicnet.Config) { c.Network = ident.Network("transporttest") }

// lostWithin fails unless the node ends the connection in time, for a reason.
func lostWithin(t *testing.T, conn *quic.Conn, limit time.Duration, want wire.Reason) {
	t.Helper()
	select {
	case <-conn.Context().Done():
		if r := ended(context.Cause(conn.Context())); r != want {
			t.Errorf("the session ended with %s, want %s: %v", r, want, context.Cause(conn.Context()))
		}
	case <-time.After(limit):
		t.Errorf("the session is there after %s", limit)
	}
}

// openFrame asks for a link of a protocol.
func openFrame(b []byte, id uint64, protocol string) []byte {
	return wire.AppendFrame(b, id, wire.FrameOpen, append([]byte{1}, protocol...))
}

// A peer that opens links which are refused, and does not read the refusals, may cost the
// node no more than a bounded number of them.
func TestPeerThatReadsNoRefusalsLosesItsSession(t *testing.T) {
	t.Parallel()
	n := start(t, "n", ofTheRawPeer)
	conn, stream := deafLane(t, n, 1<<10)
	const most = 1_000_000
	var err error
	id := uint64(0)
	for err == nil && id < most {
		var b []byte
		for len(b) < 32<<10 {
			id++
			b = openFrame(b, id, "nothing")
		}
		_, err = stream.Write(b)
	}
	lostWithin(t, conn, 10*time.Second, wire.ProtocolViolation)
	if id > most/2 {
		t.Errorf("the session ended after %d links, want soon after 5,184", id)
	}
}

// A peer that takes no ping of its session loses it, whatever else it says.
func TestPeerThatTakesNoPingLosesItsSession(t *testing.T) {
	t.Parallel()
	n := start(t, "n", ofTheRawPeer, func(c *quicnet.Config) { c.IdleTimeout, c.KeepAlive = time.Second, 300*time.Millisecond })
	accepted := n.listen()
	conn := deaf(t, n, 130) // for the two words of the hello, and the answer to the link
	stream, err := conn.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	hello := wire.MustMarshal(wire.Hello{
		VersionMin: wire.VersionMin, VersionMax: wire.VersionMax, Network: ident.Network("transporttest"), Instance: wire.Instance{7},
	})
	framed := wire.AppendFrame(nil, 0, wire.FrameMessage, hello)
	if _, err := stream.Write(append(framed, framed...)); err != nil {
		t.Fatal(err)
	}
	links, err := conn.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := links.Write(openFrame(nil, 1, proto)); err != nil {
		t.Fatal(err)
	}
	far := await(t, "link", accepted)
	for range 20 { // each measures the round trip anew
		far.do(func(l runtime.Link) { l.Session().RTT() })
		time.Sleep(300 * time.Millisecond)
		if conn.Context().Err() != nil {
			break
		}
	}
	lostWithin(t, conn, time.Second, wire.IdleTimeout)
}

// Links that a peer opens and ends leave nothing behind, though it does not read the answers.
func TestLinksThatAPeerEndsLeaveNothing(t *testing.T) {
	n := start(t, "n", ofTheRawPeer)
	const stay, rounds, each = 500, 2500, 20
	bound := make(chan struct{}, each)
	accept := func(l runtime.Link) {
		l.Bind(n.strand, still{})
		bound <- struct{}{}
	}
	if _, err := n.Listen(runtime.Protocol{Name: proto}, n.strand, accept); err != nil {
		t.Fatal(err)
	}
	_, stream := deafLane(t, n, 1<<10)
	id := uint64(0)
	round := func(end bool) {
		t.Helper()
		var opens, resets []byte
		for range each {
			id++
			opens = openFrame(opens, id, proto)
			resets = wire.AppendReasonFrame(resets, id, wire.FrameReset, wire.Cancelled)
		}
		_, err := stream.Write(opens)
		for range each {
			await(t, "link", bound)
		}
		if end && err == nil {
			_, err = stream.Write(resets)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for range stay / each { // of whose answers some are more than it takes
		round(false)
	}
	before := heap()
	for range rounds {
		round(true)
	}
	time.Sleep(500 * time.Millisecond)
	if n := n.count(event.SessionDown, wire.None); n != 0 {
		t.Fatal("the session ended")
	}
	if more := heap() - before; more > 8<<20 {
		t.Errorf("%d links that the peer ended hold %d KiB", rounds*each, more>>10)
	}
}

// Links that a peer opens and ends again while their listener is busy do not wait for it
// without a bound.
func TestLinksThatAPeerEndsDoNotPileUpBeforeAListener(t *testing.T) {
	t.Parallel()
	n := start(t, "n", ofTheRawPeer)
	heard := 0
	if _, err := n.Listen(runtime.Protocol{Name: proto}, n.strand, func(l runtime.Link) {
		heard++
		l.Bind(n.strand, still{})
	}); err != nil {
		t.Fatal(err)
	}
	_, stream := deafLane(t, n, 1<<20)
	free := make(chan struct{})
	n.strand.Post(func() { <-free })
	var b []byte
	for id := range uint64(2000) {
		b = openFrame(b, id+1, proto)
		b = wire.AppendReasonFrame(b, id+1, wire.FrameReset, wire.Cancelled)
	}
	if _, err := stream.Write(b); err != nil {
		t.Fatal(err)
	}
	const places = 32
	awaitResets(t, stream, 2000-places)
	close(free)
	n.do(func() {
		if heard != places {
			t.Errorf("%d links waited for the listener, want %d", heard, places)
		}
	})
	if _, err := stream.Write(openFrame(nil, 2001, proto)); err != nil {
		t.Fatal(err)
	}
	n.eventually("another link", func() bool { return heard > places })
	n.do(func() {
		if heard != places+1 {
			t.Errorf("%d links came after that, want 1", heard-places)
		}
	})
}

// Strangers together get half of the places of links that wait for their listener.
func TestStrangersLeavePlacesForLinksOfKnownPeers(t *testing.T) {
	t.Parallel()
	n := start(t, "n", ofTheRawPeer)
	known := start(t, "known", ofTheRawPeer)
	n.SetKnown(func(p ident.PeerID) bool { return p == known.Local() })
	links := 0
	if _, err := n.Listen(runtime.Protocol{Name: proto}, n.strand, func(l runtime.Link) { links++ }); err != nil {
		t.Fatal(err)
	}
	refused := make(chan runtime.Closed, 96)
	for i := range 6 { // of 16 links each
		x := start(t, fmt.Sprint("stranger", i), ofTheRawPeer)
		for range 16 {
			e := x.dial(n)
			go func() { refused <- <-e.closed }()
		}
	}
	for range 96 - 32 {
		if c := await(t, "refusal", refused); c.Reason != wire.Overloaded {
			t.Errorf("a stranger's link ends with %s, want overloaded", c.Reason)
		}
	}
	n.do(func() {
		if links != 32 {
			t.Errorf("%d links of strangers wait, want 32", links)
		}
	})
	for range 16 {
		known.dial(n)
	}
	n.eventually("links of a known peer", func() bool { return links >= 32+16 })
	n.do(func() {
		if links != 32+16 {
			t.Errorf("%d links of a known peer wait, want 16", links-32)
		}
	})
}

// awaitResets reads frames until that many links were reset.
func awaitResets(t *testing.T, stream *quic.Stream, count int) {
	t.Helper()
	_ = stream.SetReadDeadline(time.Now().Add(patience))
	r := bufio.NewReader(stream)
	for count > 0 {
		head, err := r.Peek(1)
		var h wire.FrameHeader
		for n := 2; err == nil && h.Len == 0; n++ {
			h, err = wire.ParseFrameHeader(head, wire.MaxFrame)
			if err == nil && h.Len == 0 {
				head, err = r.Peek(n)
			}
		}
		if err == nil {
			_, err = r.Discard(h.Len + h.Size)
		}
		if err != nil {
			t.Fatalf("%d resets did not come: %v", count, err)
		}
		if h.Kind == wire.FrameReset {
			count--
		}
	}
}

// eventually waits until ok holds, which runs on the strand.
func (n *node) eventually(what string, ok func() bool) {
	n.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		var met bool
		if n.do(func() { met = ok() }); met {
			return
		}
		if time.Now().After(end) {
			n.t.Fatalf("no %s", what)
		}
	}
}

package stream

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// busy is a strand that runs nothing until it is told to.
type busy struct {
	runtime.Strand
	posted []func()
}

func (s *busy) Post(f func()) { s.posted = append(s.posted, f) }

// knocker is the link of a consumer that knocks.
type knocker struct {
	runtime.Link
	closed wire.Reason
}

func (l *knocker) Peer() ident.PeerID                   { return ident.PeerID{1} }
func (l *knocker) Session() runtime.Session             { return near{} }
func (l *knocker) Bind(runtime.Strand, runtime.Handler) {}
func (l *knocker) Close(r wire.Reason)                  { l.closed = r }

type near struct{ runtime.Session }

func (near) RTT() runtime.RTT { return runtime.RTT{} }

type sampled struct{ Directory }

func (sampled) Sample(ident.PeerID, runtime.RTT) {}

type inert struct{ runtime.Timer }

func (inert) Stop() {}

type deafObserver struct{}

func (deafObserver) Event(event.Event) {}

// A producer whose worker is busy has a bounded number of consumers wait for it.
func TestConsumersThatWaitForABusyProducerAreBounded(t *testing.T) {
	env := &runtime.Env{Observer: deafObserver{}, Clock: &ticking{mono: time.Second}}
	strand := &busy{}
	p := &producer{worker: &fanout{caller: caller{env: env}, strand: strand, closing: true}}
	s := &Streams{env: env, directory: sampled{}, offered: map[ident.StreamID]*producer{ident.Stream("s"): p}}
	knock := func() wire.Reason {
		l := &knocker{}
		h := &handshake{hub: s, link: l, deadline: inert{}}
		s.crowd.enter(l.Peer(), false)
		h.OnMessage(wire.MustMarshal(newSubscribe(ident.Stream("s"), "", wire.DefaultDatum, 1)))
		return l.closed
	}
	for i := range 2 * maxKnocks {
		want := wire.None
		if i >= maxKnocks {
			want = wire.Overloaded
		}
		if r := knock(); r != want {
			t.Fatalf("consumer %d is refused with %s, want %s", i, r, want)
		}
	}
	if len(strand.posted) != maxKnocks || s.crowd.all != 0 {
		t.Errorf("%d wait, and %d handshakes, want %d and 0", len(strand.posted), s.crowd.all, maxKnocks)
	}
	for _, f := range strand.posted {
		f()
	}
	if r := knock(); r != wire.None {
		t.Errorf("then one is refused with %s", r)
	}
}

func TestHandshakesAreSharedOut(t *testing.T) {
	var c crowd
	fill := func(peer byte, stranger bool, want int) {
		t.Helper()
		n := 0
		for c.enter(ident.PeerID{peer}, stranger) {
			n++
		}
		if n != want {
			t.Errorf("peer %d, stranger %t: %d handshakes, want %d", peer, stranger, n, want)
		}
	}
	fill(1, true, strangerHandshakes)
	fill(2, true, 0)
	for peer := byte(3); peer < 3+(maxHandshakes-strangerHandshakes)/handshakesPerPeer; peer++ {
		fill(peer, false, handshakesPerPeer)
	}
	fill(100, false, 0)
	c.leave(ident.PeerID{1}, true)
	fill(2, true, 1)
	c.leave(ident.PeerID{3}, false)
	fill(2, true, 0)
	fill(3, false, 1)
	if len(c.of) != 9 {
		t.Errorf("%d peers are counted, want 9", len(c.of))
	}
}

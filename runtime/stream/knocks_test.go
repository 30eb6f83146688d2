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
	strand, own := &busy{}, &busy{}
	p := &producer{worker: &fanout{caller: caller{env: env}, strand: strand, closing: true}}
	s := &Streams{env: env, strand: own, directory: sampled{}, offered: map[ident.StreamID]*producer{ident.Stream("s"): p}}
	knock := func() bool {
		if !s.crowd.enter(ident.PeerID{1}, false) {
			return false
		}
		h := &handshake{hub: s, link: &knocker{}, deadline: inert{}}
		h.OnMessage(wire.MustMarshal(newSubscribe(ident.Stream("s"), "", wire.DefaultDatum, 1)))
		return true
	}
	for i := range 2 * handshakesPerPeer {
		if ok := knock(); ok != (i < handshakesPerPeer) {
			t.Fatalf("consumer %d gets in: %t", i, ok)
		}
	}
	if len(strand.posted) != handshakesPerPeer {
		t.Errorf("%d wait, want %d", len(strand.posted), handshakesPerPeer)
	}
	for _, f := range append(strand.posted, own.posted...) {
		f()
	}
	for _, f := range own.posted {
		f()
	}
	if s.crowd.all != 0 || !knock() {
		t.Errorf("then %d are there still", s.crowd.all)
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
	for peer := byte(3); peer < 10; peer++ {
		fill(peer, false, handshakesPerPeer)
	}
	fill(100, false, maxHandshakes-strangerHandshakes-7*handshakesPerPeer)
	fill(101, false, 0)
	c.leave(ident.PeerID{1}, true)
	fill(2, true, 1)
	c.leave(ident.PeerID{3}, false)
	fill(2, true, 0)
	fill(3, false, 1)
	if len(c.of) != 10 {
		t.Errorf("%d peers are counted, want 10", len(c.of))
	}
}

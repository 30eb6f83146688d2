package loopback_test

import (
	"context"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/loopback"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
)

// heard is a handler that notes the end.
type heard struct{ closed *runtime.Closed }

func (h *heard) OnOpen()                   {}
func (h *heard) OnMessage([]byte)          {}
func (h *heard) OnWritable()               {}
func (h *heard) OnClosed(c runtime.Closed) { h.closed = &c }

// A link that is never bound is no reason to wait for, once its other end is closed.
func TestDrainDoesNotWaitForALinkThatIsNotBound(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	h := w.Host("a")
	h.Boot(func(context.Context, *runtime.Env) {})
	self := ident.PeerID{1}
	own := new(loopback.Hub).Attach(h.Env(), self)
	strand := h.Env().Scheduler.Strand("test")
	var accepted runtime.Link
	if _, err := own.Listen(runtime.Protocol{Name: "test/1"}, strand, func(l runtime.Link) { accepted = l }); err != nil {
		t.Fatal(err)
	}
	near, drained := &heard{}, false
	own.Dial(self, nil, runtime.Protocol{Name: "test/1"}, strand, near)
	if err := w.Run(w.Now() + time.Second); err != nil {
		t.Fatal(err)
	}
	own.Drain(wire.GracefulShutdown, time.Second, strand, func() { drained = true })
	if err := w.Run(w.Now() + 2*time.Second); err != nil {
		t.Fatal(err)
	}
	if !drained || accepted == nil || near.closed == nil {
		t.Fatalf("drained %t, accepted %t, closed %v", drained, accepted != nil, near.closed)
	}
	far := &heard{}
	strand.Post(func() { accepted.Bind(strand, far) })
	if err := w.Run(w.Now() + time.Second); err != nil {
		t.Fatal(err)
	}
	if far.closed == nil {
		t.Error("bound after its end, it hears nothing of that")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

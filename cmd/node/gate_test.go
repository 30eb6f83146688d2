package main

import (
	"context"
	"errors"
	"testing"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// heard counts the events that got through a gate.
type heard int

func (h *heard) Event(event.Event) { *h++ }

func TestGateEndsACommandThatEveryBootstrapPeerRefuses(t *testing.T) {
	a, b, stranger := ident.PeerID{1}, ident.PeerID{2}, ident.PeerID{3}
	refused := func(p ident.PeerID, r wire.Reason) event.Event {
		return event.Event{Kind: event.SessionRefused, Peer: p, Reason: r}
	}
	remote := func(p ident.PeerID) event.Event {
		e := refused(p, wire.IdentityInUse)
		e.N = 1
		return e
	}
	up := event.Event{Kind: event.SessionUp, Peer: stranger}
	for name, test := range map[string]struct {
		events []event.Event
		ends   bool
		passed heard
	}{
		"all refuse":            {[]event.Event{refused(a, wire.DifferentNetwork), refused(b, wire.NotMember)}, true, 1},
		"and again":             {[]event.Event{refused(a, wire.NotMember), refused(b, wire.NotMember), refused(b, wire.NotMember)}, true, 1},
		"one of them":           {[]event.Event{refused(a, wire.DifferentNetwork), refused(a, wire.DifferentNetwork)}, false, 2},
		"for a passing reason":  {[]event.Event{refused(a, wire.DialFailed), refused(b, wire.Overloaded)}, false, 2},
		"strangers refuse":      {[]event.Event{refused(stranger, wire.NotMember), refused(a, wire.NotMember)}, false, 2},
		"after a session":       {[]event.Event{up, refused(a, wire.NotMember), refused(b, wire.NotMember)}, false, 3},
		"session between":       {[]event.Event{refused(a, wire.NotMember), up, refused(b, wire.NotMember)}, false, 3},
		"own key runs twice":    {[]event.Event{refused(a, wire.NotMember), remote(b)}, true, 1},
		"a peer's key does":     {[]event.Event{refused(a, wire.NotMember), refused(b, wire.IdentityInUse)}, false, 2},
		"replaced":              {[]event.Event{refused(a, wire.NotMember), refused(b, wire.Replaced)}, false, 2},
		"own key, connected":    {[]event.Event{up, remote(a), remote(b)}, false, 3},
		"other events get past": {[]event.Event{{Kind: event.NodeStarted}}, false, 1},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		var passed heard
		g := newGate([]discovery.Endpoint{{Peer: a}, {Peer: b}}, cancel, &passed)
		for _, e := range test.events {
			g.Event(e)
		}
		if ended := ctx.Err() != nil; ended != test.ends || passed != test.passed {
			t.Errorf("%s: ended %t with %d events passed on, want %t with %d", name, ended, passed, test.ends, test.passed)
		}
		cancel(nil)
	}
}

func TestCommandOfANodeWithoutASocketSaysWhy(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	work, end := errors.New("interrupted"), errors.New("no socket")
	if err := outcome(ctx, work, end); !errors.Is(err, work) || !errors.Is(err, end) {
		t.Errorf("before: %v, want both errors", err)
	}
	var passed heard
	newGate(nil, cancel, &passed).Event(event.Event{Kind: event.TransportFailed})
	<-ctx.Done()
	f, ok := errors.AsType[*fault](outcome(ctx, context.Cause(ctx), end))
	if !ok || f.code != codeFailed || !errors.Is(f, end) || errors.Is(f, errTransport) || f.hint == "" || passed != 0 {
		t.Errorf("got %v, want the error of the node's end, and what to do", f)
	}
}

package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// silentAddr returns an address of loopback from which nothing comes back, and closedAddr one
// on which nothing listens.
func silentAddr(t *testing.T) string {
	t.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return socket.LocalAddr().String()
}

func closedAddr(t *testing.T) string {
	t.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	return socket.LocalAddr().String()
}

func TestHealthSaysWhyThereIsNoConnection(t *testing.T) {
	peer, other := ident.PeerID{1}, ident.PeerID{2}
	up := event.Event{Kind: event.SessionUp, Peer: peer}
	down := event.Event{Kind: event.SessionDown, Peer: peer}
	refused := func(r wire.Reason, text string) event.Event {
		return event.Event{Kind: event.SessionRefused, Peer: peer, Reason: r, Text: text}
	}
	byPeer := refused(wire.IdentityInUse, "")
	byPeer.N = 1
	noAnswer := refused(wire.DialFailed, "127.0.0.1:1: no answer within 5s")
	silent, closed := silentAddr(t), closedAddr(t)
	const blame = "check that the address is right"
	for name, x := range map[string]struct {
		addr      string // empty: no bootstrap peer
		events    []event.Event
		want, not string // in the text; an empty want: there is no text
	}{
		"never":                     {closed, nil, "no connection in 51s: ", "lost"},
		"no answer":                 {silent, []event.Event{noAnswer}, blame, ""},
		"nothing listens":           {closed, []event.Event{noAnswer}, "(tried once); nothing listens on UDP port", "any more"},
		"connected":                 {silent, []event.Event{up}, "", ""},
		"lost":                      {closed, []event.Event{up, down}, "no connection for 7s, since the last one was lost: ", blame},
		"lost, and no answer":       {silent, []event.Event{up, down, noAnswer}, "it answered before, and nothing comes back now", blame},
		"lost, nothing listens":     {closed, []event.Event{up, down, noAnswer}, "any more; check that the node still runs", "its port"},
		"refused":                   {silent, []event.Event{byPeer}, "it sees another process with this node's key (tried once); end it, or give", blame},
		"key runs twice":            {silent, []event.Event{up, {Kind: event.SessionDown, Peer: peer, Reason: wire.IdentityInUse}}, "lost: peer 0100000000 at " + silent + ": it ended the session because another process", blame},
		"replaced by another":       {silent, []event.Event{up, {Kind: event.SessionDown, Peer: peer, Reason: wire.Replaced}}, "it has a session with another process that has this node's key; end it", blame},
		"refused for now":           {silent, []event.Event{refused(wire.Overloaded, "")}, "it answers, but no session came up: overloaded (tried once)", blame},
		"refused, then no answer":   {silent, []event.Event{refused(wire.NotMember, ""), noAnswer}, "it answered before", blame},
		"another answers there":     {silent, []event.Event{refused(wire.WrongIdentity, "")}, "it is not the node at its address", blame},
		"another, then none":        {silent, []event.Event{refused(wire.WrongIdentity, ""), noAnswer}, blame, "it answered before"},
		"a session was replaced":    {silent, []event.Event{up, up, down}, "", ""},
		"a session, then none":      {closed, []event.Event{up, up, down, down}, "no connection for 7s", ""},
		"no bootstrap, never":       {"", nil, "no peer has connected in 51s", ""},
		"no bootstrap, lost":        {"", []event.Event{up, down}, "no connection for 7s, since the last one was lost", "--bootstrap"},
		"no bootstrap, another one": {"", []event.Event{{Kind: event.SessionUp, Peer: other}, up, down}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var bootstrap []discovery.Endpoint
			if x.addr != "" {
				bootstrap = []discovery.Endpoint{{Peer: peer, Addrs: []string{x.addr}}}
			}
			h := newHealth(bootstrap)
			begin := h.alone
			h.now = func() time.Time { return begin.Add(44 * time.Second) } // of all events
			for _, e := range x.events {
				h.Event(e)
			}
			h.now = func() time.Time { return begin.Add(51 * time.Second) }
			got := h.why(t.Context())
			if (got == "") != (x.want == "") || !strings.Contains(got, x.want) || x.not != "" && strings.Contains(got, x.not) {
				t.Errorf("got %q, want %q in it, and not %q", got, x.want, x.not)
			}
		})
	}
}

// A process that was stopped finds its connection lost and its timer run out at the same time.
func TestLossIsReportedAfterThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := ident.PeerID{1}
		h := newHealth(nil)
		h.Event(event.Event{Kind: event.SessionUp, Peer: peer})
		ctx, cancel := context.WithCancel(t.Context())
		out := &said{}
		go explain(ctx, out, h, h.why)
		time.Sleep(firstReport - time.Millisecond)
		h.Event(event.Event{Kind: event.SessionDown, Peer: peer})
		time.Sleep(firstReport - time.Millisecond)
		synctest.Wait()
		if got := out.String(); got != "" {
			t.Errorf("%s after the loss: got %q, want nothing", firstReport-time.Millisecond, got)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		const want = "node: waiting: no connection for 3s, since the last one was lost; peers"
		if got := out.String(); !strings.HasPrefix(got, want) {
			t.Errorf("%s after the loss: got %q, want %q", firstReport, got, want)
		}
		cancel()
		synctest.Wait()
	})
}

package discovery

import (
	"testing"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// pinged has a peer open a ping.
func (b *bed) pinged(peer ident.PeerID) *wired {
	l := &wired{peer: peer}
	b.worker.acceptPing(l)
	return l
}

func TestPlacesForPingsAreBoundedAndGivenBack(t *testing.T) {
	b := newBed(t, nil)
	places := func() (links []*wired) {
		for n := range byte(2 * maxPings) {
			for range maxInboundPerPeer + 1 {
				if l := b.pinged(ident.PeerID{1, n}); l.closed == wire.None {
					links = append(links, l)
				} else if l.closed != wire.Overloaded {
					t.Fatalf("closed with %s", l.closed)
				}
			}
		}
		return links
	}
	for round := range 2 {
		links := places()
		if len(links) != maxPings {
			t.Errorf("round %d: %d pings at once, want %d", round, len(links), maxPings)
		}
		for i, l := range links {
			if want := (ident.PeerID{1, byte(i / maxInboundPerPeer)}); l.peer != want {
				t.Errorf("round %d: place %d has %s, want %d for each", round, i, l.peer.Short(), maxInboundPerPeer)
			}
			l.handler.OnClosed(runtime.Closed{Reason: wire.Finished})
		}
	}
	answered := 0
	for range 2 * openBurst {
		if l := b.pinged(ident.PeerID{2}); l.closed == wire.None {
			answered++
			l.handler.OnClosed(runtime.Closed{Reason: wire.Finished})
		}
	}
	if answered != openBurst {
		t.Errorf("%d pings of one peer at once, want %d", answered, openBurst)
	}
}

func TestPingIsAnsweredOnceWithTheEntryAsItIs(t *testing.T) {
	for what, c := range map[string]struct {
		said    [][]byte
		answers int
		want    wire.Reason
	}{
		"a ping":          {[][]byte{{pingVersion}}, 1, wire.None},
		"two":             {[][]byte{{pingVersion}, {pingVersion}}, 1, wire.ProtocolViolation},
		"nothing":         {[][]byte{{}}, 0, wire.ProtocolViolation},
		"another version": {[][]byte{{pingVersion + 1}}, 0, wire.VersionMismatch},
	} {
		b := newBed(t, nil)
		l := b.pinged(testKey(2).PeerID())
		for _, m := range c.said {
			l.handler.OnMessage(m)
		}
		if len(l.said) != c.answers || l.closed != c.want {
			t.Errorf("%s: %d answers, closed with %s; want %d and %s", what, len(l.said), l.closed, c.answers, c.want)
		}
	}
}

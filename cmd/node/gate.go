package main

import (
	"context"
	"errors"
	"sync"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// errTransport ends a command whose node has no socket any more.
var errTransport = errors.New("the transport failed")

// gate ends a command that can never get into its network: every bootstrap
// peer refuses it for a reason that only other flags can change, and no session
// was ever up. Later refusals are one peer's matter, not the command's. It
// stands before the log, so that what ends the command is told once.
type gate struct {
	next runtime.Observer
	end  context.CancelCauseFunc

	mu   sync.Mutex
	left map[ident.PeerID]bool // have not refused yet; nil: not watching
	shut bool                  // it ended the command
}

var _ runtime.Observer = (*gate)(nil)

func newGate(bootstrap []discovery.Endpoint, end context.CancelCauseFunc, next runtime.Observer) *gate {
	g := &gate{next: next, end: end}
	for _, e := range bootstrap {
		if g.left == nil {
			g.left = map[ident.PeerID]bool{}
		}
		g.left[e.Peer] = true
	}
	return g
}

// Event implements runtime.Observer.
func (g *gate) Event(e event.Event) {
	if e.Kind == event.TransportFailed {
		g.end(errTransport)
		return // the command says so when it ends
	}
	if e.Kind != event.SessionUp && e.Kind != event.SessionRefused || !g.judge(e) {
		g.next.Event(e)
	}
}

// judge looks at how a session began, and tells whether it is the end of the
// command, or comes after it.
func (g *gate) judge(e event.Event) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.Kind == event.SessionUp {
		g.left = nil
		return false
	}
	what, hint := refusal(e)
	if what == "" || !g.left[e.Peer] {
		return g.shut
	}
	delete(g.left, e.Peer)
	if len(g.left) == 0 {
		g.shut = true
		g.end(&fault{err: errors.New("peer " + e.Peer.Short() + " " + what), hint: hint, code: codeBadInput})
	}
	return g.shut
}

// ownKeyHint says what to do if this node's key runs twice.
const ownKeyHint = "end it, or give each node a key of its own, see node keygen; " +
	"after more than 3 restarts in a minute wait half a minute"

// refusal returns what the refusal or the end of a session says of the peer and what to do
// about it. what is empty if time may change it.
func refusal(e event.Event) (what, hint string) {
	switch e.Reason {
	case wire.DifferentNetwork:
		return "belongs to another network", "give --network the name that the peer runs with"
	case wire.NotMember:
		return "does not share this network secret", "give --secret-file the secret that the peer runs with"
	case wire.WrongIdentity:
		return "is not the node at its address", "copy --bootstrap again from the line that the peer prints"
	case wire.VersionMismatch:
		return "speaks no version of the protocol that this node speaks", "update the older of the two"
	case wire.IdentityInUse:
		switch {
		case e.Kind == event.SessionDown:
			return "ended the session because another process runs with the key of one of the two, most likely this node's", ownKeyHint
		case ownKey(e):
			return "sees another process with this node's key", ownKeyHint
		}
		return "", "two processes run with the key of that peer; give each node a key of its own, see node keygen"
	case wire.Replaced:
		if e.Kind == event.SessionDown { // and none replaced it here, so that the peer did not restart
			return "has a session with another process that has this node's key", ownKeyHint
		}
		return "", ""
	default:
		return "", ""
	}
}

// ownKey reports whether it is this node's key that runs twice, and not the peer's, by a
// refusal for IdentityInUse.
func ownKey(e event.Event) bool { return e.Peer == e.Node || e.N == 1 }

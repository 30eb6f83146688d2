package quicnet

import (
	"context"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

const (
	// maxReplaced is how often within replaceSpan one peer may come back as
	// another instance. One restart a minute for three minutes is a crash
	// loop; more is one key in two places.
	maxReplaced = 3
	replaceSpan = time.Minute
	// refuseSpan is how long a key that runs twice is refused.
	refuseSpan = 30 * time.Second
	// maxHeld bounds the inbound connections of one peer that wait for the end
	// of our own dial to it.
	maxHeld = 4
)

// peer is what the transport knows of another node. Its fields are guarded by
// Transport.mu.
type peer struct {
	id       ident.PeerID
	session  *session
	dial     *dialling
	held     int
	replaced []time.Duration // Mono of the latest changes of instance
	refuse   time.Duration   // Mono until which the key is refused
	users    int             // goroutines that hold the pointer
}

// dialling is a dial in flight. done closes when it ended, either way.
type dialling struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid after done
}

// use gives the record of a peer, which lives until the matching drop.
func (t *Transport) use(id ident.PeerID) *peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[id]
	if p == nil {
		p = &peer{id: id}
		t.peers[id] = p
	}
	p.users++
	return p
}

func (t *Transport) drop(p *peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.users--
	t.sweep(p)
	if len(t.peers) > 2*t.config.Connections {
		for _, other := range t.peers {
			t.sweep(other)
		}
	}
}

// sweep forgets a peer of which there is nothing to remember.
func (t *Transport) sweep(p *peer) {
	now := t.config.Clock.Mono()
	recent := len(p.replaced) > 0 && now-p.replaced[len(p.replaced)-1] < replaceSpan
	if p.users == 0 && p.session == nil && p.dial == nil && !recent && now >= p.refuse && t.peers[p.id] == p {
		delete(t.peers, p.id)
	}
}

// verdict is what becomes of a connection that passed its hello.
type verdict struct {
	session *session        // taken, or the one that stays instead
	hold    <-chan struct{} // wait for this and ask again
	loser   *session        // to be closed with reason
	reason  wire.Reason
	err     error // the connection is refused
}

// judge decides about a connection to p that passed its hello. It enforces
// that one session stays per pair, the same one at both ends:
//
//   - of a simultaneous dial the connection stays that the smaller id dialled;
//   - so the smaller id leaves an inbound connection unanswered while its own
//     dial is in flight, and takes it if that fails;
//   - another instance is a restart, and replaces the session at once, unless
//     it happens so often that one key must run in two places.
func (t *Transport) judge(p *peer, conn *quic.Conn, first *quic.Stream, instance wire.Instance, dialled bool) (v verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.config.Clock.Mono()
	smaller := t.local.Compare(p.id) < 0
	old := p.session
	switch {
	case t.refusing != wire.None:
		return verdict{err: refuse(t.refusing, "")}
	case now < p.refuse:
		return verdict{err: refuse(wire.IdentityInUse, "")}
	case !dialled && p.dial != nil && smaller && (old == nil || old.instance == instance):
		if p.held >= maxHeld {
			return verdict{err: refuse(wire.Duplicate, "")}
		}
		return verdict{hold: p.dial.done}
	case old == nil:
	case old.instance != instance:
		p.replaced = append(p.replaced, now)
		if len(p.replaced) > maxReplaced+1 {
			p.replaced = p.replaced[1:]
		}
		if len(p.replaced) > maxReplaced && now-p.replaced[0] < replaceSpan {
			p.refuse, p.replaced = now+refuseSpan, nil
			return verdict{loser: t.unlink(p), reason: wire.IdentityInUse, err: refuse(wire.IdentityInUse, "one key runs in two places")}
		}
		v.loser, v.reason = t.unlink(p), wire.Replaced
	case dialled && !old.dialled && !smaller, !dialled && old.dialled && smaller:
		// A peer that dials again long after a session came up has lost it.
		if now-old.up < t.config.HandshakeTimeout+t.config.HelloTimeout {
			return verdict{session: old, err: refuse(wire.Duplicate, "")}
		}
		fallthrough
	default:
		v.loser, v.reason = t.unlink(p), wire.Duplicate
	}
	idle, err := t.room(p.id)
	if err != nil {
		v.err = err
		return v
	}
	if idle != nil { // a session that is replaced makes room by itself
		v.loser, v.reason = idle, wire.Finished
	}
	v.session = newSession(t, p, conn, &control{t: t, stream: first, write: make(chan struct{}, 1)}, instance, dialled)
	p.session = v.session
	t.sessions++
	if v.session.stranger {
		t.strangers++
	}
	if d := p.dial; !dialled && d != nil {
		d.cancel() // ours loses; who waits for it finds the session
	}
	return v
}

// room checks the limits on sessions. It makes room by a session that nobody uses, which
// is to be closed then.
func (t *Transport) room(id ident.PeerID) (idle *session, err error) {
	if t.strangers >= t.config.Strangers && !t.knows(id) {
		t.recount()
		if t.strangers >= t.config.Strangers {
			if idle = t.evict(func(s *session) bool { return s.stranger }); idle == nil {
				return nil, refuse(wire.Overloaded, "")
			}
		}
	}
	if t.sessions >= t.config.Connections {
		if idle = t.evict(func(*session) bool { return true }); idle == nil {
			return nil, refuse(wire.Overloaded, "")
		}
	}
	return idle, nil
}

// evict takes out the session that nobody used for longest, nil if all are in use.
func (t *Transport) evict(which func(*session) bool) *session {
	var idle *session
	var oldest time.Duration
	for _, p := range t.peers {
		if s := p.session; s != nil && which(s) {
			if since, ok := s.resting(); ok && (idle == nil || since < oldest) {
				idle, oldest = s, since
			}
		}
	}
	if idle == nil || !idle.retire() {
		return nil
	}
	t.unlink(idle.p)
	return idle
}

// knows reports whether the node knows a peer.
func (t *Transport) knows(id ident.PeerID) bool {
	known := t.known.Load()
	return known != nil && (*known)(id)
}

// recount frees the places of strangers that are known by now: everyone is one
// at its first session, over which its entry comes.
func (t *Transport) recount() {
	for _, p := range t.peers {
		if s := p.session; s != nil && s.stranger && t.knows(p.id) {
			s.stranger = false
			t.strangers--
		}
	}
}

// isStranger reports whether a session is with a peer that the node does not know. One that
// it came to know is none any more.
func (t *Transport) isStranger(s *session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.stranger && s.p.session == s && t.knows(s.p.id) {
		s.stranger = false
		t.strangers--
	}
	return s.stranger
}

// unlink takes the session from p; whoever needs one must dial.
func (t *Transport) unlink(p *peer) *session {
	s := p.session
	if s == nil {
		return nil
	}
	p.session = nil
	t.sessions--
	if s.stranger {
		t.strangers--
	}
	return s
}

// settle carries out the rest of a verdict.
func (v verdict) settle() {
	if v.loser != nil {
		v.loser.close(v.reason, "")
	}
}

package stream

import (
	"errors"
	"fmt"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// admit judges a consumer whose handshake named this stream.
func (w *fanout) admit(s *subscription) {
	g := w.guests[s.peer]
	expires, reason := w.judge(g)
	if reason != wire.None {
		w.env.Report(w.event(event.Event{Kind: event.SubRefused, Peer: s.peer, Reason: reason}))
		s.link.Close(reason)
		return
	}
	w.lastSub++
	s.id, s.guest, s.expires, s.stage = w.lastSub, g, expires, serving
	s.ring = ring{maxDatums: w.config.Queue, maxBytes: w.config.QueueBytes}
	w.enlist(s)
	w.env.Report(s.event(event.Event{Kind: event.SubAccepted, From: w.next, To: uint64(expires.UnixNano()), N: int64(len(w.subs))}))
	if _, err := s.link.Send(encodeStart(start{Version: version, Incarnation: w.incarnation, Next: w.next})); err != nil {
		s.cut(wire.ConnectionLost)
		return
	}
	s.arm()
	w.changed()
	w.kick()
}

// judge tells why a consumer may not subscribe, or until when it may. The order
// matters: who has no right to the stream never learns whether there is room,
// and never holds a slot.
func (w *fanout) judge(g *guest) (ticket.Expiration, wire.Reason) {
	switch {
	case w.closing:
		return ticket.Never, wire.StreamNotFound
	case g == nil:
		return ticket.Never, wire.UnknownPeer
	}
	expires, reason := w.right(g.peer)
	if reason != wire.None {
		return ticket.Never, reason
	}
	if len(g.subs) >= w.config.MaxPerPeer || w.config.MaxConsumers > 0 && len(w.subs) >= w.config.MaxConsumers {
		return ticket.Never, wire.NoCapacity
	}
	return expires, wire.None
}

// judgeAgain looks at the subscriptions of a peer that changed: its right may
// last longer or shorter, or be gone.
func (w *fanout) judgeAgain(g *guest) {
	expires, reason := w.right(g.peer)
	if reason != wire.None {
		g.cut(reason)
		return
	}
	for _, s := range g.subs {
		if expires != s.expires {
			s.expires = expires
			s.arm()
			w.env.Report(s.event(event.Event{Kind: event.SubExpiry, To: uint64(expires.UnixNano())}))
		}
	}
	w.changed() // the Status has the new entry
}

// cut ends all subscriptions of a peer.
func (g *guest) cut(r wire.Reason) {
	for len(g.subs) > 0 {
		g.subs[0].cut(r)
	}
}

// right judges a peer by its tickets and the application's requirement.
func (w *fanout) right(peer *discovery.Peer) (ticket.Expiration, wire.Reason) {
	return right(w.env, w.stream, peer, w.config.Tickets, w.config.Require)
}

// right is the judgement that both sides make of the other: tickets first, then
// the requirement. A callback that panics refuses.
func right(env *runtime.Env, stream ident.StreamID, peer *discovery.Peer, validators []ticket.Validator, require func(discovery.Peer) bool) (expires ticket.Expiration, reason wire.Reason) {
	callback := "ticket validator"
	defer func() {
		if v := recover(); v != nil {
			panicked(env, stream, peer.Entry.Peer, callback, v)
			reason = wire.CallbackPanic
		}
	}()
	expires, err := ticket.Check(peer.Entry.Peer, peer.Entry.Tickets, validators, env.Clock.Now())
	if err != nil {
		if !errors.As(err, &reason) {
			reason = wire.NotAllowed
		}
		return expires, reason
	}
	callback = "require"
	if require != nil && !require(*peer) {
		return expires, wire.NotAllowed
	}
	return expires, wire.None
}

// maxPanicText bounds what an event says of a panic, in bytes.
const maxPanicText = 256

// panicked reports that an application's callback panicked with v.
func panicked(env *runtime.Env, stream ident.StreamID, peer ident.PeerID, callback string, v any) {
	text := fmt.Sprintf("%s: %v", callback, v)
	env.Report(event.Event{
		Kind: event.CallbackPanicked, Stream: stream, Peer: peer, Reason: wire.CallbackPanic, Text: text[:min(len(text), maxPanicText)],
	})
}

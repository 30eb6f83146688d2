package stream

import (
	"slices"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// admit judges a consumer whose handshake named this stream.
func (w *fanout) admit(s *subscription) {
	g := w.guests[s.peer]
	expires, reason := w.judge(g, s)
	if reason != wire.None {
		w.env.Report(w.event(&event.Event{Kind: event.SubRefused, Peer: s.peer, Reason: reason}))
		s.link.Close(reason)
		return
	}
	w.lastSub++
	s.id, s.guest, s.expires, s.stage = w.lastSub, g, expires, serving
	s.since = w.env.Clock.Now()
	s.sent, s.consumed = w.next-1, w.next-1
	s.admittedAt = w.env.Clock.Mono()
	s.waitsSince, s.progressAt = s.admittedAt, s.admittedAt
	s.ring = ring{depth: &s.traffic.queued, maxDatums: w.config.Queue, maxBytes: w.config.QueueBytes}
	w.enlist(s)
	w.env.Report(s.event(&event.Event{Kind: event.SubAccepted, From: w.next, To: uint64(expires.UnixNano()), N: int64(len(w.subs)), Text: s.criteria}))
	m := start{Version: version, Incarnation: w.incarnation, Next: w.next, ProgressEvery: uint32(w.config.progressEvery().Milliseconds()), Before: w.before}
	if first := w.admissions.add(s.peer, s.consumer, w.next); first < w.next {
		m.First = first
	}
	if _, err := s.link.Send(encodeStart(m)); err != nil {
		s.cut(wire.ConnectionLost)
		return
	}
	if len(g.subs) == 1 {
		g.admitted(s.link.Session())
		w.watchDistances()
	}
	s.arm()
	w.changed()
	w.kick()
}

// watchDistances judges the round trips of all consumers now and then, for as long as
// there are any.
func (w *fanout) watchDistances() {
	if w.demands.rttBelow > 0 && !w.measuring {
		w.measuring = true
		w.env.Clock.AfterFunc(w.strand, rttEvery, w.onDistances)
	}
}

func (w *fanout) onDistances() {
	w.measuring = false
	var last *guest
	w.each(func(s *subscription) {
		if s.guest != last {
			last = s.guest
			if last.far(w.demands, s.link.Session()) {
				last.cut(wire.NotAllowed)
			}
		}
	})
	if len(w.subs) > 0 {
		w.watchDistances()
	}
}

// judge tells why a consumer may not subscribe, or until when it may. The order
// matters: who has no right to the stream never learns whether there is room,
// never holds a slot, and has no criteria compiled.
func (w *fanout) judge(g *guest, s *subscription) (ticket.Expiration, wire.Reason) {
	switch {
	case w.closing:
		return ticket.Never, wire.StreamNotFound
	case g == nil || g.gone:
		return ticket.Never, wire.UnknownPeer
	}
	expires, reason := w.demands.right(w.caller, g.peer)
	switch {
	case reason != wire.None:
		return ticket.Never, reason
	case !w.demands.near(s.link.Session()):
		return ticket.Never, wire.NotAllowed
	case s.maxDatum < w.config.MaxDatum:
		return ticket.Never, wire.TooLarge
	case len(g.subs) >= w.config.MaxPerPeer || w.config.MaxConsumers > 0 && len(w.subs) >= w.config.MaxConsumers:
		return ticket.Never, wire.NoCapacity
	}
	if s.criteria == "" {
		return expires, wire.None
	}
	if w.fields == nil {
		return ticket.Never, wire.BadCriteria // nobody can look into the datums
	}
	if !w.filters.has(s.criteria) && !g.compiles.Allow(w.env.Clock.Mono(), compileEvery, compileBurst) {
		return ticket.Never, wire.Overloaded
	}
	f, err := w.filters.use(s.criteria)
	if err != nil {
		return ticket.Never, wire.BadCriteria
	}
	s.filter = f
	return expires, wire.None
}

// judgeAgain looks at the subscriptions of a peer that changed, or of which a
// validator changed its mind: its right may last longer or shorter, or be gone.
func (w *fanout) judgeAgain(g *guest) {
	expires, reason := w.demands.right(w.caller, g.peer)
	if reason != wire.None {
		g.cut(reason)
		return
	}
	for _, s := range g.subs {
		if expires != s.expires {
			s.expires = expires
			s.arm()
			w.env.Report(s.event(&event.Event{Kind: event.SubExpiry, To: uint64(expires.UnixNano())}))
		}
	}
	w.changed() // the Status has the new entry
}

// cut ends all subscriptions of a peer.
func (g *guest) cut(r wire.Reason) {
	for _, s := range slices.Clone(g.subs) { // each takes itself off the list
		s.cut(r)
	}
}

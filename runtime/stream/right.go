package stream

import (
	"errors"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// A peer that was near is ended when rttSamples measurements in a row are above the limit
// by more than a quarter: one on the border would otherwise connect and disconnect for
// ever. Its session is asked for a new measurement every rttEvery.
const (
	rttSamples = 2
	rttEvery   = time.Second
)

// demands are what one side asks of the other.
type demands struct {
	require  func(discovery.Peer) bool
	rttBelow time.Duration
	tickets  *ticket.Cache
}

// right is the judgement that both sides make of the other: tickets first, then
// the requirement. A callback that panics refuses.
func (d demands) right(c caller, peer *discovery.Peer) (expires ticket.Expiration, reason wire.Reason) {
	id := peer.Entry.Peer
	var verr error
	if err := c.call(id, "ticket validator", func() {
		expires, verr = d.tickets.Check(id, peer.Entry.Tickets, c.env.Clock.Now())
	}); err != nil {
		return ticket.Never, wire.CallbackPanic
	}
	if verr != nil {
		if !errors.As(verr, &reason) {
			reason = wire.NotAllowed
		}
		return ticket.Never, reason
	}
	if d.require == nil {
		return expires, wire.None
	}
	ok := false
	if err := c.call(id, "require", func() { ok = d.require(*peer) }); err != nil {
		return ticket.Never, wire.CallbackPanic
	}
	if !ok {
		return ticket.Never, wire.NotAllowed
	}
	return expires, wire.None
}

// track has the round trip to a peer measured for as long as it matters.
func (d demands) track(dir Directory, peer ident.PeerID) (untrack func()) {
	if d.require == nil && d.rttBelow == 0 {
		return func() {}
	}
	return dir.Track(peer)
}

// mayBeNear reports whether a peer that is not connected may be within the limit, as far as
// discovery knows. One whose round trip is unknown may: it is judged when it is met.
func (d demands) mayBeNear(peer *discovery.Peer) bool {
	return d.rttBelow == 0 || peer.RTT == 0 || peer.RTT < d.rttBelow
}

// near reports whether a peer is within the limit by what its session measured last. A
// session that has measured nothing is not.
func (d demands) near(s runtime.Session) bool {
	if d.rttBelow == 0 {
		return true
	}
	r := s.RTT()
	return r.Latest > 0 && r.Latest < d.rttBelow
}

// distance judges a connected peer by the measurements of its session, from one that was
// near on.
type distance struct {
	at    time.Duration // of the measurement that was judged last, by Mono
	near  bool          // one was below the limit since that of the admission
	above int           // how many in a row were too far above it
}

// admitted begins with the measurement by which the peer was let in.
func (x *distance) admitted(s runtime.Session) { *x = distance{at: s.RTT().At} }

// far takes the session's latest measurement, if it is new, and reports whether the peer
// is too far away now.
func (x *distance) far(d demands, s runtime.Session) bool {
	r := s.RTT()
	if r.Latest == 0 || r.At == x.at {
		return false
	}
	x.at = r.At
	switch {
	case r.Latest < d.rttBelow:
		x.near, x.above = true, 0
	case !x.near:
		return true
	case r.Latest > d.rttBelow+d.rttBelow/4:
		x.above++
	default:
		x.above = 0
	}
	return x.above >= rttSamples
}

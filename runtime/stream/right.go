package stream

import (
	"errors"
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// rttSamples is for how many samples a peer must be too far away to be ended,
// and farther than the limit by a quarter: an estimate on the border would
// otherwise connect and disconnect for ever.
const rttSamples = 3

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

// near tells whether a peer that is not connected is near enough. One whose
// round trip is unknown is.
func (d demands) near(peer *discovery.Peer) bool {
	return d.rttBelow == 0 || peer.RTT == 0 || peer.RTT < d.rttBelow
}

// distance counts for how many samples a connected peer was too far away.
type distance struct{ samples int }

// far takes the newest estimate and tells whether the peer has been too far away
// for long enough.
func (x *distance) far(d demands, from, to *discovery.Peer) bool {
	switch {
	case d.rttBelow == 0:
		return false
	case to.RTT <= d.rttBelow+d.rttBelow/4:
		x.samples = 0
	case to.RTTSettled:
		x.samples = rttSamples
	case from == nil || from.RTT != to.RTT:
		x.samples++
	}
	return x.samples >= rttSamples
}

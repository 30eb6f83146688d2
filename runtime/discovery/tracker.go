package discovery

import (
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
)

const (
	// sampleInterval is the least time between two samples of one peer, so
	// that a busy link does not outvote the past.
	sampleInterval = time.Second
	// reportFloor is the least move of a smoothed RTT that is worth telling.
	reportFloor = 100 * time.Microsecond
	// maxRTT refuses nonsense; RFC 6298 caps its time-outs at 60 s too.
	maxRTT = time.Minute
)

// tracker smooths the round trips of all peers, in integer nanoseconds. It is
// bounded by whoever decides which peers to add to it.
type tracker map[ident.PeerID]*estimate

// estimate is the state of RFC 6298, section 2.
type estimate struct {
	smoothed, variance time.Duration
	at                 time.Duration // Mono of the last sample taken
	reported           time.Duration
	confirmed          int // samples since that did not move it
}

// settles is after how many samples without a move a round trip is told to have
// settled: those who judge a peer by it want to be sure and not to wait for ever.
const settles = 3

// add takes a sample. There is news if the peer's smoothed RTT moved by more than
// a sixteenth and 100 us since it was last reported, and once after it did not for
// so many samples that it has settled.
func (t tracker) add(peer ident.PeerID, r runtime.RTT) (rtt time.Duration, settled, news bool) {
	if r.Latest <= 0 || r.Latest > maxRTT {
		return 0, false, false
	}
	e := t[peer]
	switch {
	case e == nil:
		e = &estimate{smoothed: r.Latest, variance: r.Latest / 2}
		t[peer] = e
	case r.At-e.at < sampleInterval:
		return e.reported, e.confirmed >= settles, false
	default:
		e.variance = (3*e.variance + (e.smoothed - r.Latest).Abs()) / 4
		e.smoothed = (7*e.smoothed + r.Latest) / 8
	}
	e.at = r.At
	move := (e.smoothed - e.reported).Abs()
	if e.reported != 0 && (move <= e.reported/16 || move <= reportFloor) {
		e.confirmed = min(e.confirmed+1, settles+1)
		return e.reported, e.confirmed >= settles, e.confirmed == settles
	}
	e.reported, e.confirmed = e.smoothed, 0
	return e.reported, false, true
}

// forget drops what is known of a peer that left.
func (t tracker) forget(peer ident.PeerID) { delete(t, peer) }

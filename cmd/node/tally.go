package main

import (
	"errors"
	"sync"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// tally counts the consumers of one producer, and those that were lost before the end. A
// consumer is a peer: one that was cut off and came back is the same. Its zero value is ready.
type tally struct {
	mu      sync.Mutex
	peers   map[ident.PeerID]bool
	lost    map[ident.PeerID]bool // of which a subscription broke
	missed  uint64                // datums that were not delivered to those, at least
	dropped map[uint64]uint64     // the same of each subscription that has not ended
}

var _ runtime.Observer = (*tally)(nil)

// Event implements runtime.Observer.
func (t *tally) Event(e event.Event) {
	switch e.Kind {
	case event.SubAccepted, event.Dropped, event.SubEnded:
	default:
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Kind {
	case event.SubAccepted:
		if t.peers == nil {
			t.peers, t.lost, t.dropped = map[ident.PeerID]bool{}, map[ident.PeerID]bool{}, map[uint64]uint64{}
		}
		t.peers[e.Peer] = true
	case event.Dropped:
		t.dropped[e.Sub] += uint64(e.N)
	case event.SubEnded:
		switch e.Reason {
		case wire.Cancelled, wire.Finished, wire.GracefulShutdown:
			// It left by itself, or the producer's Close accounts for it.
		default:
			t.lost[e.Peer] = true
			t.missed += t.dropped[e.Sub]
		}
		delete(t.dropped, e.Sub)
	}
}

// consumers returns how many there were in all.
func (t *tally) consumers() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.peers)
}

// outcome joins what a Close could not deliver with what was lost before. sent
// is how many datums there were. UndrainedError counts subscriptions, of which the tally has
// seen the ends.
func (t *tally) outcome(sent uint64, closed error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	consumers, missed := len(t.lost), t.missed
	var undrained *stream.UndrainedError
	switch {
	case errors.As(closed, &undrained):
		if consumers == 0 {
			consumers = undrained.Consumers
		}
		missed = max(missed, uint64(undrained.Datums)) + uint64(undrained.Input)
	case closed != nil:
		return closed
	}
	const hint = "see what became of it, and send again what it needs"
	switch {
	case missed > 0 && consumers == 0:
		return failed("start a consumer, and send again what it needs", "%s not delivered, of %d sent: no consumer was left to take it", was(missed, "datum"), sent)
	case missed > 0:
		return failed(hint, "%s not drained: at least %s not delivered, of %d sent", was(consumers, "consumer"), was(missed, "datum"), sent)
	case consumers > 0:
		return failed(hint, "%s not drained: how many of the last of %s arrived is not known", was(consumers, "consumer"), count(sent, "datum"))
	}
	return nil
}

// was is count with its verb.
func was[N ~int | ~int64 | ~uint64](n N, noun string) string {
	if n == 1 {
		return count(n, noun) + " was"
	}
	return count(n, noun) + " were"
}

package stream

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Status is a moment of a producer or a consumer. It is immutable, but for the
// Stats of its subscriptions, which go on.
type Status struct {
	Online bool // the online condition is met
	Closed bool // a close has begun
	// Subscriptions are those that are served, in order of admission.
	Subscriptions []Subscription
	// Pending are the producers that a consumer wants and is not connected to,
	// in the order in which it came to know them. A producer has none.
	Pending []Pending
}

// Subscription is one side's view of a subscription.
type Subscription struct {
	ID       uint64           // unique within its producer or consumer
	Peer     ident.PeerID     // the other side
	Entry    *discovery.Entry // the other side's, the newest that is known
	Expires  time.Time        // of the other side's right; zero: never
	Criteria string           // what the consumer asked for; empty: everything
	Since    time.Time        // when it began, by this node's wall clock
	traffic  *traffic
}

// Stats tells what went over the subscription so far: on a producer what the
// network took, on a consumer what the application received.
func (s Subscription) Stats() Stats { return s.traffic.stats() }

// Queued is how many datums wait for the network at a producer, between being
// enqueued and being written or dropped. A consumer has none.
func (s Subscription) Queued() int { return int(s.traffic.queued.Load()) }

// Pending is a producer that a consumer is not connected to.
type Pending struct {
	Peer   ident.PeerID
	Entry  *discovery.Entry
	Tries  int64       // attempts so far
	Reason wire.Reason // of the last failure; None: none yet
	Lost   bool        // it was connected and did not end in order: datums may be missing, and a Gap will tell
}

// Stats counts datums and the bytes of their encodings.
type Stats struct {
	Datums uint64
	Bytes  uint64
}

// traffic counts what passes. It may be used from anywhere.
type traffic struct {
	datums, bytes atomic.Uint64
	queued        atomic.Int64 // in the ring of a subscription
}

func (t *traffic) add(datums, bytes int) {
	t.datums.Add(uint64(datums))
	t.bytes.Add(uint64(bytes))
}

func (t *traffic) stats() Stats {
	if t == nil {
		return Stats{}
	}
	return Stats{Datums: t.datums.Load(), Bytes: t.bytes.Load()}
}

// When makes conditions on the status of a producer or consumer.
type When struct {
	env    *runtime.Env
	status *runtime.Watch[Status]
}

// Online is met while the configured online condition is.
func (w When) Online() Condition {
	return Condition{when: w, met: func(s Status) bool { return s.Online }}
}

// Offline is met while the online condition is not, and for ever after a Close.
func (w When) Offline() Condition { return w.Online().Not() }

// Subscribed is met while at least one subscription is up.
func (w When) Subscribed() Condition { return w.Quorum(AtLeast(1)) }

// Unsubscribed is met while no subscription is up.
func (w When) Unsubscribed() Condition { return w.Subscribed().Not() }

// Quorum is met while q is.
func (w When) Quorum(q Quorum) Condition {
	return Condition{when: w, met: func(s Status) bool {
		return q.met(len(s.Subscriptions), func(i int) *discovery.Entry { return s.Subscriptions[i].Entry })
	}}
}

// Condition holds or does not at every moment. It can be asked and waited for
// any number of times.
type Condition struct {
	when When
	met  func(Status) bool
}

// Not is met while c is not.
func (c Condition) Not() Condition {
	return Condition{when: c.when, met: func(s Status) bool { return !c.met(s) }}
}

// Met tells whether the condition holds now.
func (c Condition) Met() bool { return c.met(c.when.status.Get()) }

// Wait returns nil as soon as the condition is seen to hold, which may be at
// once, or the cause of ctx.
func (c Condition) Wait(ctx context.Context) error {
	_, err := c.when.status.Wait(ctx, c.when.env, c.met)
	return err
}

package stream

import (
	"context"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
)

// Status is a moment of a producer or a consumer. It is immutable.
type Status struct {
	Online bool // the online condition is met
	Closed bool
	// Subscriptions are those that are served, in order of admission.
	Subscriptions []Subscription
}

// Subscription is one side's view of a subscription.
type Subscription struct {
	ID      uint64           // unique within its producer or consumer
	Peer    ident.PeerID     // the other side
	Entry   *discovery.Entry // the other side's, the newest that is known
	Expires time.Time        // zero: never
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
func (w When) Subscribed() Condition { return w.AtLeast(1, nil) }

// Unsubscribed is met while no subscription is up.
func (w When) Unsubscribed() Condition { return w.Subscribed().Not() }

// AtLeast is met while at least n subscriptions are up whose peers have all of
// tags.
func (w When) AtLeast(n int, tags []ident.Tag) Condition {
	tags = slices.Clone(tags)
	return Condition{when: w, met: func(s Status) bool {
		count := 0
		for _, sub := range s.Subscriptions {
			if !slices.ContainsFunc(tags, func(t ident.Tag) bool { return !sub.Entry.HasTag(t) }) {
				count++
			}
		}
		return count >= n
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

package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// retriesRule: consumers are neither impatient nor lazy.
var retriesRule = rule{
	Info: Info{"retries", Safety, "a consumer that was refused for good asks again after half of its longest wait or more, one whose subscription had held asks again after its shortest wait or less, unless it is too slow again, and none asks sooner than it said"},
	kinds: []event.Kind{
		event.Subscribing, event.Unsubscribed, event.Retrying,
	},
	make: func(p reporter, b *book, _ Options) Checker {
		return &retries{reporter: p, book: b, states: map[*receiver]*retry{}}
	},
}

type retries struct {
	reporter
	*book
	states map[*receiver]*retry
}

// retry is what a consumer's side of a subscription owes.
type retry struct {
	held bool  // the last subscription lasted as long as the longest wait
	slow bool  // it ended because the consumer was too slow
	over bool  // it ended in order
	due  int64 // Mono before which no attempt is expected without news
}

func (c *retries) Event(r *event.Record) {
	v, own := c.receiver, c.life.consumersOf(r.Stream)
	if v.blurred || own.shared || own.most == 0 {
		return
	}
	s := c.states[v]
	if s == nil {
		s = &retry{}
		c.states[v] = s
	}
	switch r.Kind {
	case event.Subscribing:
		if r.From == 0 && r.Mono < s.due {
			c.fail(r, "%s %s before it was due, and no news led to it", r.Event, time.Duration(s.due-r.Mono))
		}
		s.due = 0
	case event.Unsubscribed:
		again := s.slow && r.Reason == wire.TooSlow
		if r.N == 1 {
			s.slow = r.Reason == wire.TooSlow
		}
		s.held = r.N == 1 && v.up && r.Mono-v.since >= own.most && !again
		s.over = r.N == 1 && r.Reason == wire.GracefulShutdown
	default:
		c.wait(s, own, r)
	}
}

// wait judges how long a consumer waits.
func (c *retries) wait(s *retry, own *consumers, r *event.Record) {
	s.due = r.Mono + r.N
	switch {
	case s.over: // and is offered anew, maybe
	case final(r.Reason):
		if r.N < own.most/2 {
			c.fail(r, "%s, which is too soon", r.Event)
		}
	case s.held && r.N > own.first:
		c.fail(r, "%s, after a subscription that had held", r.Event)
	}
}

// final tells whether a producer that says so would say so again.
func final(r wire.Reason) bool {
	switch r {
	case wire.GracefulShutdown, wire.StreamNotFound, wire.NotAllowed, wire.Expired, wire.Revoked, wire.BadCriteria, wire.CallbackPanic:
		return true
	default:
		return false
	}
}

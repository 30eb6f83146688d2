package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

func TestTallyCountsPeersAndNotSubscriptions(t *testing.T) {
	a, b := ident.PeerID{1}, ident.PeerID{2}
	// subscription returns the events of one that n datums were dropped of.
	subscription := func(sub uint64, p ident.PeerID, n int64, end wire.Reason) []event.Event {
		return []event.Event{
			{Kind: event.SubAccepted, Peer: p, Sub: sub},
			{Kind: event.Dropped, Peer: p, Sub: sub, N: n},
			{Kind: event.SubEnded, Peer: p, Sub: sub, Reason: end},
		}
	}
	all := func(lists ...[]event.Event) (events []event.Event) {
		for _, l := range lists {
			events = append(events, l...)
		}
		return events
	}
	for name, x := range map[string]struct {
		events    []event.Event
		closed    error
		consumers int
		want      string // how the error begins; empty: there is none
	}{
		"in order":           {subscription(1, a, 0, wire.GracefulShutdown), nil, 1, ""},
		"left by itself":     {subscription(1, a, 3, wire.Cancelled), nil, 1, ""},
		"cut once":           {subscription(1, a, 3, wire.TooSlow), nil, 1, "1 consumer was not drained: at least 3 datums were"},
		"cut three times":    {all(subscription(1, a, 3, wire.TooSlow), subscription(2, a, 4, wire.TooSlow), subscription(3, a, 1, wire.TooSlow)), nil, 1, "1 consumer was not drained: at least 8 datums were"},
		"two cut":            {all(subscription(1, a, 3, wire.TooSlow), subscription(2, b, 4, wire.TooSlow)), nil, 2, "2 consumers were not drained: at least 7 datums were"},
		"back, and in order": {all(subscription(1, a, 3, wire.TooSlow), subscription(2, a, 0, wire.GracefulShutdown)), nil, 1, "1 consumer was not drained: at least 3 datums were"},
		"cut, then undrained": {
			all(subscription(1, a, 3, wire.TooSlow), subscription(2, a, 4, wire.DrainTimeout)),
			&stream.UndrainedError{Consumers: 1, Datums: 4}, 1, "1 consumer was not drained: at least 7 datums were",
		},
		"two subscriptions undrained": {
			all(subscription(1, a, 3, wire.DrainTimeout), subscription(2, a, 4, wire.DrainTimeout)),
			&stream.UndrainedError{Consumers: 2, Datums: 7}, 1, "1 consumer was not drained: at least 7 datums were",
		},
		"cut, and another undrained": {
			all(subscription(1, a, 3, wire.TooSlow), subscription(2, b, 4, wire.DrainTimeout)),
			&stream.UndrainedError{Consumers: 1, Datums: 4}, 2, "2 consumers were not drained: at least 7 datums were",
		},
		"none left": {nil, &stream.UndrainedError{Input: 5}, 0, "5 datums were not delivered, of 10 sent: no consumer was left"},
		"end unseen": {
			subscription(1, a, 3, wire.DrainTimeout)[:1],
			&stream.UndrainedError{Consumers: 1}, 1, "1 consumer was not drained: how many",
		},
	} {
		var c tally
		for _, e := range x.events {
			c.Event(e)
		}
		err := c.outcome(10, x.closed)
		text := ""
		if err != nil {
			text = err.Error()
		}
		f, _ := errors.AsType[*fault](err)
		if (x.want == "") != (err == nil) || err != nil && (f == nil || f.code != codeFailed || !strings.HasPrefix(text, x.want)) {
			t.Errorf("%s: got %q, want %q", name, text, x.want)
		}
		if n := c.consumers(); n != x.consumers {
			t.Errorf("%s: %d consumers, want %d", name, n, x.consumers)
		}
	}
}

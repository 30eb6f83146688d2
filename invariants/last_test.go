package invariants_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

func TestTheEndOfAProducerIsTold(t *testing.T) {
	breaks := []string{"last"}
	passes := event.Event{Kind: event.SyncStarted, Peer: nodeOf("d")}
	connected := history(c(entryOf(event.PeerDiscovered, "p", 1, 1)), upTo(4), c(received(1, 3)))
	hidden := c(entryOf(event.PeerHidden, "p", 1, 1))
	lost := c(unsubscribed(wire.ConnectionLost))
	told := c(consuming(event.MissedUnknown, event.Event{From: 4}))
	later := at(10*time.Second, c(passes))
	calm := world(quiesced())
	over := p(ended(1, "c", 0), offline(0), closed())
	reborns := func(events ...event.Event) []step {
		steps := p(events...)
		for i := range steps {
			steps[i].event.Incarnation = inc + 1
		}
		return steps
	}
	run(t, []historyCase{
		{name: "told", steps: history(connected, lost, hidden, told, later)},
		{name: "it left for a moment", steps: history(connected, lost, hidden, c(entryOf(event.PeerReturned, "p", 1, 1)), later)},
		{name: "in order", steps: history(connected, c(received(4, 4), unsubscribed(wire.GracefulShutdown)), hidden, later)},
		{name: "it never was connected", steps: history(c(entryOf(event.PeerDiscovered, "p", 1, 1), subscribing(1), unsubscribed(wire.DialFailed)), hidden, later)},
		{name: "it is there and away for long", steps: history(connected, lost, calm, at(time.Minute, c(passes)))},
		{name: "the consumer was closed", steps: history(connected, c(unsubscribed(wire.Cancelled), consumer(event.ConsumerClosed)), hidden, later)},
		{name: "told of its close", steps: history(connected, lost, calm, over, told, at(time.Minute, c(passes)))},
		{name: "it closed, and another that it did not hear of closes now", steps: history(connected, lost, calm, over, reborns(opened(0)), at(time.Minute, reborns(closed())), c(passes))},
		{name: "it left", steps: history(connected, lost, hidden, later), want: breaks},
		{name: "it left, was told, came back and left", steps: history(connected, lost, hidden, told, c(entryOf(event.PeerReturned, "p", 1, 1), subscribing(2), subscribed(5)), lost, hidden, later), want: breaks},
		{name: "it closed", steps: history(connected, lost, calm, over, at(time.Minute, c(passes))), want: breaks},
	})
}

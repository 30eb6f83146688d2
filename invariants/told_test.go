package invariants_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

func TestApplicationsAreToldWhatTheyMiss(t *testing.T) {
	breaks := []string{"told"}
	up := c(consumer(event.ConsumerOpened), subscribing(1), subscribed(1))
	sent := p(appSent(1, 1), appSent(2, 2), appSent(3, 3), appSent(4, 4))
	got := func(seq uint64) []step { return c(appReceived(7, seq, int64(seq))) }
	missed := func(from, to uint64, n int64, text string) []step {
		return c(event.Event{Kind: event.AppMissed, Stream: theStream, Peer: nodeOf("p"), Incarnation: inc, Sub: 7, From: from, To: to, N: n, Text: text})
	}
	later := func(steps []step) []step {
		for i := range steps {
			steps[i].event.Incarnation = inc + 1
		}
		return steps
	}
	again := later(p(appSent(1, 1), appSent(2, 2)))
	lost := c(unsubscribed(wire.ConnectionLost))
	// unheard is a producer that sends to others only, between two that the application hears.
	unheard := func(events ...event.Event) []step {
		between := p(append([]event.Event{opened(0)}, events...)...)
		for i := range between {
			between[i].event.Incarnation = inc + 2
		}
		return history(p(opened(0)), up, sent, got(1), c(unsubscribed(wire.GracefulShutdown)), p(closed()), between, later(p(opened(0))), again, later(got(1)))
	}
	run(t, []historyCase{
		{name: "all", steps: history(up, sent, got(1), got(2), got(3))},
		{name: "a gap in its place", steps: history(up, sent, got(1), missed(2, 3, 2, ""), got(4))},
		{name: "a gap at first", steps: history(up, sent, missed(2, 3, 2, ""), got(4))},
		{name: "a bound", steps: history(up, sent, got(1), missed(2, 3, 1, invariants.GapAtMost), got(4))},
		{name: "a restart", steps: history(up, sent, got(1), later(missed(1, 0, 0, invariants.GapUnknown)), again, later(got(1)))},
		{name: "a restart that it missed datums of", steps: history(up, sent, got(1), later(missed(1, 1, 1, invariants.GapUnknown)), again, later(got(2)))},
		{name: "a restart of the same, after another was there", steps: history(up, sent, got(1), lost, later(c(subscribed(1))), lost, c(subscribed(1)), missed(1, 0, 0, invariants.GapUnknown))},
		{name: "gone", steps: history(up, sent, got(1), missed(2, 1, 0, invariants.GapUnknown))},
		{name: "gone, and back with what was missing", steps: history(up, sent, got(1), missed(2, 1, 0, invariants.GapUnknown), missed(2, 3, 2, ""), got(4))},
		{name: "gone, and another came", steps: history(up, sent, got(1), missed(2, 1, 0, invariants.GapUnknown), again, later(got(1)))},
		{name: "an end in order", steps: history(up, sent, got(1), c(unsubscribed(wire.GracefulShutdown)), again, later(got(1)))},
		{name: "gone, with a hole", steps: history(up, sent, got(1), missed(3, 2, 0, invariants.GapUnknown)), want: breaks},
		{name: "gone, and back with a hole", steps: history(up, sent, got(1), missed(2, 1, 0, invariants.GapUnknown), got(3)), want: breaks},
		{name: "one unheard of between", steps: unheard(accepted(1, "d", 1, 1), enqueued(1, "d", 1, 3), written(1, "d", 1, 3), ended(1, "d", 0), closed()), want: breaks},
		{name: "an idle one unheard of between", steps: unheard(closed())},
		{name: "a hole", steps: history(up, sent, got(1), got(3)), want: breaks},
		{name: "too short a gap", steps: history(up, sent, got(1), missed(2, 2, 1, ""), got(4)), want: breaks},
		{name: "a gap of what came", steps: history(up, sent, got(1), got(2), missed(2, 3, 2, ""), got(4)), want: breaks},
		{name: "a gap of nothing", steps: history(up, sent, got(1), missed(2, 1, 0, "")), want: breaks},
		{name: "a wrong count", steps: history(up, sent, got(1), missed(2, 3, 1, ""), got(4)), want: breaks},
		{name: "too large a bound", steps: history(up, sent, got(1), missed(2, 3, 3, invariants.GapAtMost), got(4)), want: breaks},
		{name: "a restart without a word", steps: history(up, sent, got(1), again, later(got(1))), want: breaks},
		{name: "a restart that lost its first datum", steps: history(up, sent, got(1), later(missed(1, 0, 0, invariants.GapUnknown)), again, later(got(2))), want: breaks},
		{name: "a restart of the same, after it was connected again", steps: history(up, sent, got(1), lost, c(subscribed(1)), missed(1, 0, 0, invariants.GapUnknown)), want: breaks},
		{name: "a restart of the same", steps: history(up, sent, got(1), missed(1, 0, 0, invariants.GapUnknown)), want: breaks},
	})
}

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
	run(t, []historyCase{
		{name: "told", steps: history(connected, lost, hidden, told, later)},
		{name: "it left for a moment", steps: history(connected, lost, hidden, c(entryOf(event.PeerReturned, "p", 1, 1)), later)},
		{name: "in order", steps: history(connected, c(received(4, 4), unsubscribed(wire.GracefulShutdown)), hidden, later)},
		{name: "it never was connected", steps: history(c(entryOf(event.PeerDiscovered, "p", 1, 1), subscribing(1), unsubscribed(wire.DialFailed)), hidden, later)},
		{name: "it is there and away for long", steps: history(connected, lost, calm, at(time.Minute, c(passes)))},
		{name: "the consumer was closed", steps: history(connected, c(unsubscribed(wire.Cancelled), consumer(event.ConsumerClosed)), hidden, later)},
		{name: "told of its close", steps: history(connected, lost, calm, over, told, at(time.Minute, c(passes)))},
		{name: "it left", steps: history(connected, lost, hidden, later), want: breaks},
		{name: "it left, was told, came back and left", steps: history(connected, lost, hidden, told, c(entryOf(event.PeerReturned, "p", 1, 1), subscribing(2), subscribed(5)), lost, hidden, later), want: breaks},
		{name: "it closed", steps: history(connected, lost, calm, over, at(time.Minute, c(passes))), want: breaks},
	})
}

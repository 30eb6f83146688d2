package invariants_test

import (
	"testing"

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
	cut := history(p(opened(0)), c(consumer(event.ConsumerOpened), subscribing(1)), p(accepted(1, "c", 3, 1), online(1), appSent(3, 3), enqueued(1, "c", 3, 3), written(1, "c", 3, 3), draining(1, "c", wire.TooSlow), because(wire.TooSlow, ended(1, "c", 0)), offline(0)), c(unsubscribed(wire.TooSlow)))
	told := func(next, first uint64) event.Event {
		e := subscribed(next)
		e.To = first
		return e
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
		{name: "from the first on that it was given", steps: history(p(opened(0)), c(consumer(event.ConsumerOpened), subscribing(1)), p(accepted(1, "c", 3, 1), online(1), appSent(3, 3), enqueued(1, "c", 3, 3)), c(subscribed(3)), got(3))},
		{name: "cut before it heard so, and told", steps: history(cut, c(subscribing(2)), p(accepted(2, "c", 5, 1), appSent(5, 5), enqueued(2, "c", 5, 5)), c(told(5, 3)), missed(3, 4, 2, ""), got(5))},
		{name: "cut before it heard so, and not told how much", steps: history(cut, c(subscribing(2)), p(accepted(2, "c", 5, 1), appSent(5, 5), enqueued(2, "c", 5, 5)), c(subscribed(5)), missed(5, 4, 0, invariants.GapUnknown), got(5)), want: breaks},
		{name: "cut before it heard so", steps: history(cut, c(subscribing(2)), p(accepted(2, "c", 5, 1), appSent(5, 5), enqueued(2, "c", 5, 5)), c(subscribed(5)), got(5)), want: breaks},
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

package invariants_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

func TestWhatIsReceivedIsTaken(t *testing.T) {
	breaks := []string{"taken"}
	var sent []step
	for seq := range uint64(9) {
		sent = append(sent, p(appSent(seq+1, 0))...)
	}
	stateless := history(queued(9), sent)
	begin := history(stateless, c(consumer(event.ConsumerClosed), counting(4, consumer(event.ConsumerOpened)), subscribing(1), subscribed(1)))
	took := func(from, to uint64) (steps []step) {
		for seq := from; seq <= to; seq++ {
			steps = append(steps, c(appReceived(1, seq, 0))...)
		}
		return steps
	}
	ends := c(unsubscribed(wire.Cancelled), consumer(event.ConsumerClosed))
	discarded := func(n int64) []step { return c(counting(n, consumer(event.Discarded))) }
	failed := c(consuming(event.DecodeFailed, event.Event{From: 2}))
	now := time.Second
	run(t, []historyCase{
		{name: "all of it", steps: history(begin, c(received(1, 3)), took(1, 3), ends)},
		{name: "discarded", steps: history(begin, c(received(1, 3)), took(1, 1), discarded(2), ends)},
		{name: "not decoded", steps: history(begin, c(received(1, 3)), took(1, 1), failed, took(3, 3), ends)},
		{name: "nothing is reported", steps: history(begin, c(received(1, 3)), ends)},
		{name: "there is room", steps: history(begin, c(received(1, 4)), took(1, 2), c(received(5, 6)), took(3, 6), ends)},
		{name: "full in the same turn", steps: history(begin, took(1, 0), at(now, c(received(1, 4))), took(1, 2), at(2*now, c(received(5, 6))), at(2*now, c(received(7, 7))), took(3, 7), ends)},
		{name: "over another subscription", steps: history(begin, c(received(1, 4)), took(1, 1), c(unsubscribed(wire.ConnectionLost), subscribing(2), subscribed(5), received(5, 5)), took(2, 5), ends)},
		{name: "the queue is not stated", steps: history(stateless, c(received(1, 3)), took(1, 1), c(received(4, 9)), discarded(8), ends)},
		{name: "two consumers on one host", steps: history(begin, c(consumer(event.ConsumerOpened), received(1, 3)), took(1, 1), ends)},
		{name: "not all of it", steps: history(begin, c(received(1, 3)), took(1, 2), ends), want: breaks},
		{name: "more than discarded", steps: history(begin, c(received(1, 3)), took(1, 1), discarded(1), ends), want: breaks},
		{name: "into a full queue", steps: history(begin, c(received(1, 4)), took(1, 1), c(received(5, 5)), took(2, 5), ends), want: breaks},
	})
}

func TestStatusTellsWhatIsThere(t *testing.T) {
	breaks := []string{"status"}
	up := history(upTo(4), c(counting(1, consumer(event.ConsumerOnline))))
	two := history(up, p(accepted(2, "c", 5, 2), enqueued(2, "c", 5, 6), written(2, "c", 5, 6)))
	says := func(n int64, datums, online uint64) event.Event {
		return event.Event{Kind: event.AppStatus, Stream: theStream, N: n, From: datums, To: online}
	}
	of := func(n int64, datums, online uint64) []step {
		return at(2*time.Second, p(producing(event.AppStatus, says(n, datums, online))))
	}
	ofC := func(n int64, online uint64) []step { return at(2*time.Second, c(says(n, 0, online))) }
	run(t, []historyCase{
		{name: "a producer", steps: history(up, of(1, 4, 1))},
		{name: "what went over all subscriptions", steps: history(two, of(2, 6, 1))},
		{name: "what went over one that ended does not count", steps: history(two, p(ended(1, "c", 0)), of(1, 2, 1))},
		{name: "a moment after a change", steps: history(up, at(time.Second+time.Millisecond, p(ended(1, "c", 0), offline(0))), of(1, 4, 1))},
		{name: "a producer that is closing", steps: history(up, p(closing(), offline(1), draining(1, "c", wire.GracefulShutdown)), of(1, 4, 0))},
		{name: "a producer on a host that is slow", steps: history(world(event.Event{Kind: event.FaultBegan, Text: "busy p 1ms"}), up, of(0, 0, 0))},
		{name: "a consumer", steps: history(up, ofC(1, 1))},
		{name: "a consumer a moment after a change", steps: history(up, at(time.Second+time.Millisecond, c(unsubscribed(wire.ConnectionLost), consumer(event.ConsumerOffline))), ofC(1, 1))},
		{name: "a consumer that never opened", steps: ofC(1, 1)},
		{name: "two consumers cannot be told apart", steps: history(up, c(consumer(event.ConsumerOpened)), ofC(0, 0))},
		{name: "a subscription that ended", steps: history(up, p(ended(1, "c", 0), offline(0)), of(1, 0, 0)), want: breaks},
		{name: "a producer that is not online", steps: history(up, of(1, 4, 0)), want: breaks},
		{name: "a datum too few", steps: history(up, of(1, 3, 1)), want: breaks},
		{name: "a consumer without a subscription that it has", steps: history(up, ofC(0, 1)), want: breaks},
		{name: "a consumer that is not online", steps: history(up, ofC(1, 0)), want: breaks},
	})
}

package invariants_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// upTo is a producer that gave one consumer, "c", the datums 1..n.
func upTo(n uint64) []step {
	return history(
		p(opened(0)), c(consumer(event.ConsumerOpened), subscribing(1)),
		p(accepted(1, "c", 1, 1), online(1)), c(subscribed(1)),
		p(enqueued(1, "c", 1, n), written(1, "c", 1, n)),
	)
}

// queued is upTo(n) of which the transport took nothing.
func queued(n uint64) []step {
	steps := upTo(n)
	return steps[:len(steps)-1]
}

// pickyUpToNine is a consumer with criteria that match all but 4 to 6 of 1 to 9.
func pickyUpToNine() []step {
	return history(
		p(opened(0)), c(consumer(event.ConsumerOpened), picky(subscribing(1))),
		p(picky(accepted(1, "c", 1, 1)), online(1)), c(subscribed(1)),
		p(unmatched(4, 6), enqueued(1, "c", 1, 3), enqueued(1, "c", 7, 9)),
	)
}

func TestConsumersNumbersOnlyGrow(t *testing.T) {
	breaks := []string{"fifo"}
	run(t, []historyCase{
		{name: "in order", steps: history(upTo(9), c(received(1, 4), received(5, 9), unsubscribed(wire.ConnectionLost)))},
		{
			name:  "a gap is told before the datums that precede it in the same turn",
			steps: history(queued(9), c(received(1, 2), skipped(5, 6), counting(5, received(3, 9)), unsubscribed(wire.ConnectionLost))),
		},
		{
			name: "a reconnect tells what was missed",
			steps: history(upTo(9), c(received(1, 2), unsubscribed(wire.ConnectionLost), subscribing(2)),
				p(ended(1, "c", 0), accepted(2, "c", 10, 1), enqueued(2, "c", 10, 12), written(2, "c", 10, 12)),
				c(subscribed(10), skipped(3, 9), received(10, 12))),
		},
		{
			name: "a new incarnation begins anew",
			steps: history(upTo(9), c(received(1, 9), unsubscribed(wire.ConnectionLost), subscribing(2)),
				p(reborn(opened(0)), reborn(accepted(1, "c", 1, 1)), reborn(enqueued(1, "c", 1, 2))), c(reborn(subscribed(1)), reborn(received(1, 2)))),
		},
		{name: "twice", steps: history(upTo(9), c(received(1, 4), received(4, 9))), want: breaks},
		{name: "out of order", steps: history(queued(9), c(received(1, 2), skipped(3, 4), received(5, 9), received(3, 4))), want: breaks},
		{name: "subscribed while subscribed", steps: history(upTo(9), c(subscribed(1))), want: breaks},
		{
			name: "before the start, told to be missing by nobody",
			steps: history(upTo(9), c(received(1, 2), unsubscribed(wire.ConnectionLost)), p(ended(1, "c", 0), accepted(2, "c", 8, 1)),
				c(subscribed(8), received(3, 9))), want: breaks,
		},
		{name: "after the end", steps: history(upTo(9), c(received(1, 4), unsubscribed(wire.ConnectionLost), received(5, 9))), want: breaks},
		{name: "told of a gap after the end", steps: history(upTo(9), c(received(1, 4), unsubscribed(wire.ConnectionLost), skipped(5, 9))), want: breaks},
		{name: "a gap twice", steps: history(queued(9), c(received(1, 2), skipped(3, 4), skipped(4, 5))), want: breaks},
		{name: "a gap ahead twice", steps: history(queued(9), c(received(1, 2), skipped(5, 6), skipped(6, 7))), want: breaks},
		{name: "received what was told to be missing", steps: history(queued(9), c(received(1, 2), skipped(5, 6), received(3, 9))), want: breaks},
		{name: "more datums than numbers", steps: history(upTo(9), c(counting(10, received(1, 9)))), want: breaks},
		{name: "a reconnect goes back", steps: history(upTo(9), c(received(1, 9), unsubscribed(wire.ConnectionLost), subscribed(5))), want: breaks},
		{
			name:  "another incarnation than subscribed",
			steps: history(p(reborn(opened(0)), reborn(accepted(1, "c", 1, 1)), reborn(enqueued(1, "c", 1, 9))), upTo(9), c(reborn(received(1, 4)))), want: breaks,
		},
		{
			name:  "two consumers on one host that cannot be told apart are not judged",
			steps: history(upTo(9), c(received(1, 4), consumer(event.ConsumerOpened), subscribing(1), subscribed(1), received(1, 2), received(5, 9), received(3, 9))),
		},
		{
			name: "a consumer that is opened after another was closed counts anew",
			steps: history(upTo(9), c(received(1, 4), unsubscribed(wire.Cancelled), consumer(event.ConsumerClosed), consumer(event.ConsumerOpened), subscribing(1)),
				p(ended(1, "c", 0), accepted(2, "c", 10, 1)), c(subscribed(10))),
		},
	})
}

func TestNothingIsReceivedThatNobodyEnqueued(t *testing.T) {
	breaks := []string{"no-phantom"}
	run(t, []historyCase{
		{name: "enqueued", steps: history(upTo(9), c(received(1, 9)))},
		{
			name:  "a log of the consumer alone",
			steps: c(subscribed(1), received(1, 9)),
		},
		{
			name:    "from a byzantine host",
			options: invariants.Options{Byzantine: []string{"p"}},
			steps:   history(upTo(4), c(received(1, 9))),
		},
		{name: "more than was enqueued", steps: history(upTo(4), c(received(1, 5))), want: breaks},
		{
			name:  "enqueued for somebody else",
			steps: history(p(opened(0), accepted(1, "d", 1, 1), enqueued(1, "d", 1, 4)), c(subscribed(1), received(1, 4))), want: breaks,
		},
		{
			name:  "of an incarnation that never was",
			steps: history(upTo(4), c(unsubscribed(wire.ConnectionLost), reborn(subscribed(1)), reborn(received(1, 1)))), want: breaks,
		},
		{
			name:  "between two subscriptions",
			steps: history(upTo(4), p(ended(1, "c", 0), accepted(2, "c", 8, 1), enqueued(2, "c", 8, 9), written(2, "c", 8, 9)), c(received(1, 9))), want: breaks,
		},
	})
}

func TestApplicationsReceiveWhatApplicationsSent(t *testing.T) {
	breaks := []string{"end-to-end"}
	sent := p(appSent(1, 11), appSent(2, 22), appSent(3, 33))
	run(t, []historyCase{
		{name: "sent", steps: history(sent, c(appReceived(1, 1, 11), appReceived(2, 2, 22), appReceived(1, 2, 22), appReceived(2, 3, 33)))},
		{name: "a new life of the consumer receives again", steps: history(sent, c(appReceived(1, 3, 33)), again(c(appReceived(1, 2, 22))))},
		{name: "a log of the consumer alone", steps: c(appReceived(1, 1, 11), appReceived(1, 2, 99))},
		{name: "never sent", steps: history(sent, c(appReceived(1, 4, 44))), want: breaks},
		{name: "never sent by this incarnation", steps: history(sent, c(reborn(appReceived(1, 1, 11)))), want: breaks},
		{name: "changed on the way", steps: history(sent, c(appReceived(1, 2, 23))), want: breaks},
		{name: "received twice", steps: history(sent, c(appReceived(1, 2, 22), appReceived(1, 2, 22))), want: breaks},
		{name: "received out of order", steps: history(sent, c(appReceived(1, 2, 22), appReceived(1, 1, 11))), want: breaks},
		{name: "sent twice", steps: history(sent, p(appSent(2, 22))), want: breaks},
		{name: "sent without a number", steps: p(appSent(0, 22)), want: breaks},
	})
}

func TestNothingIsLeftOutSilently(t *testing.T) {
	breaks := []string{"complete"}
	reborn4 := history(c(unsubscribed(wire.ConnectionLost)), p(ended(1, "c", 0), offline(0), closed()),
		p(reborn(opened(0)), reborn(accepted(1, "c", 4, 1)), reborn(enqueued(1, "c", 4, 4))), c(reborn(subscribed(4))))
	run(t, []historyCase{
		{name: "everything", steps: history(queued(9), c(received(1, 3), skipped(4, 4), received(5, 9)))},
		{name: "a hole in what is enqueued", steps: history(upTo(4), p(enqueued(1, "c", 6, 9))), want: breaks},
		{name: "the first is left out", steps: p(opened(0), accepted(1, "c", 1, 1), enqueued(1, "c", 2, 9)), want: breaks},
		{name: "fewer than the range", steps: history(upTo(4), p(counting(3, enqueued(1, "c", 5, 9)))), want: breaks},
		{name: "a hole in what arrives", steps: history(upTo(9), c(received(1, 3), received(5, 9))), want: breaks},
		{name: "a hole within what arrives", steps: history(upTo(9), c(received(1, 3), counting(4, received(4, 9)))), want: breaks},
		{name: "what does not match is left out", steps: history(pickyUpToNine(), c(received(1, 3), received(7, 9)))},
		{name: "what matches is left out", steps: history(pickyUpToNine(), c(received(1, 3), received(8, 9))), want: breaks},
		{
			name: "a liar with the consumer's key was admitted in its place, and what came before is late", options: invariants.Options{Byzantine: []string{"cuckoo"}},
			steps: history(pickyUpToNine(), on("cuckoo", event.Event{Kind: event.NodeStarted}), p(written(1, "c", 1, 3), written(1, "c", 7, 9), ended(1, "c", 0), picky(accepted(2, "c", 10, 1))), c(received(1, 3), received(7, 9))),
		},
		{name: "what matches is not enqueued", steps: history(p(opened(0), picky(accepted(1, "c", 1, 1)), enqueued(1, "c", 1, 3), unmatched(4, 5), enqueued(1, "c", 7, 9))), want: breaks},
		{name: "something does not match no criteria", steps: history(upTo(4), p(unmatched(5, 6))), want: breaks},
		{name: "a gap among what does not match", steps: history(pickyUpToNine(), c(received(1, 2), counting(2, skipped(3, 7)), received(8, 9)))},
		{name: "a new incarnation is silent about what was missed", steps: history(upTo(9), c(received(1, 9)), reborn4, c(reborn(received(4, 4)))), want: breaks},
		{name: "a new incarnation tells what was missed", steps: history(upTo(9), c(received(1, 9)), reborn4, c(reborn(skipped(1, 3)), reborn(received(4, 4))))},
		{name: "the first does not arrive", steps: history(upTo(9), c(received(2, 9))), want: breaks},
		{name: "a gap that miscounts", steps: history(queued(9), c(counting(3, skipped(1, 2)))), want: breaks},
		{name: "an end as if in order, without the last", steps: history(upTo(9), c(received(1, 7), unsubscribed(wire.GracefulShutdown))), want: breaks},
		{name: "an end in order", steps: history(upTo(9), c(received(1, 9), unsubscribed(wire.GracefulShutdown)))},
		{name: "an end without the last", steps: history(upTo(9), c(received(1, 7), unsubscribed(wire.DrainTimeout)))},
		{name: "datums before a gap never come", steps: history(queued(9), c(skipped(3, 4), unsubscribed(wire.ConnectionLost))), want: breaks},
		{
			name: "a reconnect is silent about what was missed",
			steps: history(upTo(9), c(received(1, 2), unsubscribed(wire.ConnectionLost)), p(ended(1, "c", 0), accepted(2, "c", 10, 1), enqueued(2, "c", 10, 10)),
				c(subscribed(10), received(10, 10))), want: breaks,
		},
		{
			name: "the last are left out of an orderly end",
			steps: history(upTo(4), p(accepted(2, "d", 5, 2), enqueued(2, "d", 5, 6), enqueued(1, "c", 5, 5), offline(2),
				draining(1, "c", wire.GracefulShutdown), draining(2, "d", wire.GracefulShutdown))), want: breaks,
		},
		{
			name: "an orderly end after everything",
			steps: history(upTo(4), p(accepted(2, "d", 5, 2), enqueued(2, "d", 5, 6), enqueued(1, "c", 5, 6), offline(2),
				draining(1, "c", wire.GracefulShutdown), draining(2, "d", wire.GracefulShutdown))),
		},
	})
}

func TestWhatIsWrittenArrives(t *testing.T) {
	breaks := []string{"delivered"}
	run(t, []historyCase{
		{name: "a gap over what was dropped", steps: history(queued(4), p(dropped(1, "c", 1, 2, wire.TooSlow), written(1, "c", 3, 4)), c(skipped(1, 2), received(3, 4)))},
		{name: "a gap that counts what the policy left out", steps: history(queued(4), p(dropped(1, "c", 1, 2, wire.Lagged), written(1, "c", 3, 4)), c(because(wire.Lagged, skipped(1, 2)), received(3, 4)))},
		{name: "a gap that counts more than the policy left out", steps: history(queued(4), p(dropped(1, "c", 1, 1, wire.Lagged), written(1, "c", 3, 4)), c(because(wire.Lagged, skipped(1, 2)), received(3, 4))), want: breaks},
		{name: "a gap over what was written", steps: history(upTo(4), c(skipped(1, 1), received(2, 4))), want: breaks},
		{
			name: "what was written to a former subscription may be missed",
			steps: history(upTo(4), c(received(1, 2), unsubscribed(wire.ConnectionLost)), p(ended(1, "c", 0), accepted(2, "c", 5, 1)),
				c(subscribed(5), skipped(3, 4))),
		},
		{name: "the consumer accuses the producer", steps: history(upTo(4), c(received(1, 4), unsubscribed(wire.ProtocolViolation))), want: breaks},
		{name: "the producer accuses the consumer", steps: history(upTo(4), p(because(wire.ProtocolViolation, ended(1, "c", 0)))), want: breaks},
	})
}

func TestConsumersStayUntilTheyAreClosed(t *testing.T) {
	breaks := []string{"stays"}
	ofQ := func(e event.Event) event.Event {
		e.Peer, e.Sub = nodeOf("q"), 2
		return e
	}
	both := history(upTo(4), on("q", opened(0)), c(ofQ(subscribing(1))), on("q", accepted(1, "c", 1, 1), online(1)), c(ofQ(subscribed(1))),
		on("q", enqueued(1, "c", 1, 2), written(1, "c", 1, 2)), c(received(1, 4), unsubscribed(wire.Cancelled)))
	over := c(ofQ(unsubscribed(wire.Cancelled)), consumer(event.ConsumerClosed))
	run(t, []historyCase{
		{name: "closed, with datums of the next producer", steps: history(both, c(ofQ(received(1, 2))), over)},
		{name: "hangs up on one and reads the other", steps: history(both, at(5*time.Second, c(ofQ(received(1, 2)))), over), want: breaks},
		{name: "closed", steps: history(upTo(4), c(received(1, 4), unsubscribed(wire.Cancelled), consumer(event.ConsumerClosed)))},
		{name: "the producer ends it", steps: history(upTo(4), c(received(1, 4), unsubscribed(wire.GracefulShutdown), subscribing(2)))},
		{name: "crashed right after", steps: history(upTo(4), c(received(1, 4), unsubscribed(wire.Cancelled)), world(crashed("c")))},
		{name: "hangs up and dials again", steps: history(upTo(4), c(received(1, 4), unsubscribed(wire.Cancelled), subscribing(2))), want: breaks},
		{name: "hangs up for good", steps: history(upTo(4), c(received(1, 4), unsubscribed(wire.Cancelled))), want: breaks},
	})
}

func TestBooksBalance(t *testing.T) {
	breaks := []string{"conservation"}
	run(t, []historyCase{
		{
			name: "written, dropped and given back",
			steps: history(upTo(4), p(enqueued(1, "c", 5, 9), draining(1, "c", wire.TooSlow), dropped(1, "c", 5, 9, wire.TooSlow),
				dropped(1, "c", 4, 4, wire.TooSlow), ended(1, "c", 1), offline(0), closed())),
		},
		{name: "a crash voids the account", steps: history(upTo(4), p(enqueued(1, "c", 5, 9)), world(crashed("p"), restarted("p")), again(p(opened(0))))},
		{name: "one vanished", steps: history(upTo(4), p(enqueued(1, "c", 5, 9), dropped(1, "c", 5, 8, wire.TooSlow), ended(1, "c", 0))), want: breaks},
		{name: "one too many", steps: history(upTo(4), p(dropped(1, "c", 4, 4, wire.TooSlow), ended(1, "c", 0))), want: breaks},
		{name: "given back and not dropped", steps: history(upTo(4), p(ended(1, "c", 1))), want: breaks},
		{name: "more written than enqueued", steps: history(upTo(4), p(written(1, "c", 5, 5))), want: breaks},
		{name: "more dropped than enqueued", steps: history(upTo(4), p(dropped(1, "c", 1, 5, wire.TooSlow))), want: breaks},
		{name: "a negative count", steps: history(upTo(4), p(counting(-1, dropped(1, "c", 1, 5, wire.TooSlow)))), want: breaks},
		{name: "ended twice", steps: history(upTo(4), p(ended(1, "c", 0), ended(1, "c", 0))), want: breaks},
		{name: "written after the end", steps: history(upTo(4), p(ended(1, "c", 0), written(1, "c", 4, 4))), want: breaks},
		{name: "ended and never accepted", steps: history(upTo(4), p(ended(2, "d", 0))), want: breaks},
		{name: "accepted twice", steps: history(upTo(4), p(accepted(1, "c", 5, 2))), want: breaks},
		{name: "closed with a subscription open", steps: history(upTo(4), p(offline(1), closed())), want: breaks},
	})
}

func TestCapacityIsKept(t *testing.T) {
	breaks := []string{"capacity"}
	full := p(opened(2), accepted(1, "c", 1, 1), accepted(2, "d", 1, 2))
	run(t, []historyCase{
		{name: "full", steps: full},
		{name: "a slot is free once its subscription is cut", steps: history(full, p(draining(1, "c", wire.TooSlow), accepted(3, "e", 1, 2), ended(1, "c", 0)))},
		{name: "a slot is free once its link is lost", steps: history(full, p(ended(1, "c", 0), accepted(3, "e", 1, 2)))},
		{name: "no limit", steps: p(opened(0), accepted(1, "c", 1, 1), accepted(2, "d", 1, 2), accepted(3, "e", 1, 3))},
		{name: "one too many", steps: history(full, p(accepted(3, "e", 1, 3))), want: breaks},
		{name: "one too many after a slot was freed twice", steps: history(full, p(draining(1, "c", wire.TooSlow), accepted(3, "e", 1, 2), ended(1, "c", 0), accepted(4, "f", 1, 2))), want: breaks},
		{name: "counted wrong", steps: p(opened(0), accepted(1, "c", 1, 2)), want: breaks},
	})
}

func TestNothingIsEnqueuedWithoutARight(t *testing.T) {
	breaks := []string{"nothing-after-expiry"}
	ends := func(d time.Duration) []step { return p(opened(0), until(d, accepted(1, "c", 1, 1))) }
	run(t, []historyCase{
		{name: "before the end", steps: history(ends(time.Second), at(time.Second-1, p(enqueued(1, "c", 1, 1))))},
		{name: "never ends", steps: history(ends(0), at(time.Hour, p(enqueued(1, "c", 1, 1))))},
		{name: "renewed", steps: history(ends(time.Second), p(until(time.Minute, producing(event.SubExpiry, event.Event{Sub: 1}))), at(2*time.Second, p(enqueued(1, "c", 1, 1))))},
		{name: "slack", options: invariants.Options{WallSlack: 2}, steps: history(ends(time.Second), at(time.Second+1, p(enqueued(1, "c", 1, 1))))},
		{name: "at the end", steps: history(ends(time.Second), at(time.Second, p(enqueued(1, "c", 1, 1)))), want: breaks},
		{name: "beyond the slack", options: invariants.Options{WallSlack: 2}, steps: history(ends(time.Second), at(time.Second+2, p(enqueued(1, "c", 1, 1)))), want: breaks},
		{name: "the right was cut short", steps: history(ends(0), p(until(time.Second, producing(event.SubExpiry, event.Event{Sub: 1}))), at(time.Second, p(enqueued(1, "c", 1, 1)))), want: breaks},
		{name: "accepted without a right", steps: at(time.Second, ends(time.Second)), want: breaks},
		{name: "after the cut", steps: history(ends(0), p(draining(1, "c", wire.Revoked), enqueued(1, "c", 1, 1))), want: breaks},
		{name: "after the end of the subscription", steps: history(ends(0), p(ended(1, "c", 0), enqueued(1, "c", 1, 1))), want: append([]string{"conservation"}, breaks...)},
	})
}

func TestNothingPassesAfterARevocation(t *testing.T) {
	breaks := []string{"nothing-after-revocation"}
	right := func(k event.Kind, peer string, side int64) event.Event {
		return event.Event{Kind: k, Stream: theStream, Peer: nodeOf(peer), N: side}
	}
	begin := history(p(opened(0), accepted(1, "c", 1, 1)), c(consumer(event.ConsumerOpened), subscribing(1), subscribed(1)), p(enqueued(1, "c", 1, 3)), c(received(1, 2)))
	revoke := func(steps ...[]step) []step {
		return history(begin, at(time.Second, p(right(event.AppRevoked, "c", 0))), at(time.Second, c(right(event.AppRevoked, "p", 1))), history(steps...))
	}
	run(t, []historyCase{
		{name: "in the same moment", steps: revoke(at(time.Second, p(enqueued(1, "c", 4, 4))), at(time.Second, c(received(3, 3))))},
		{name: "once it is allowed again", steps: revoke(at(2*time.Second, history(p(right(event.AppAllowed, "c", 0)), c(right(event.AppAllowed, "p", 1)))), at(3*time.Second, history(p(enqueued(1, "c", 4, 4)), c(received(3, 3)))))},
		{name: "another peer", steps: history(begin, p(right(event.AppRevoked, "d", 0)), at(time.Second, p(enqueued(1, "c", 4, 4))))},
		{name: "the host does what came before", steps: history(
			begin, world(event.Event{Kind: event.FaultBegan, Text: "busy p 1ms"}), at(time.Second, p(right(event.AppRevoked, "c", 0))), at(2*time.Second, p(enqueued(1, "c", 4, 4))))},
		{name: "a turn is late", options: invariants.Options{Lag: 20 * time.Millisecond}, steps: revoke(at(time.Second+21*time.Millisecond, p(enqueued(1, "c", 4, 4))))},
		{name: "later than a turn is", options: invariants.Options{Lag: 20 * time.Millisecond}, steps: revoke(at(time.Second+21*time.Millisecond+1, p(enqueued(1, "c", 4, 4)))), want: breaks},
		{name: "who allows it again has a turn that is late", options: invariants.Options{Lag: 20 * time.Millisecond}, steps: revoke(
			at(2*time.Second, p(enqueued(1, "c", 4, 4))), at(2*time.Second+21*time.Millisecond, p(right(event.AppAllowed, "c", 0))))},
		{name: "it is allowed again later than that", options: invariants.Options{Lag: 20 * time.Millisecond}, steps: revoke(
			at(2*time.Second, p(enqueued(1, "c", 4, 4))), at(2*time.Second+22*time.Millisecond, p(right(event.AppAllowed, "c", 0)))), want: breaks},
		{name: "the right to produce is another one", steps: history(begin, p(right(event.AppRevoked, "c", 1)), at(time.Second, p(enqueued(1, "c", 4, 4))))},
		{name: "enqueued", steps: revoke(at(time.Second+1, p(enqueued(1, "c", 4, 4)))), want: breaks},
		{name: "received", steps: revoke(at(time.Second+1, c(received(3, 3)))), want: breaks},
		{name: "admitted", steps: revoke(at(time.Second+1, p(accepted(2, "c", 4, 2)))), want: breaks},
	})
}

func TestCriteriaChoose(t *testing.T) {
	breaks := []string{"chosen"}
	o := invariants.Options{Match: func(criteria string, sent event.Event) bool { return criteria == "a > 1" && sent.To%2 == 0 }}
	sent := func(seq uint64) event.Event {
		e := appSent(seq, 0)
		e.To, e.Bytes = seq, 10
		return e
	}
	begin := p(opened(0), picky(accepted(1, "c", 1, 1)))
	run(t, []historyCase{
		{name: "as they match", options: o, steps: history(begin, p(sent(1), sent(2), unmatched(1, 1), enqueued(1, "c", 2, 2), unmatched(3, 3), sent(3)))},
		{name: "given", options: o, steps: history(begin, p(sent(1), enqueued(1, "c", 1, 1))), want: breaks},
		{name: "left out", options: o, steps: history(begin, p(sent(1), sent(2), unmatched(1, 2))), want: breaks},
		{name: "given before it is known", options: o, steps: history(begin, p(enqueued(1, "c", 1, 1), sent(1))), want: breaks},
		{name: "left out before it is known", options: o, steps: history(begin, p(unmatched(1, 2), sent(1), sent(2))), want: breaks},
		{name: "nothing is known", options: o, steps: history(begin, p(appSent(1, 0), enqueued(1, "c", 1, 1)))},
		{name: "nobody can tell", steps: history(begin, p(sent(1), enqueued(1, "c", 1, 1)))},
		{name: "no criteria", options: o, steps: p(opened(0), accepted(1, "c", 1, 1), sent(1), enqueued(1, "c", 1, 1))},
	})
}

func TestVersionsOnlyGrow(t *testing.T) {
	breaks := []string{"versions-grow"}
	published := func(s, u uint64) event.Event { return entryOf(event.EntryPublished, "c", s, u) }
	found := func(s, u uint64) event.Event { return entryOf(event.PeerDiscovered, "d", s, u) }
	updated := func(s, u uint64) event.Event { return entryOf(event.PeerUpdated, "d", s, u) }
	departed := func(s, u uint64) event.Event { return entryOf(event.PeerDeparted, "d", s, u) }
	run(t, []historyCase{
		{name: "growing", steps: c(published(1, 1), published(1, 2), published(3, 3), found(5, 5), updated(5, 6), departed(5, 7), found(6, 6), updated(6, 8))},
		{name: "each life begins anew", steps: history(c(published(5, 5), found(5, 5)), world(crashed("c"), restarted("c")), again(c(published(4, 4), found(4, 4))))},
		{name: "a departure is forgotten after its time", steps: history(c(found(5, 5), departed(5, 7)), at(301*time.Second, c(found(5, 5))))},
		{name: "published again", steps: c(published(1, 2), published(1, 2)), want: breaks},
		{name: "published an older one", steps: c(published(2, 2), published(1, 3)), want: breaks},
		{name: "updated to the same", steps: c(found(5, 5), updated(5, 5)), want: breaks},
		{name: "updated to an earlier run", steps: c(found(5, 5), updated(4, 9)), want: breaks},
		{name: "came back as it departed", steps: c(found(5, 5), departed(5, 7), found(5, 5)), want: breaks},
		{name: "came back with a later entry of the departed run", steps: c(found(5, 5), departed(5, 7), found(5, 9)), want: breaks},
		{name: "the departure of an earlier run ends a later one", steps: c(found(5, 5), departed(4, 9)), want: breaks},
		{name: "the own entry from outside", steps: c(entryOf(event.PeerUpdated, "c", 1, 1)), want: breaks},
	})
}

func TestConditionsAreToldRight(t *testing.T) {
	breaks := []string{"online"}
	later, seen := at(6*time.Second, p(syncOf(event.SyncStarted, "c", 1))), at(6*time.Second, c(syncOf(event.SyncStarted, "p", 1)))
	joined := c(consumer(event.ConsumerOpened), subscribing(1), subscribed(1), counting(1, consumer(event.ConsumerOnline)))
	up := p(opened(0), accepted(1, "c", 1, 1), online(1))
	run(t, []historyCase{
		{name: "alternating", steps: history(up, p(ended(1, "c", 0), offline(0), accepted(2, "c", 1, 1), online(1), ended(2, "c", 0), offline(0), closed()))},
		{name: "a consumer's", steps: c(consumer(event.ConsumerOpened), consumer(event.ConsumerOnline), consumer(event.ConsumerOffline), consumer(event.ConsumerOnline), consumer(event.ConsumerOffline), consumer(event.ConsumerClosed), consumer(event.ConsumerOpened), consumer(event.ConsumerOnline))},
		{name: "two consumers' cannot be told apart", steps: c(consumer(event.ConsumerOpened), consumer(event.ConsumerOpened), consumer(event.ConsumerOnline), consumer(event.ConsumerOnline))},
		{name: "online twice", steps: history(up, p(online(1))), want: breaks},
		{name: "drained while online", steps: history(up, p(draining(1, "c", wire.GracefulShutdown))), want: breaks},
		{name: "offline first", steps: p(opened(0), offline(0)), want: breaks},
		{name: "wrong number", steps: p(opened(0), online(1)), want: breaks},
		{name: "closed while online", steps: history(up, p(ended(1, "c", 0), closed())), want: breaks},
		{name: "online without anybody from the start", steps: history(p(opened(0), online(0), accepted(1, "c", 1, 1), ended(1, "c", 0)), later)},
		{name: "alone for a moment", steps: history(up, at(4*time.Second, p(ended(1, "c", 0))), at(5*time.Second, later), p(offline(0)))},
		{name: "alone for long", steps: history(up, p(ended(1, "c", 0)), later), want: breaks},
		{name: "alone for long after a drain", steps: history(up, p(draining(1, "c", wire.TooSlow)), later), want: breaks},
		{name: "a consumer that is told", steps: history(joined, c(unsubscribed(wire.ConnectionLost), consumer(event.ConsumerOffline)), seen)},
		{name: "a consumer that is online without anybody from the start", steps: history(c(consumer(event.ConsumerOpened), consumer(event.ConsumerOnline), subscribing(1), subscribed(1), unsubscribed(wire.ConnectionLost)), seen)},
		{name: "a consumer that is alone for a moment", steps: history(joined, at(4*time.Second, c(unsubscribed(wire.ConnectionLost))), at(5*time.Second, seen))},
		{name: "a consumer that is alone for long", steps: history(joined, c(unsubscribed(wire.ConnectionLost)), seen), want: breaks},
		{name: "a consumer counts wrong", steps: c(consumer(event.ConsumerOpened), subscribing(1), subscribed(1), counting(2, consumer(event.ConsumerOnline))), want: breaks},
		{name: "online after the close", steps: p(opened(0), closed(), online(0)), want: breaks},
		{name: "a consumer online twice", steps: c(consumer(event.ConsumerOpened), consumer(event.ConsumerOnline), consumer(event.ConsumerOnline)), want: breaks},
		{name: "a consumer online after its close", steps: c(consumer(event.ConsumerOpened), consumer(event.ConsumerClosed), consumer(event.ConsumerOnline)), want: breaks},
	})
}

func TestAnOrderlyEndLosesNothing(t *testing.T) {
	breaks := []string{"graceful"}
	const reason, late = wire.GracefulShutdown, wire.DrainTimeout
	shorter := invariants.Options{Drains: map[ident.StreamID]time.Duration{theStream: time.Second}}
	orderly := history(
		upTo(4), c(received(1, 4)), p(enqueued(1, "c", 5, 9)),
		at(10*time.Second, p(closing(), offline(1), draining(1, "c", reason))),
	)
	run(t, []historyCase{
		{name: "all written", steps: history(orderly, p(written(1, "c", 5, 9), because(reason, ended(1, "c", 0)), closed()))},
		{name: "cut at the deadline", steps: history(orderly, at(15*time.Second, p(inputDropped(10, 11, late), dropped(1, "c", 5, 9, late), because(late, ended(1, "c", 0)), closed())))},
		{name: "the consumer leaves", steps: history(orderly, p(dropped(1, "c", 5, 9, wire.Cancelled), because(wire.Cancelled, ended(1, "c", 0)), closed()))},
		{name: "a shorter drain", options: invariants.Options{DrainMax: time.Second}, steps: history(orderly, at(11*time.Second, p(dropped(1, "c", 5, 9, late), because(late, ended(1, "c", 0)), closed())))},
		{name: "a stream with a shorter drain", options: shorter, steps: history(
			orderly, at(11*time.Second, p(dropped(1, "c", 5, 9, late), because(late, ended(1, "c", 0)), closed())),
		)},
		{name: "the consumer leaves because the stream is withdrawn", steps: history(
			orderly, p(dropped(1, "c", 5, 9, wire.StreamNotFound), because(wire.StreamNotFound, ended(1, "c", 0)), closed()),
		), want: breaks},
		{name: "cut at the deadline as if all was written", steps: history(orderly, at(15*time.Second, p(dropped(1, "c", 5, 9, reason), because(reason, ended(1, "c", 0)), closed()))), want: breaks},
		{name: "input dropped as if all was written", steps: history(orderly, at(15*time.Second, p(inputDropped(10, 11, reason)))), want: breaks},
		{name: "dropped before the deadline", steps: history(orderly, at(14*time.Second, p(dropped(1, "c", 5, 9, late), because(late, ended(1, "c", 0))))), want: breaks},
		{name: "dropped at once", steps: history(orderly, p(dropped(1, "c", 5, 9, late))), want: breaks},
		{name: "input dropped before the deadline", steps: history(orderly, p(inputDropped(10, 11, late))), want: breaks},
		{name: "given back before the deadline", steps: history(orderly, p(written(1, "c", 5, 9), dropped(1, "c", 9, 9, wire.ConnectionLost), because(reason, ended(1, "c", 1)))), want: breaks},
		{name: "dropped while open", steps: history(upTo(4), p(enqueued(1, "c", 5, 9), dropped(1, "c", 5, 9, reason))), want: breaks},
		{name: "given up while open", steps: history(upTo(4), p(enqueued(1, "c", 5, 9), dropped(1, "c", 5, 9, late))), want: breaks},
	})
}

func TestCallbacksDoNotPanic(t *testing.T) {
	steps := c(event.Event{Kind: event.CallbackPanicked, Text: "require: boom"})
	run(t, []historyCase{
		{name: "unless they may", options: invariants.Options{CallbacksMayPanic: true}, steps: steps},
		{name: "a panic", steps: steps, want: []string{"panic"}},
		{name: "one that was ordered", options: invariants.Options{PanicsWith: "boom"}, steps: steps},
		{name: "another one", options: invariants.Options{PanicsWith: "bang"}, steps: steps, want: []string{"panic"}},
	})
}

func TestOfHonestNodesOnlyTheirWordIsBelieved(t *testing.T) {
	breaks := []string{"no-forgery"}
	published := p(entryOf(event.EntryPublished, "p", 1, 1), entryOf(event.EntryPublished, "p", 1, 3))
	found := func(s, u uint64) []step { return c(entryOf(event.PeerDiscovered, "p", s, u)) }
	departed := c(entryOf(event.PeerDeparted, "p", 1, 4))
	stopped := p(event.Event{Kind: event.NodeStopped})
	on := p(entryOf(event.EntryPublished, "p", 2, 5))
	forgotten := entryOf(event.PeerDeparted, "p", 1, 3)
	forgotten.Reason = wire.IdleTimeout
	run(t, []historyCase{
		{name: "what it published", steps: history(published, found(1, 1), c(entryOf(event.PeerUpdated, "p", 1, 3), entryOf(event.PeerHidden, "p", 1, 3), entryOf(event.PeerReturned, "p", 1, 3)))},
		{name: "what it published in a former life", steps: history(published, world(crashed("p"), restarted("p")), again(on), found(1, 3))},
		{name: "it left", steps: history(published, found(1, 3), departed, stopped)},
		{name: "it left and came back", steps: history(published, found(1, 3), departed, stopped, again(on))},
		{name: "it left and crashed", steps: history(published, found(1, 3), departed, world(crashed("p"), restarted("p")), again(on))},
		{name: "its former life left", steps: history(published, stopped, again(on), found(1, 3), departed, again(p(entryOf(event.EntryPublished, "p", 2, 6))))},
		{name: "forgotten", steps: history(published, found(1, 3), c(forgotten))},
		{name: "a stranger's", steps: history(published, c(entryOf(event.PeerDiscovered, "d", 9, 9)))},
		{name: "a liar's", options: invariants.Options{Byzantine: []string{"p"}}, steps: history(published, found(1, 2))},
		{name: "on trust", steps: history(published, c(entryOf(event.PeerDeparted, "p", 0, 0)))},
		{name: "what it did not publish", steps: history(published, found(1, 2)), want: breaks},
		{name: "what it publishes later", steps: history(published, found(2, 5), on), want: breaks},
		{name: "hidden as it never was", steps: history(published, found(1, 1), c(entryOf(event.PeerUpdated, "p", 1, 2), entryOf(event.PeerHidden, "p", 1, 2))), want: breaks},
		{name: "a run that never began ended", steps: history(published, found(1, 3), c(entryOf(event.PeerDeparted, "p", 2, 2))), want: breaks},
		{name: "it did not leave", steps: history(published, found(1, 3), departed, on), want: breaks},
	})
}

func TestLiarsAloneRemoveNobody(t *testing.T) {
	breaks := []string{"no-eviction"}
	began := func(text string) event.Event { return event.Event{Kind: event.FaultBegan, Text: text} }
	ended := func(text string) event.Event { return event.Event{Kind: event.FaultEnded, Text: text} }
	runs := history(p(event.Event{Kind: event.NodeStarted}), world(began("accuse x 3")))
	hides := c(entryOf(event.PeerDiscovered, "p", 1, 1), entryOf(event.PeerHidden, "p", 1, 1))
	other := world(began("partition a | b"), ended("partition a | b"))
	run(t, []historyCase{
		{name: "it stopped", steps: history(runs, p(event.Event{Kind: event.NodeStopped}), hides)},
		{name: "it crashed", steps: history(runs, world(crashed("p")), at(2*time.Minute, hides))},
		{name: "there is another fault", steps: history(runs, at(2*time.Minute, other[:1]), at(5*time.Minute, hides))},
		{name: "there was one a moment ago", steps: history(runs, at(2*time.Minute, other), at(3*time.Minute-time.Second, hides))},
		{name: "somebody else crashed a moment ago", steps: history(runs, at(2*time.Minute, world(crashed("x"))), hides)},
		{name: "a liar", options: invariants.Options{Byzantine: []string{"p"}}, steps: history(runs, hides)},
		{name: "a stranger", steps: history(runs, c(entryOf(event.PeerDiscovered, "d", 1, 1), entryOf(event.PeerHidden, "d", 1, 1)))},
		{name: "at the end", steps: history(runs, at(time.Minute, hides)), settle: time.Second},
		{name: "a liar's eyes", options: invariants.Options{Byzantine: []string{"c"}}, steps: history(runs, hides)},
		{name: "for nothing", steps: history(runs, hides), want: breaks},
		{name: "long after another fault", steps: history(runs, at(2*time.Minute, other), at(4*time.Minute, hides)), want: breaks},
	})
}

func TestNobodyAimsTheNetworkAtAnAddress(t *testing.T) {
	breaks := []string{"no-lure"}
	o := invariants.Options{Addrs: map[string]string{"here": "p"}}
	dial := func(peer, addr string) event.Event {
		return event.Event{Kind: event.Dialling, Peer: nodeOf(peer), Text: addr}
	}
	runs := p(event.Event{Kind: event.NodeStarted})
	many := func(n int, e event.Event) (list []step) {
		for range n {
			list = append(list, c(e)...)
		}
		return list
	}
	run(t, []historyCase{ // two lives, so twenty-four at once
		{name: "for itself", options: o, steps: history(runs, many(50, dial("p", "here")))},
		{name: "elsewhere", options: o, steps: history(runs, many(50, dial("x", "there")))},
		{name: "at once", options: o, steps: history(runs, many(24, dial("x", "here")))},
		{name: "again after a while", options: o, steps: history(runs, many(24, dial("x", "here")), at(12*time.Second+40*time.Millisecond, many(24, dial("y", "here"))))},
		{name: "by a liar", options: invariants.Options{Addrs: o.Addrs, Byzantine: []string{"c"}}, steps: history(runs, many(50, dial("x", "here")))},
		{name: "a liar's", options: invariants.Options{Addrs: o.Addrs, Byzantine: []string{"p"}}, steps: history(runs, many(50, dial("x", "here")))},
		{name: "nobody knows who lives there", steps: history(runs, many(50, dial("x", "here")))},
		{name: "too often", options: o, steps: history(runs, many(25, dial("x", "here"))), want: breaks},
		{name: "too often for several", options: o, steps: history(runs, many(13, dial("x", "here")), many(12, dial("y", "here"))), want: breaks},
	})
}

package invariants_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// patient is a consumer that waits between 1 and 10 s.
func patient() event.Event {
	e := consumer(event.ConsumerOpened)
	e.From, e.To = uint64(time.Second), uint64(10*time.Second)
	return e
}

func retrying(r wire.Reason, d time.Duration) event.Event {
	return consuming(event.Retrying, event.Event{Reason: r, N: int64(d)})
}

// lost is the end of a subscription that existed.
func lost(r wire.Reason) event.Event { return counting(1, unsubscribed(r)) }

func TestConsumersAreNeitherImpatientNorLazy(t *testing.T) {
	breaks := []string{"retries"}
	refused := c(patient(), subscribing(1), unsubscribed(wire.NotAllowed))
	held := history(p(opened(0)), c(patient(), subscribing(1)), p(accepted(1, "c", 1, 1)), c(subscribed(1)))
	slow := func(d time.Duration) []step { return c(lost(wire.TooSlow), retrying(wire.TooSlow, d)) }
	anew := history(
		p(draining(1, "c", wire.TooSlow), because(wire.TooSlow, ended(1, "c", 0)), accepted(2, "c", 1, 1)),
		c(subscribing(2), subscribed(2)),
	)
	news := subscribing(2)
	news.From = 1
	run(t, []historyCase{
		{name: "refused for good", steps: history(refused, c(retrying(wire.NotAllowed, 5*time.Second)))},
		{name: "not there", steps: c(patient(), subscribing(1), unsubscribed(wire.DialFailed), retrying(wire.DialFailed, time.Millisecond))},
		{name: "it did not hold", steps: history(held, at(9*time.Second, c(lost(wire.ConnectionLost), retrying(wire.ConnectionLost, 8*time.Second))))},
		{name: "it held", steps: history(held, at(time.Minute, c(lost(wire.ConnectionLost), retrying(wire.ConnectionLost, time.Second))))},
		{name: "too slow again", steps: history(
			held, at(time.Minute, slow(time.Second)), at(2*time.Minute, anew), at(3*time.Minute, slow(2*time.Second)),
		)},
		{name: "too slow once, and too late", steps: history(held, at(time.Minute, slow(time.Second+1))), want: breaks},
		{name: "news", steps: history(refused, c(retrying(wire.NotAllowed, 5*time.Second), news))},
		{name: "when it is due", steps: history(at(time.Second, refused), c(retrying(wire.NotAllowed, 5*time.Second)), at(time.Second+5*time.Second+3*time.Millisecond, c(subscribing(2))))},
		{name: "too soon after a verdict", steps: history(refused, c(retrying(wire.NotAllowed, 5*time.Second-1))), want: breaks},
		{name: "too late after it held", steps: history(held, at(time.Minute, c(lost(wire.ConnectionLost), retrying(wire.ConnectionLost, time.Second+1)))), want: breaks},
		{name: "sooner than it said", steps: history(refused, c(retrying(wire.NotAllowed, 5*time.Second)), at(3*time.Second, c(subscribing(2)))), want: breaks},
	})
}

func TestWhatBeginsEnds(t *testing.T) {
	breaks := []string{"ends"}
	numbered := func(k event.Kind, n uint64) event.Event {
		return event.Event{Kind: k, Peer: nodeOf("c"), From: n, Reason: wire.Finished}
	}
	ticks := func(from, to time.Duration) (steps []step) {
		for d := from; d <= to; d += time.Second {
			steps = append(steps, at(d, p(numbered(event.HandshakeBegan, uint64(d)), numbered(event.HandshakeEnded, uint64(d))))...)
		}
		return steps
	}
	began := p(numbered(event.HandshakeBegan, 1))
	cut := history(p(opened(0), accepted(1, "c", 1, 1), draining(1, "c", wire.TooSlow)))
	drain := history(p(opened(0), accepted(1, "c", 1, 1), draining(1, "c", wire.GracefulShutdown)))
	over := history(ticks(time.Second, 8*time.Second), at(8*time.Second, p(ended(1, "c", 0))), ticks(9*time.Second, 60*time.Second))
	run(t, []historyCase{
		{name: "in time", steps: history(began, at(4*time.Second, p(numbered(event.HandshakeEnded, 1))), ticks(5*time.Second, 40*time.Second))},
		{name: "a host that was paused", steps: history(began, at(time.Minute, p(numbered(event.HandshakeEnded, 1))), ticks(61*time.Second, 90*time.Second))},
		{name: "a host that crashed", steps: history(began, world(crashed("p")), again(ticks(time.Second, 40*time.Second)))},
		{name: "a cut", steps: history(cut, at(time.Second, p(ended(1, "c", 0))), ticks(2*time.Second, 60*time.Second))},
		{name: "a drain takes longer than a cut", steps: history(drain, over)},
		{name: "a cut on a host that is slow", steps: history(world(event.Event{Kind: event.FaultBegan, Text: "busy p 1ms"}), cut, over)},
		{name: "an exchange that the peer asked for", steps: history(p(numbered(event.SyncStarted, 1)), ticks(time.Second, 2*time.Minute))},
		{name: "a handshake does not", steps: history(began, ticks(time.Second, 40*time.Second)), want: breaks},
		{name: "a cut takes as long as a drain", steps: history(cut, over), want: breaks},
		{name: "a drain does not", steps: history(drain, ticks(time.Second, 60*time.Second)), want: breaks},
		{name: "a cut does not", steps: history(cut, ticks(time.Second, 60*time.Second)), want: breaks},
		{name: "an exchange does not", steps: history(p(numbered(event.SyncStarted, 0)), ticks(time.Second, 2*time.Minute)), want: breaks},
		{name: "an attempt does not", steps: history(p(subscribing(1)), ticks(time.Second, 60*time.Second)), want: breaks},
	})
}

func TestWhateverEndsSaysWhy(t *testing.T) {
	run(t, []historyCase{
		{name: "it does", steps: c(subscribing(1), unsubscribed(wire.DialFailed))},
		{name: "it does not", steps: c(subscribing(1), unsubscribed(wire.None)), want: []string{"reasons"}},
	})
}

func TestEntriesFromTheFutureAreNotTaken(t *testing.T) {
	ms := uint64(invariants.DefaultMaxDrift.Milliseconds())
	hides := history(c(entryOf(event.PeerDiscovered, "d", 1, ms+1)), c(entryOf(event.PeerHidden, "d", 1, ms+1)))
	returns := func(updated uint64) []step { // by a clock that was stepped back
		e := entryOf(event.PeerReturned, "d", 1, updated)
		e.Wall = 1
		return c(e)
	}
	run(t, []historyCase{ // the second step is at 2 ms
		{name: "taken before the clock was wrong", steps: history(hides, returns(ms+1))},
		{name: "another one, taken after", steps: history(hides, returns(ms+2)), want: []string{"no-future"}},
		{name: "as far as allowed", steps: c(entryOf(event.PeerDiscovered, "d", 1, 1), entryOf(event.PeerUpdated, "d", 1, ms+2))},
		{name: "further", steps: c(entryOf(event.PeerDiscovered, "d", 1, 1), entryOf(event.PeerUpdated, "d", 1, ms+3)), want: []string{"no-future"}},
	})
}

func TestOneExchangeWithAPeerAtATime(t *testing.T) {
	breaks := []string{"single-flight"}
	sync := func(k event.Kind, peer string, asked uint64) event.Event {
		return event.Event{Kind: k, Peer: nodeOf(peer), From: asked, Reason: wire.Finished}
	}
	start, end := sync(event.SyncStarted, "d", 0), sync(event.SyncEnded, "d", 0)
	run(t, []historyCase{
		{name: "one after the other", steps: c(start, end, start, end)},
		{name: "with two peers", steps: c(start, sync(event.SyncStarted, "e", 0), end)},
		{name: "one that the peer asked for", steps: c(start, sync(event.SyncStarted, "d", 1), end)},
		{name: "in another life", steps: history(c(start), world(crashed("c")), again(c(start, end)))},
		{name: "two", steps: c(start, start), want: breaks},
		{name: "an end of none", steps: c(end), want: breaks},
	})
}

func TestQueuesHaveBounds(t *testing.T) {
	open := opened(0)
	open.From = 3
	full := p(open, accepted(1, "c", 1, 1), enqueued(1, "c", 1, 3))
	over := p(open, accepted(1, "c", 1, 1), enqueued(1, "c", 1, 4))
	run(t, []historyCase{
		{name: "full", steps: history(full, p(written(1, "c", 1, 1), enqueued(1, "c", 4, 4), enqueued(1, "c", 5, 5)))},
		{name: "more is dropped at once", steps: history(over, p(dropped(1, "c", 4, 4, wire.Lagged), enqueued(1, "c", 5, 5)))},
		{name: "more", steps: history(over, p(enqueued(1, "c", 5, 5))), want: []string{"bounded"}},
	})
}

func TestNothingWaitsWithoutAReason(t *testing.T) {
	const soon, late = 1400 * time.Millisecond, 1600 * time.Millisecond
	breaks := []string{"prompt"}
	sent := at(time.Second, p(appSent(1, 1), appSent(2, 1)))
	idle := history(p(opened(0), accepted(1, "c", 1, 1)), sent, at(time.Second, p(enqueued(1, "c", 1, 1), written(1, "c", 1, 1))))
	first := func(d time.Duration, x event.Event) []step { return history(idle, at(d, p(x))) }
	slow := func(k event.Kind, text string) []step { return world(event.Event{Kind: k, Text: text}) }
	run(t, []historyCase{
		{name: "soon", steps: first(soon, enqueued(1, "c", 2, 2))},
		{name: "the first was still in the queue", steps: history(
			p(opened(0), accepted(1, "c", 1, 1)), sent, at(time.Second, p(enqueued(1, "c", 1, 1))), at(late, p(written(1, "c", 1, 1), enqueued(1, "c", 2, 2))))},
		{name: "nobody was subscribed", steps: history(p(opened(0)), sent, at(late, p(accepted(1, "c", 1, 1), enqueued(1, "c", 1, 2))))},
		{name: "the host stood still", steps: history(
			idle, at(time.Second, slow(event.FaultBegan, "pause p")), at(late, slow(event.FaultEnded, "pause p")), at(late, p(enqueued(1, "c", 2, 2))))},
		{name: "another host stood still", steps: history(
			idle, at(time.Second, slow(event.FaultBegan, "pause d")), at(late, slow(event.FaultEnded, "pause d")), at(late, p(enqueued(1, "c", 2, 2)))), want: breaks},
		{name: "another fault is no reason", steps: history(
			idle, at(time.Second, slow(event.FaultBegan, "crash d")), at(late, slow(event.FaultEnded, "crash d")), at(late, p(enqueued(1, "c", 2, 2)))), want: breaks},
		{name: "late", steps: first(late, enqueued(1, "c", 2, 2)), want: breaks},
		{name: "late, and nobody wants it", steps: history(
			p(opened(0), picky(accepted(1, "c", 1, 1))), sent, at(late, p(unmatched(1, 2)))), want: breaks},
	})
}

func TestOnePeerHasNoMoreThanItMay(t *testing.T) {
	open := opened(0)
	open.To = 1
	run(t, []historyCase{
		{name: "two peers", steps: p(open, accepted(1, "c", 1, 1), accepted(2, "d", 1, 2))},
		{name: "one after the other", steps: p(open, accepted(1, "c", 1, 1), ended(1, "c", 0), accepted(2, "c", 1, 1))},
		{name: "two at once", steps: p(open, accepted(1, "c", 1, 1), accepted(2, "c", 1, 2)), want: []string{"capacity"}},
	})
}

func TestWhoHasNoRightIsNotLetIn(t *testing.T) {
	never := invariants.Options{Never: []invariants.Pair{{Consumer: "c", Producer: "p", Stream: theStream}}}
	in := history(c(consumer(event.ConsumerOpened), subscribing(1)), p(opened(0), accepted(1, "c", 1, 1)), c(subscribed(1)))
	run(t, []historyCase{
		{name: "somebody else", options: never, steps: p(opened(0), accepted(1, "d", 1, 1))},
		{name: "ever", options: never, steps: in, want: []string{"barred"}},
	})
}

func TestWhoIsTooFarAwayGetsNothing(t *testing.T) {
	breaks := []string{"near"}
	const ms = time.Millisecond
	limits := invariants.Options{RTTBelow: map[invariants.Side]time.Duration{{Host: "p", Stream: theStream}: 8 * ms, {Host: "c", Stream: theStream, Consumer: true}: 8 * ms}}
	up := func(host, peer string) []step {
		return on(host, event.Event{Kind: event.SessionUp, Peer: nodeOf(peer)})
	}
	took := func(host, peer string, d time.Duration) []step {
		return on(host, event.Event{Kind: event.SessionMeasured, Peer: nodeOf(peer), N: int64(d)})
	}
	sees := func(when, d time.Duration) []step { return at(when, took("p", "c", d)) }
	in := history(p(opened(0)), up("p", "c"), took("p", "c", 5*ms), p(accepted(1, "c", 1, 1)))
	gives := func(d time.Duration, seq uint64) []step { return at(d, p(enqueued(1, "c", seq, seq))) }
	tries := history(up("c", "p"), c(consumer(event.ConsumerOpened), subscribing(1)))
	joins, gets := c(subscribed(1)), func(d time.Duration) []step { return at(d, c(received(1, 1))) }
	calm := world(quiesced())
	run(t, []historyCase{
		{name: "near", options: limits, steps: history(in, gives(time.Second, 1), sees(2*time.Second, 6*ms), gives(3*time.Second, 2))},
		{name: "no limit", steps: history(p(opened(0)), up("p", "c"), p(accepted(1, "c", 1, 1)), gives(time.Hour, 1))},
		{name: "far once", options: limits, steps: history(in, sees(time.Second, 20*ms), gives(8*time.Second, 1))},
		{name: "far for a moment", options: limits, steps: history(in, sees(time.Second, 20*ms), sees(2*time.Second, 20*ms), gives(3*time.Second, 1))},
		{name: "far twice, the second time just now", options: limits, steps: history(in, sees(time.Second, 20*ms), sees(10*time.Second, 20*ms), gives(11*time.Second, 1))},
		{name: "near in between", options: limits, steps: history(in, sees(time.Second, 20*ms), sees(4*time.Second, 10*ms), sees(6*time.Second, 20*ms), sees(7*time.Second, 20*ms), gives(9*time.Second, 1))},
		{name: "not measured again, where something is wrong", options: limits, steps: history(in, gives(time.Minute, 1))},
		{name: "far for the consumer that leaves", options: limits, steps: history(tries, took("c", "p", 5*ms), joins, gets(time.Second))},
		{name: "far for a while", options: limits, steps: history(in, sees(time.Second, 20*ms), sees(4*time.Second, 20*ms), gives(11*time.Second, 1)), want: breaks},
		{name: "measured no more", options: limits, steps: history(calm, in, sees(10*time.Second, 5*ms), gives(20*time.Second, 1)), want: breaks},
		{name: "not measured", options: limits, steps: history(p(opened(0)), up("p", "c"), p(accepted(1, "c", 1, 1))), want: breaks},
		{name: "not measured after a reconnect", options: limits, steps: history(in, p(ended(1, "c", 0)), up("p", "c"), p(accepted(2, "c", 1, 1))), want: breaks},
		{name: "at the limit", options: limits, steps: history(p(opened(0)), up("p", "c"), took("p", "c", 8*ms), p(accepted(1, "c", 1, 1))), want: breaks},
		{name: "far now", options: limits, steps: history(p(opened(0)), up("p", "c"), took("p", "c", 5*ms), took("p", "c", 9*ms), p(accepted(1, "c", 1, 1))), want: breaks},
		{name: "not measured by the consumer", options: limits, steps: history(tries, joins), want: breaks},
		{name: "far for the consumer", options: limits, steps: history(tries, took("c", "p", 9*ms), joins), want: breaks},
		{name: "far for the consumer for a while", options: limits, steps: history(tries, took("c", "p", 5*ms), joins, at(time.Second, took("c", "p", 20*ms)), at(3*time.Second, took("c", "p", 20*ms)), gets(10*time.Second)), want: breaks},
	})
}

func TestATicketIsWorthWhatItsIssuerSaid(t *testing.T) {
	breaks := []string{"rights"}
	issued := func(issuer int64, from, to time.Duration) []step {
		return world(event.Event{Kind: event.AppIssued, Peer: nodeOf("c"), N: issuer, From: uint64(from), To: uint64(to)})
	}
	demands := func(list ...invariants.Demand) invariants.Options {
		for i := range list {
			list[i].Stream = theStream
		}
		return invariants.Options{Demands: list}
	}
	one, both := demands(invariants.Demand{Issuer: 1}), demands(invariants.Demand{Issuer: 1}, invariants.Demand{Issuer: 2})
	aged := demands(invariants.Demand{Issuer: 1, MaxAge: time.Second, Leeway: time.Millisecond})
	in := p(opened(0), accepted(1, "c", 1, 1))
	gives := func(d time.Duration) []step { return at(d, p(enqueued(1, "c", 1, 1))) }
	run(t, []historyCase{
		{name: "within its time", options: one, steps: history(issued(1, 0, time.Second), in, gives(time.Second-1))},
		{name: "of two one is valid", options: one, steps: history(issued(1, 0, time.Second), issued(1, 0, time.Minute), in, gives(2*time.Second))},
		{name: "for ever", options: one, steps: history(issued(1, 0, 0), in, gives(time.Hour))},
		{name: "of both issuers", options: both, steps: history(issued(1, 0, time.Second), issued(2, 0, time.Second), in)},
		{name: "young enough, by the leeway", options: aged, steps: history(issued(1, 0, time.Minute), in, gives(time.Second+time.Millisecond-1))},
		{name: "at its end", options: one, steps: history(issued(1, 0, time.Second), in, gives(time.Second)), want: breaks},
		{name: "before it begins", options: one, steps: history(issued(1, time.Minute, time.Hour), in), want: breaks},
		{name: "of another issuer", options: one, steps: history(issued(2, 0, time.Second), in), want: breaks},
		{name: "of one issuer of two", options: both, steps: history(issued(1, 0, time.Second), in), want: breaks},
		{name: "too old", options: aged, steps: history(issued(1, 0, time.Minute), in, gives(time.Second+time.Millisecond)), want: breaks},
	})
}

func TestAProducersTicketIsWorthWhatItsIssuerSaid(t *testing.T) {
	breaks := []string{"rights"}
	o := invariants.Options{Demands: []invariants.Demand{{Stream: theStream, Issuer: 1, Mutual: true}}}
	issued := func(to time.Duration) []step {
		return history(world(event.Event{Kind: event.AppIssued, Peer: nodeOf("c"), N: 1}), world(event.Event{Kind: event.AppIssued, Peer: nodeOf("p"), N: 1, To: uint64(to)}))
	}
	in := history(upTo(9))
	takes := func(d time.Duration) []step { return at(d, c(received(1, 9))) }
	step := func(d time.Duration) []step {
		return at(d, world(event.Event{Kind: event.ClockStepped, Text: "c", N: 1}))
	}
	busy := at(2*time.Second, world(event.Event{Kind: event.FaultBegan, Text: "busy c 1ms"}))
	run(t, []historyCase{
		{name: "within its time", options: o, steps: history(issued(time.Second), in, takes(time.Second-1))},
		{name: "its timer is late", options: o, steps: history(issued(time.Second), in, takes(1200*time.Millisecond-1))},
		{name: "producers need none", options: invariants.Options{Demands: []invariants.Demand{{Stream: theStream, Issuer: 1}}}, steps: history(issued(time.Second), in, takes(time.Minute))},
		{name: "the clock was stepped over its end", options: o, steps: history(issued(time.Second), in, step(10*time.Second), takes(12*time.Second))},
		{name: "the consumer is slow", options: o, steps: history(issued(time.Second), in, busy, takes(time.Minute))},
		{name: "long after", options: o, steps: history(issued(time.Second), in, takes(1200*time.Millisecond)), want: breaks},
		{name: "long after the clock was stepped", options: o, steps: history(issued(time.Second), in, step(10*time.Second), takes(12*time.Second+1)), want: breaks},
		{name: "it has none", options: o, steps: history(in, takes(time.Second)), want: breaks},
	})
}

func TestWhoLeftTheCatalogIsServedNoMore(t *testing.T) {
	breaks := []string{"members"}
	in := p(entryOf(event.PeerDiscovered, "c", 1, 1), opened(0), accepted(1, "c", 1, 1))
	left := p(entryOf(event.PeerHidden, "c", 1, 1))
	gives := func(d time.Duration) []step { return at(d, p(enqueued(1, "c", 1, 1))) }
	run(t, []historyCase{
		{name: "while it is there", steps: history(in, gives(time.Minute))},
		{name: "before the producer heard", steps: history(in, left, gives(2*time.Second))},
		{name: "it is back", steps: history(in, left, p(entryOf(event.PeerReturned, "c", 1, 2)), gives(time.Minute))},
		{name: "on purpose", options: invariants.Options{KeepDeparted: true}, steps: history(in, left, gives(time.Minute))},
		{name: "long after", steps: history(in, left, gives(time.Minute)), want: breaks},
	})
}

func TestATicketThatLastsIsHonoured(t *testing.T) {
	breaks := []string{"rights"}
	o := invariants.Options{Demands: []invariants.Demand{{Stream: theStream, Issuer: 1}}}
	ticket := func(who string, to time.Duration) []step {
		return world(event.Event{Kind: event.AppIssued, Peer: nodeOf("c"), N: 1, To: uint64(to), Text: who})
	}
	says := func(n uint64) event.Event { return event.Event{Kind: event.EntryPublished, From: 1, To: n} }
	// It has one for 30 s, then one for a minute.
	old := history(ticket("", 30*time.Second), c(says(1)), p(entryOf(event.PeerDiscovered, "c", 1, 1), opened(0), accepted(1, "c", 1, 1)))
	renewed := history(ticket("", time.Minute), c(says(2)))
	heard := p(entryOf(event.PeerUpdated, "c", 1, 2))
	cut := at(30*time.Second, p(draining(1, "c", wire.Expired)))
	run(t, []historyCase{
		{name: "it ended", options: o, steps: history(old, cut)},
		{name: "the producer did not hear of another", options: o, steps: history(old, renewed, cut)},
		{name: "it heard a moment ago", options: o, steps: history(old, renewed, at(29*time.Second, heard), cut)},
		{name: "somebody else got it", options: o, steps: history(old, ticket("d", time.Minute), c(says(2)), heard, cut)},
		{name: "for another reason", options: o, steps: history(old, renewed, heard, at(30*time.Second, p(draining(1, "c", wire.Revoked))))},
		{name: "the producer knows another", options: o, steps: history(old, renewed, heard, cut), want: breaks},
	})
}

func TestApplicationsGoOnSending(t *testing.T) {
	pair := invariants.Pair{Consumer: "c", Producer: "p", Stream: theStream}
	o := invariants.Options{Expect: []invariants.Pair{pair}, Reconnect: time.Minute, Flow: 10 * time.Second, Sends: 10 * time.Second}
	up := history(p(opened(0)), c(consumer(event.ConsumerOpened), subscribing(1)), p(accepted(1, "c", 1, 1)), c(subscribed(1)), world(quiesced()))
	sends := at(115*time.Second, history(p(appSent(1, 1)), c(appReceived(1, 1, 1)), p(progressed(1, "c", 1))))
	run(t, []historyCase{
		{name: "it does", options: o, steps: history(up, sends), finish: 2 * time.Minute},
		{name: "it is not said how often", options: invariants.Options{Expect: o.Expect, Reconnect: o.Reconnect, Flow: o.Flow}, steps: up, finish: 2 * time.Minute},
		{name: "it does not", options: o, steps: up, finish: 2 * time.Minute, want: []string{"flow"}},
	})
}

func TestAConsumerHasOneSubscriptionToEachProducer(t *testing.T) {
	o := invariants.Options{Expect: []invariants.Pair{{Consumer: "c", Producer: "p", Stream: theStream}}, Reconnect: time.Minute}
	up := history(p(opened(0)), c(consumer(event.ConsumerOpened), subscribing(1)), p(accepted(1, "c", 1, 1)), c(subscribed(1)))
	again := p(accepted(2, "c", 1, 2))
	run(t, []historyCase{
		{name: "one", options: o, steps: history(up, world(quiesced())), finish: 2 * time.Minute},
		{name: "two for a while", options: o, steps: history(up, again, p(ended(1, "c", 0)), world(quiesced())), finish: 2 * time.Minute},
		{name: "two", options: o, steps: history(up, again, world(quiesced())), finish: 2 * time.Minute, want: []string{"reconnect"}},
	})
}

func TestAPeerThatStopsEndsItsSubscriptionsInOrder(t *testing.T) {
	lost := history(queued(3), p(dropped(1, "c", 1, 3, wire.GracefulShutdown)))
	stops := c(event.Event{Kind: event.NodeStopped})
	run(t, []historyCase{
		{name: "it stops", steps: history(lost, stops)},
		{name: "a liar", options: invariants.Options{Byzantine: []string{"c"}}, steps: lost},
		{name: "another stops", steps: history(lost, on("d", event.Event{Kind: event.NodeStopped})), finish: time.Hour, want: []string{"graceful"}},
		{name: "it stops much later", steps: history(lost, at(time.Minute, stops)), finish: time.Hour, want: []string{"graceful"}},
		{name: "it does not", steps: lost, finish: time.Hour, want: []string{"graceful"}},
	})
}

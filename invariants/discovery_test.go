package invariants_test

import (
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// syncOf is one side of an exchange with a peer: that which asked for it, or not.
func syncOf(k event.Kind, peer string, answers uint64) event.Event {
	e := event.Event{Kind: k, Peer: nodeOf(peer), From: answers}
	if k == event.SyncEnded {
		e.Reason = wire.Finished
	}
	return e
}

func TestAnExchangeLeavesNothingOut(t *testing.T) {
	breaks := []string{"exchanged"}
	publish := history(
		on("c", entryOf(event.EntryPublished, "c", 1, 1)), on("p", entryOf(event.EntryPublished, "p", 1, 1)), on("x", entryOf(event.EntryPublished, "x", 1, 1)),
	)
	knows := func(host string) []step { return on(host, entryOf(event.PeerDiscovered, "x", 1, 1)) }
	left := entryOf(event.PeerDeparted, "x", 1, 1)
	anew := history(world(crashed("x"), restarted("x")), again(on("x", entryOf(event.EntryPublished, "x", 2, 2))))
	both, gone := history(publish, knows("c"), knows("p")), history(on("x", event.Event{Kind: event.NodeStopped}), p(left))
	asks, answers := c(syncOf(event.SyncStarted, "p", 0)), p(syncOf(event.SyncStarted, "c", 1))
	asked, answered := c(syncOf(event.SyncEnded, "p", 0)), p(syncOf(event.SyncEnded, "c", 1))
	failed := c(because(wire.ConnectionLost, syncOf(event.SyncEnded, "p", 0)))
	slowly := c(counting(int64(10*time.Second), syncOf(event.SyncStarted, "p", 0)))
	begins := history(asks, answers)
	refused := c(event.Event{Kind: event.EntryRefused, Peer: nodeOf("x")})
	ms := uint64(invariants.DefaultMaxDrift.Milliseconds()) + 1000
	ahead := history(on("c", entryOf(event.EntryPublished, "c", 1, 1)), on("p", entryOf(event.EntryPublished, "p", 1, 1)),
		on("x", entryOf(event.EntryPublished, "x", 1, ms)), at(2*time.Second, p(entryOf(event.PeerDiscovered, "x", 1, ms))))
	fast := entryOf(event.PeerDiscovered, "x", 1, ms+1500) // by a clock that is
	fast.Wall = int64(time.Hour)
	nearly := history(ahead[:2], on("x", entryOf(event.EntryPublished, "x", 1, ms+1500)), at(2*time.Second, p(fast)))
	past := func(steps []step) []step {
		steps = slices.Clone(steps)
		steps[0].event.Wall = 1
		return steps
	}
	stepped := func(back time.Duration) []step { // the clock of c goes back, and forth
		e := syncOf(event.SyncStarted, "p", 0)
		e.Wall = 1
		return history(on("c", e), answers, world(event.Event{Kind: event.ClockStepped, Text: "c", N: int64(back)}))
	}
	run(t, []historyCase{
		{name: "told to who asked", steps: history(publish, knows("p"), begins, knows("c"), asked, answered)},
		{name: "told by who asked", steps: history(publish, knows("c"), at(20*time.Second, begins), knows("p"), asked, answered)},
		{name: "it was cut short", steps: history(publish, knows("p"), begins, failed)},
		{name: "found while it was under way", steps: history(publish, begins, knows("p"), asked, answered)},
		{name: "found while the link opened", steps: history(publish, at(time.Second, knows("c")), at(2*time.Second, history(slowly, answers)), asked, answered)},
		{name: "gone while it was under way", steps: history(publish, knows("p"), begins, p(entryOf(event.PeerHidden, "x", 1, 1)), asked)},
		{name: "gone for a moment meanwhile", steps: history(
			publish, at(time.Second, knows("p")),
			at(2*time.Second, history(begins, p(entryOf(event.PeerHidden, "x", 1, 1)))),
			at(3*time.Second, p(entryOf(event.PeerReturned, "x", 1, 1))), asked,
		)},
		{name: "refused", steps: history(publish, knows("p"), begins, refused, asked)},
		{name: "known to have left", steps: history(publish, knows("c"), c(entryOf(event.PeerDeparted, "x", 1, 1)), knows("p"), begins, asked)},
		{name: "of a node that is down", steps: history(publish, knows("p"), begins, world(crashed("x")), asked)},
		{name: "of a node that did not publish it", steps: history(publish[:2], knows("p"), begins, asked)},
		{name: "from the future", steps: history(ahead, begins, past(asked))},
		{name: "from the future when it began", steps: history(nearly, begins, at(3*time.Second, asked))},
		{name: "a clock that was wrong until then", steps: history(ahead, stepped(time.Minute), at(3*time.Second, asked))},
		{name: "two at once cannot be told apart", steps: history(publish, knows("p"), begins, answers, asked)},
		{name: "the end of one that the other side did not see", steps: history(publish, begins, asked, at(20*time.Second, knows("c")), at(40*time.Second, asks), answered)},
		{name: "an end that is of the one before", steps: history(publish, begins, asked, at(20*time.Second, knows("c")), at(40*time.Second, begins), answered)},
		{name: "after the one before was over", steps: history(publish, begins, asked, answered, at(20*time.Second, knows("c")), at(40*time.Second, begins), asked, answered), want: breaks},
		{name: "with another node", steps: history(publish, knows("p"), begins, on("x", syncOf(event.SyncStarted, "c", 1)), c(syncOf(event.SyncStarted, "x", 0), syncOf(event.SyncEnded, "x", 0)))},
		{name: "who left is told to who asked", steps: history(both, gone, begins, c(left), asked)},
		{name: "who left is known as a later run", steps: history(both, gone, anew, c(entryOf(event.PeerUpdated, "x", 2, 2)), begins, asked)},
		{name: "who left was found while the link opened", steps: history(publish, knows("p"), gone, knows("c"), at(time.Second, c(counting(int64(time.Second), syncOf(event.SyncStarted, "p", 0)))), answers, asked)},
		{name: "who left is forgotten", options: invariants.Options{TombstoneTTL: time.Second}, steps: history(both, gone, at(time.Second, begins), asked)},
		{name: "who left is found again when that is forgotten, and believed dead", options: invariants.Options{TombstoneTTL: time.Second}, steps: history(both, gone, at(2*time.Second, knows("p")), at(5*time.Second, p(entryOf(event.PeerHidden, "x", 1, 1))), at(5100*time.Millisecond, begins), asked)},
		{name: "who left came back meanwhile", steps: history(both, gone, begins, anew, p(entryOf(event.PeerDiscovered, "x", 2, 2)), asked)},
		{name: "who left is refused", steps: history(both, gone, begins, refused, asked)},
		{name: "who came back is not told to who knew that it left", steps: history(both, on("x", event.Event{Kind: event.NodeStopped}), c(left), anew, p(entryOf(event.PeerUpdated, "x", 2, 2)), at(time.Second, begins), asked), want: breaks},
		{name: "who left is not told to who asked", steps: history(both, gone, begins, asked), want: breaks},
		{name: "who left is not told by who asked", steps: history(both, c(left), at(time.Second, begins), answered), want: breaks},
		{name: "not told to who asked", steps: history(publish, knows("p"), begins, asked), want: breaks},
		{name: "not told by who asked", steps: history(publish, knows("c"), begins, asked, answered), want: breaks},
		{name: "not told by who asked, though the link opened slowly", steps: history(publish, knows("c"), at(20*time.Second, history(slowly, answers)), asked, answered), want: breaks},
		{name: "an older one is told", steps: history(publish, knows("c"), on("x", entryOf(event.EntryPublished, "x", 1, 2)), p(entryOf(event.PeerDiscovered, "x", 1, 2)), begins, asked), want: breaks},
		{name: "not from the future any more", steps: history(ahead, begins, asked), want: breaks},
	})
}

func TestNewsIsToldAtOnce(t *testing.T) {
	breaks := []string{"news-spreads"}
	o := invariants.Options{ExpectPeers: []string{"c", "p", "x"}}
	up := func(peer string) event.Event { return event.Event{Kind: event.SessionUp, Peer: nodeOf(peer)} }
	all := history(
		c(entryOf(event.EntryPublished, "c", 1, 1), up("p"), entryOf(event.PeerDiscovered, "p", 1, 1)),
		p(entryOf(event.EntryPublished, "p", 1, 1), up("c"), entryOf(event.PeerDiscovered, "c", 1, 1)),
		world(quiesced()),
	)
	publish := p(entryOf(event.EntryPublished, "p", 1, 2))
	hears := c(entryOf(event.PeerUpdated, "p", 1, 2))
	now := 10 * time.Second
	late := now + 2*time.Second + 2*time.Millisecond
	end := 20 * time.Second
	closing, stopped := p(event.Event{Kind: event.NodeClosing}), p(event.Event{Kind: event.NodeStopped})
	leaves := history(at(now, closing), stopped)
	gone := c(entryOf(event.PeerDeparted, "p", 1, 1))
	began := world(event.Event{Kind: event.FaultBegan, Text: "stall p"})
	over := world(event.Event{Kind: event.FaultEnded, Text: "stall p"})
	third := history(on("x", entryOf(event.EntryPublished, "x", 1, 1), up("c")), c(up("x"), entryOf(event.PeerDiscovered, "x", 1, 1)))
	far := o
	far.Latency = 100 * time.Millisecond
	lags := o
	lags.Lag = 100 * time.Millisecond
	run(t, []historyCase{
		{name: "in time", options: o, steps: history(all, at(now, publish), at(late-4*time.Millisecond, hears)), finish: end},
		{name: "far away", options: far, steps: history(all, at(now, publish), at(late+time.Second/2, hears)), finish: end},
		{name: "by a strategy that has it wait", options: lags, steps: history(all, at(now, publish), at(late+time.Second, hears)), finish: end},
		{name: "while something is wrong", options: o, steps: history(all, began, at(now, publish)), finish: end},
		{name: "soon after something was wrong", options: o, steps: history(all, began, at(now-time.Second, over), at(now, publish)), finish: end},
		{name: "something goes wrong at once", options: o, steps: history(all, at(now, publish), began), finish: end},
		{name: "before the end of faults", options: o, steps: history(all[:len(all)-1], at(now, publish)), finish: end},
		{name: "who hears nothing is closing", options: o, steps: history(all, at(now, publish), c(event.Event{Kind: event.NodeClosing})), finish: end},
		{name: "who hears nothing is alone", options: o, steps: history(all, c(because(wire.ConnectionLost, event.Event{Kind: event.SessionDown, Peer: nodeOf("p")})), at(now, publish)), finish: end},
		{name: "who hears nothing came late", options: o, steps: history(all, at(now-time.Second, c(entryOf(event.PeerHidden, "p", 1, 1), entryOf(event.PeerReturned, "p", 1, 1))), at(now, publish)), finish: end},
		{name: "who hears nothing did not hear of the one before", options: o, steps: history(all, publish, at(now, p(entryOf(event.EntryPublished, "p", 1, 3)))), finish: end},
		{name: "who hears nothing knows somebody made up", options: o, steps: history(all, c(entryOf(event.PeerDiscovered, "y", 1, 1)), at(now, publish)), finish: end},
		{name: "nobody is expected", steps: history(all, at(now, publish)), finish: end},
		{name: "the run ends first", options: o, steps: history(all, at(now, publish)), finish: late - 4*time.Millisecond},
		{name: "of who is alone", options: o, steps: history(all, p(because(wire.ConnectionLost, event.Event{Kind: event.SessionDown, Peer: nodeOf("c")})), at(now, publish)), finish: end},
		{name: "of who knows somebody made up", options: o, steps: history(all, p(entryOf(event.PeerDiscovered, "y", 1, 1)), at(now, publish)), finish: end},
		{name: "who hears nothing had a clock that was wrong", options: o, steps: history(all, world(event.Event{Kind: event.ClockStepped, Text: "c", N: 1}), at(now, publish)), finish: end},
		{name: "of who is not expected", options: invariants.Options{ExpectPeers: []string{"c", "x"}}, steps: history(all, at(now, publish)), finish: end},
		{name: "who left is gone", options: o, steps: history(all, leaves, gone), finish: end},
		{name: "who left takes long", options: o, steps: history(all, at(now, closing), at(now+5*time.Second, stopped), gone), finish: end},
		{name: "too late", options: o, steps: history(all, at(now, publish), at(late, hears)), finish: end, want: breaks},
		{name: "never", options: o, steps: history(all, at(now, publish)), finish: end, want: breaks},
		{name: "two leave, and one of them is there", options: o, steps: history(third, all, at(now, history(closing, on("x", closing[0].event))), stopped, gone, on("x", stopped[0].event)), finish: end, want: breaks},
		{name: "who left is there", options: o, steps: history(all, leaves), finish: end, want: breaks},
	})
}

func TestCatalogsAreComparedAgainAndAgain(t *testing.T) {
	breaks := []string{"compares"}
	o := invariants.Options{ExpectPeers: []string{"c", "p"}, SyncInterval: time.Second}
	company := history(
		c(entryOf(event.EntryPublished, "c", 1, 1), entryOf(event.PeerDiscovered, "p", 1, 1)), p(entryOf(event.EntryPublished, "p", 1, 1)),
		world(quiesced()),
	)
	sync := history(c(syncOf(event.SyncStarted, "p", 0), syncOf(event.SyncEnded, "p", 0)))
	began := world(event.Event{Kind: event.FaultBegan, Text: "stall p"})
	quiet := 5*time.Second + 9*time.Millisecond // healed since
	end := quiet + 4*time.Second
	late := quiet + 5*time.Second
	run(t, []historyCase{
		{name: "in time", options: o, steps: history(company, at(end-time.Second, sync)), finish: late},
		{name: "the run ends first", options: o, steps: company, finish: end - time.Second},
		{name: "not judged", options: invariants.Options{ExpectPeers: o.ExpectPeers}, steps: company, finish: late},
		{name: "while something is wrong", options: o, steps: history(company, began), finish: late},
		{name: "who knows nobody", options: o, steps: history(company[:1], company[2:]), finish: late},
		{name: "who knows nobody any more", options: o, steps: history(company, c(entryOf(event.PeerHidden, "p", 1, 1))), finish: late},
		{name: "who knows somebody made up", options: o, steps: history(company, c(entryOf(event.PeerDiscovered, "y", 1, 1))), finish: late},
		{name: "who is not expected", options: invariants.Options{ExpectPeers: []string{"p"}, SyncInterval: time.Second}, steps: history(company, at(late, sync)), finish: late},
		{name: "who knows somebody that stopped", options: o, steps: history(company, p(event.Event{Kind: event.NodeStopped})), finish: late},
		{name: "who is closing", options: o, steps: history(company, c(event.Event{Kind: event.NodeClosing})), finish: late},
		{name: "never", options: o, steps: company, finish: late, want: breaks},
		{name: "once", options: o, steps: history(company, sync), finish: late, want: breaks},
		{name: "too late", options: o, steps: history(company, at(late, sync)), finish: late, want: breaks},
	})
}

func TestNobodyBlocksForGood(t *testing.T) {
	breaks := []string{"block-max"}
	o := invariants.Options{BlockMax: map[ident.StreamID]time.Duration{theStream: time.Second}}
	full := history(p(opened(0), accepted(1, "c", 1, 1), appSent(1, 1), enqueued(1, "c", 1, 1), appSent(2, 2)))
	pinged := p(event.Event{Kind: event.Pinged, Peer: nodeOf("c")})
	gone := p(dropped(1, "c", 1, 1, wire.ConnectionLost), ended(1, "c", 0))
	taken, progress := p(enqueued(1, "c", 2, 2)), p(progressed(1, "c", 1))
	late := 4 * time.Second
	busy := world(event.Event{Kind: event.FaultBegan, Text: "busy p 1ms"})
	run(t, []historyCase{
		{name: "in time", options: o, steps: history(full, at(2*time.Second, taken), at(late, pinged))},
		{name: "another datum", options: o, steps: history(full, at(2*time.Second, history(taken, p(appSent(3, 3)))), at(late, pinged))},
		{name: "for as long as it may by default", steps: history(full, at(late, pinged))},
		{name: "nobody is there", options: o, steps: history(full, gone, at(late, pinged))},
		{name: "somebody comes", options: o, steps: history(full, gone, at(late, history(p(accepted(2, "c", 2, 1)), pinged)))},
		{name: "it is closing", options: o, steps: history(full, p(closing()), at(late, pinged))},
		{name: "on a host that is slow", options: o, steps: history(busy, full, at(late, pinged))},
		{name: "given up", options: o, steps: history(full, at(2*time.Second, p(inputDropped(2, 2, wire.Lagged))), at(late, pinged))},
		{name: "for too long", options: o, steps: history(full, at(late, pinged)), want: breaks},
		{name: "for too long by default", steps: history(full, at(time.Minute, pinged)), want: breaks},
		{name: "while its consumer goes on", options: o, steps: history(full, at(3*time.Second, progress), at(late, pinged))},
		{name: "while another goes on that holds nothing", options: o, steps: history(p(opened(0), accepted(1, "c", 1, 1), accepted(2, "d", 1, 2), appSent(1, 1), enqueued(1, "c", 1, 1), appSent(2, 2)), at(3*time.Second, p(progressed(2, "d", 1))), at(late, pinged)), want: breaks},
	})
}

func TestAConsumerThatTakesSomethingIsNotCutAsTooSlow(t *testing.T) {
	breaks := []string{"block-max"}
	o := invariants.Options{BlockMax: map[ident.StreamID]time.Duration{theStream: time.Second}}
	in := history(p(opened(0), accepted(1, "c", 1, 1), appSent(1, 1), enqueued(1, "c", 1, 1)))
	taken := at(10*time.Second, p(progressed(1, "c", 1)))
	cut := func(d time.Duration, r wire.Reason) []step {
		return at(d, p(draining(1, "c", r), dropped(1, "c", 1, 1, r), ended(1, "c", 0)))
	}
	run(t, []historyCase{
		{name: "in time", options: o, steps: history(in, taken, cut(11*time.Second, wire.TooSlow))},
		{name: "for another reason", options: o, steps: history(in, taken, cut(10*time.Second, wire.UnknownPeer))},
		{name: "where nobody waits", steps: history(in, taken, cut(10*time.Second, wire.TooSlow))},
		{name: "too soon after it took something", options: o, steps: history(in, taken, cut(11*time.Second-1, wire.TooSlow)), want: breaks},
		{name: "too soon after it came", options: o, steps: history(in, cut(time.Second/2, wire.TooSlow)), want: breaks},
	})
}

func TestAProducerKnowsHowFarApplicationsAre(t *testing.T) {
	breaks := []string{"progress"}
	up := history(p(opened(0), accepted(1, "c", 1, 1)), c(consumer(event.ConsumerOpened), subscribing(1), subscribed(1)), world(quiesced()))
	send := p(appSent(1, 1), enqueued(1, "c", 1, 1), written(1, "c", 1, 1))
	takes := at(10*time.Second, history(send, c(received(1, 1), appReceived(1, 1, 1))))
	told := p(progressed(1, "c", 1))
	late := 12*time.Second + time.Second/10
	run(t, []historyCase{
		{name: "in time", steps: history(up, takes, at(12*time.Second, told)), finish: time.Minute},
		{name: "while something is wrong", steps: history(up, takes, world(event.Event{Kind: event.FaultBegan, Text: "hold c -> p"})), finish: time.Minute},
		{name: "it ended", steps: history(up, takes, p(ended(1, "c", 0))), finish: time.Minute},
		{name: "the run ends first", steps: history(up, takes), finish: 12 * time.Second},
		{name: "too late", steps: history(up, takes, at(late, told)), finish: time.Minute, want: breaks},
		{name: "never", steps: history(up, takes), finish: late, want: breaks},
		{name: "less", steps: history(up, at(10*time.Second, history(p(appSent(1, 1), appSent(2, 2), enqueued(1, "c", 1, 2), written(1, "c", 1, 2)), c(received(1, 2), appReceived(1, 1, 1)), told, c(appReceived(1, 2, 2)), told))), finish: late, want: breaks},
	})
}

package invariants_test

import (
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

func TestSubscriptionsComeBack(t *testing.T) {
	breaks := []string{"reconnect"}
	o := invariants.Options{Reconnect: time.Minute, Expect: []invariants.Pair{{Consumer: "c", Producer: "p", Stream: theStream}}}
	up := history(p(opened(0)), c(subscribing(1)), p(accepted(1, "c", 1, 1)), c(subscribed(1)))
	down := history(c(unsubscribed(wire.ConnectionLost)), p(ended(1, "c", 0)))
	back := func(d time.Duration) []step {
		return history(at(d, p(accepted(2, "c", 1, 1))), at(d, c(subscribed(1))))
	}
	quiet := at(time.Second, world(quiesced()))
	late := time.Second + time.Minute
	later := 2 * time.Minute
	run(t, []historyCase{
		{name: "back in time", options: o, steps: history(up, down, quiet, back(late)), finish: later},
		{name: "the run ended before the bound", options: o, steps: history(quiet), finish: late},
		{name: "no end of faults", options: o, steps: up, finish: later},
		{name: "the nodes are closed after the liveness phase", options: o, steps: history(up, quiet, at(later, down)), settle: later - 1, finish: later},
		{
			name: "after a restart of the producer", options: o,
			steps: history(up, quiet, world(crashed("p"), restarted("p")), again(p(reborn(opened(0)), reborn(accepted(1, "c", 1, 1)))), c(unsubscribed(wire.IdleTimeout), reborn(subscribed(1)))), finish: later,
		},
		{name: "never", options: o, steps: quiet, finish: later, want: breaks},
		{name: "too late", options: o, steps: history(up, down, quiet, back(late+1)), finish: later, want: breaks},
		{name: "lost again", options: o, steps: history(up, quiet, at(late+1, down)), finish: later, want: breaks},
		{name: "the consumer does not know of the end", options: o, steps: history(up, quiet, p(ended(1, "c", 0))), finish: later, want: breaks},
		{name: "to a producer that crashed", options: o, steps: history(up, quiet, world(crashed("p"), restarted("p")), again(p(reborn(opened(0))))), finish: later, want: breaks},
		{name: "the consumer is down", options: o, steps: history(up, quiet, world(crashed("c"))), finish: later, want: breaks},
		{name: "of another stream", options: invariants.Options{Reconnect: time.Minute, Expect: []invariants.Pair{{Consumer: "c", Producer: "p"}}}, steps: history(up, quiet), finish: later, want: breaks},
	})
	_, all := broken(o, history(up, down, quiet), 0, later)
	if len(all) != 1 || !strings.Contains(all[0].Detail, "since 5ms") || all[0].At != late || all[0].Host != "c" {
		t.Errorf("got %v, want one violation on c at %s that says since when", all, late)
	}
}

func TestCatalogsComeToAgree(t *testing.T) {
	breaks := []string{"catalogs-agree"}
	o := invariants.Options{Catalogs: time.Minute, ExpectPeers: []string{"c", "p"}}
	publish := history(c(entryOf(event.EntryPublished, "c", 1, 1)), p(entryOf(event.EntryPublished, "p", 1, 1)))
	cp, pc := c(entryOf(event.PeerDiscovered, "p", 1, 1)), p(entryOf(event.PeerDiscovered, "c", 1, 1))
	quiet := at(time.Second, world(quiesced()))
	late := time.Second + time.Minute
	later := 3 * time.Minute
	anew := p(entryOf(event.EntryPublished, "p", 1, 2))
	run(t, []historyCase{
		{name: "in time", options: o, steps: history(publish, cp, quiet, at(late, pc)), finish: later},
		{name: "a fresh entry is on its way", options: o, steps: history(publish, cp, pc, quiet, at(later-time.Minute+1, anew)), finish: later},
		{name: "nobody is expected", steps: history(publish, quiet), finish: later},
		{name: "one knows nobody", options: o, steps: history(publish, cp, quiet), finish: later, want: breaks},
		{name: "too late", options: o, steps: history(publish, cp, quiet, at(late+1, pc)), finish: later, want: breaks},
		{name: "one is forgotten", options: o, steps: history(publish, cp, pc, quiet, at(late+1, c(entryOf(event.PeerDeparted, "p", 1, 1)))), finish: later, want: breaks},
		{name: "one is down", options: o, steps: history(publish, cp, pc, quiet, world(crashed("p"))), finish: later, want: []string{"catalogs-agree", "gone-is-gone"}},
		{name: "an old entry stays", options: o, steps: history(publish, cp, pc, quiet, anew), finish: later, want: breaks},
	})
}

func TestWhoIsGoneIsForgotten(t *testing.T) {
	breaks := []string{"gone-is-gone"}
	o := invariants.Options{Catalogs: time.Minute, ExpectPeers: []string{"c"}}
	knows := c(entryOf(event.PeerDiscovered, "p", 1, 1))
	runs := history(world(quiesced()), p(event.Event{Kind: event.NodeStarted}))
	stops := p(event.Event{Kind: event.NodeStopped})
	end := 3 * time.Minute
	run(t, []historyCase{
		{name: "it runs", options: o, steps: history(runs, knows), finish: end},
		{name: "hidden", options: o, steps: history(runs, knows, stops, c(entryOf(event.PeerHidden, "p", 1, 1))), finish: end},
		{name: "departed", options: o, steps: history(runs, knows, stops, c(entryOf(event.PeerDeparted, "p", 1, 1))), finish: end},
		{name: "gone a moment ago", options: o, steps: history(runs, knows, at(end-time.Minute+1, stops)), finish: end},
		{name: "restarted", options: o, steps: history(runs, knows, world(crashed("p"), restarted("p")), again(p(event.Event{Kind: event.NodeStarted}))), finish: end},
		{name: "nobody is expected", steps: history(runs, knows, stops), finish: end},
		{name: "the faults ended a moment ago", options: o, steps: history(knows, stops, at(end-time.Minute, world(quiesced()))), finish: end},
		{name: "stopped and known", options: o, steps: history(runs, knows, stops), finish: end, want: breaks},
		{name: "crashed and known", options: o, steps: history(runs, knows, world(crashed("p"))), finish: end, want: breaks},
		{name: "back after it was hidden", options: o, steps: history(runs, knows, stops, c(entryOf(event.PeerHidden, "p", 1, 1), entryOf(event.PeerReturned, "p", 1, 1))), finish: end, want: breaks},
	})
}

func TestDatumsFlow(t *testing.T) {
	breaks := []string{"flow"}
	o := invariants.Options{Reconnect: time.Minute, Flow: time.Second, Expect: []invariants.Pair{{Consumer: "c", Producer: "p", Stream: theStream}}}
	up := history(p(opened(0), accepted(1, "c", 1, 1)), c(subscribed(1)), at(time.Second, world(quiesced())))
	now, bound := 2*time.Minute, time.Second+time.Minute
	finish := 3 * time.Minute
	send := at(now, p(appSent(1, 11), appSent(2, 22)))
	run(t, []historyCase{
		{name: "in time", options: o, steps: history(up, send, at(now+time.Second, history(c(appReceived(1, 1, 11), appReceived(1, 2, 22)), p(progressed(1, "c", 2))))), finish: finish},
		{name: "sent before the bound", options: o, steps: history(up, p(appSent(1, 11))), finish: finish},
		{name: "passed over before the bound", options: o, steps: history(up, p(appSent(1, 11), appSent(2, 22), enqueued(1, "c", 1, 2), written(1, "c", 1, 2)), c(event.Event{Kind: event.AppMissed, Stream: theStream, Peer: nodeOf("p"), Incarnation: inc, Sub: 1, From: 1, To: 1, N: 1}, appReceived(1, 2, 22))), finish: finish},
		{
			name: "stuck before the bound and after it", options: o,
			steps: history(up, at(bound-time.Second/2, p(appSent(1, 11), enqueued(1, "c", 1, 1))), at(bound+time.Second/4, p(appSent(2, 22), enqueued(1, "c", 2, 2)))), finish: finish, want: breaks,
		},
		{name: "the run ends first", options: o, steps: history(up, send), finish: now + time.Second},
		{name: "told to be missing", options: o, steps: history(up, send, c(skipped(1, 2))), finish: finish},
		{name: "not judged", options: invariants.Options{Reconnect: time.Minute, Expect: o.Expect}, steps: history(up, send), finish: finish},
		{name: "never", options: o, steps: history(up, send), finish: finish, want: breaks},
		{name: "too late", options: o, steps: history(up, send, at(now, p(enqueued(1, "c", 1, 2), written(1, "c", 1, 2))), at(now+time.Second+1, history(c(appReceived(1, 1, 11)), p(progressed(1, "c", 1))))), finish: finish, want: breaks},
		{name: "found out by the next that is sent", options: o, steps: history(up, send, at(now, p(enqueued(1, "c", 1, 2), written(1, "c", 1, 2))), at(now+time.Second+1, p(appSent(3, 33)))), finish: now + time.Second + 2, want: breaks},
		{name: "passed over", options: o, steps: history(up, send, c(appReceived(1, 2, 22)), p(progressed(1, "c", 2))), finish: finish, want: breaks},
	})
}

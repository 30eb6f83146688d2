package invariants_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

func TestNothingEndsByItsDeadline(t *testing.T) {
	breaks := []string{"deadlines"}
	runs := history(p(event.Event{Kind: event.NodeStarted}), c(event.Event{Kind: event.NodeStarted}))
	held := event.Event{
		Kind: event.InputDropped, Stream: theStream, Incarnation: inc, From: 5, To: 9, N: 5, Reason: wire.DrainTimeout,
	}
	drains := history(runs, upTo(4), c(received(1, 4)), at(10*time.Second, p(closing(), offline(1), draining(1, "c", wire.GracefulShutdown))))
	tooSlow := because(wire.TooSlow, ended(1, "c", 0))
	ended := func(r wire.Reason) []step { return p(because(r, ended(1, "c", 0)), closed()) }
	began, over := event.Event{Kind: event.FaultBegan, Text: "pause d"}, event.Event{Kind: event.FaultEnded, Text: "pause d"}
	stopped := event.Event{Kind: event.NodeStopped}
	calm := history(runs, world(quiesced()))
	times := func(k event.Kind, r wire.Reason) event.Event {
		return event.Event{Kind: k, Peer: nodeOf("p"), Reason: r}
	}
	stop := invariants.Options{Stop: 250 * time.Millisecond}
	waits := history(runs, upTo(4), c(received(1, 3)), p(progressed(1, "c", 3)))
	onWay := history(waits, at(10*time.Second, p(closing(), offline(1), draining(1, "c", wire.GracefulShutdown))))
	blocking := invariants.Options{BlockMax: map[ident.StreamID]time.Duration{theStream: time.Second}}
	run(t, []historyCase{
		{name: "drained", steps: history(drains, at(10500*time.Millisecond, ended(wire.GracefulShutdown)))},
		{name: "not everything had come", steps: history(runs, upTo(4), c(received(1, 3)), at(10*time.Second, p(closing(), offline(1), draining(1, "c", wire.GracefulShutdown))), at(15*time.Second, ended(wire.DrainTimeout)))},
		{name: "something was wrong before", steps: history(world(began, over), at(time.Second, drains[:1]), drains[1:len(drains)-3], at(2*time.Second, drains[len(drains)-3:]), at(7*time.Second, ended(wire.DrainTimeout)))},
		{name: "something was wrong meanwhile", steps: history(drains, at(10500*time.Millisecond, world(began)), at(15*time.Second, ended(wire.DrainTimeout)))},
		{
			name:  "given up with what its producer held for another",
			steps: history(drains, at(15*time.Second, p(held)), at(15*time.Second, ended(wire.DrainTimeout))),
		},
		{
			name:  "given up while it waits for what is on its way",
			steps: history(onWay, at(15*time.Second, ended(wire.DrainTimeout))), want: breaks,
		},
		{
			name:  "given up when nothing came for long",
			steps: history(onWay, at(25*time.Second, ended(wire.DrainTimeout))),
		},
		{
			name: "cut as too slow while it waits for what is on its way", options: blocking,
			steps: history(waits, at(10*time.Second, p(tooSlow))), want: breaks,
		},
		{
			name:  "cut as too slow by a policy that does not wait",
			steps: history(waits, at(10*time.Second, p(tooSlow))),
		},
		{name: "a consumer that leaves", steps: history(drains, at(15*time.Second, ended(wire.Cancelled)))},
		{name: "a time-out while something is wrong", steps: history(calm, world(began), at(time.Minute, c(times(event.Pinged, wire.IdleTimeout))))},
		{name: "a time-out right after", steps: history(calm, at(20*time.Second, c(times(event.Pinged, wire.IdleTimeout))))},
		{name: "a peer that does not run", steps: history(calm, p(stopped), at(time.Minute, c(times(event.Pinged, wire.IdleTimeout))))},
		{name: "a peer that closes", steps: history(calm, at(time.Minute, p(event.Event{Kind: event.NodeClosing})), c(times(event.Pinged, wire.HandshakeTimeout)))},
		{name: "another failure", steps: history(calm, at(time.Minute, c(times(event.Pinged, wire.ConnectionLost))))},
		{name: "a quick end", options: stop, steps: history(runs, at(10*time.Second, c(event.Event{Kind: event.NodeClosing})), at(10200*time.Millisecond, c(stopped)))},
		{name: "an end that nothing is said of", steps: history(runs, at(10*time.Second, c(event.Event{Kind: event.NodeClosing})), at(15*time.Second, c(stopped)))},
		{name: "drained late", steps: history(drains, at(15*time.Second, ended(wire.GracefulShutdown))), want: breaks},
		{name: "given up, though everything had come", steps: history(drains, at(15*time.Second, ended(wire.DrainTimeout))), want: breaks},
		{name: "given up, and something was wrong later", steps: history(drains, at(14*time.Second, world(began)), at(15*time.Second, ended(wire.DrainTimeout))), want: breaks},
		{name: "a ping that timed out", steps: history(calm, at(time.Minute, c(times(event.Pinged, wire.IdleTimeout)))), want: breaks},
		{name: "a session that timed out", steps: history(calm, at(time.Minute, c(times(event.SessionDown, wire.IdleTimeout)))), want: breaks},
		{name: "an exchange that timed out", steps: history(calm, at(time.Minute, c(times(event.SyncStarted, wire.None), times(event.SyncEnded, wire.HandshakeTimeout)))), want: breaks},
		{name: "a late end", options: stop, steps: history(runs, at(10*time.Second, c(event.Event{Kind: event.NodeClosing})), at(10300*time.Millisecond, c(stopped))), want: breaks},
	})
}

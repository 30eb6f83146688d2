package invariants_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

func TestRecoveredOnceAllIsWell(t *testing.T) {
	pair := invariants.Pair{Consumer: "c", Producer: "p", Stream: theStream}
	o := invariants.Options{Expect: []invariants.Pair{pair}, ExpectPeers: []string{"c", "p"}, Flow: 15 * time.Second, Sends: 15 * time.Second}
	runs := on("g", event.Event{Kind: event.NodeStarted})
	published := history(c(entryOf(event.EntryPublished, "c", 1, 1)), p(entryOf(event.EntryPublished, "p", 1, 1)))
	found := history(c(entryOf(event.PeerDiscovered, "p", 1, 1)), p(entryOf(event.PeerDiscovered, "c", 1, 1)))
	pairUp := history(p(opened(0)), c(subscribing(1)), p(accepted(1, "c", 1, 1)), c(subscribed(1)))
	before := history(runs, published, found, pairUp)
	quiet := world(quiesced())
	sends := func(seq uint64) []step {
		return p(appSent(seq, 11), enqueued(1, "c", seq, seq), written(1, "c", seq, seq))
	}
	flows := func(seq uint64) []step { return history(sends(seq), c(received(seq, seq), appReceived(1, seq, 11))) }
	well := history(before, quiet, flows(1))
	lost := c(unsubscribed(wire.ConnectionLost))
	knows := c(entryOf(event.PeerDiscovered, "g", 1, 1))
	gone := on("g", event.Event{Kind: event.NodeStopped})
	anew := p(entryOf(event.EntryPublished, "p", 1, 2))
	const look = 10 * time.Second
	with := func(change func(*invariants.Options)) invariants.Options {
		o := o
		change(&o)
		return o
	}
	still := with(func(o *invariants.Options) { o.Flow = 0 })
	for _, x := range []struct {
		name    string
		options invariants.Options
		steps   []step
		at      time.Duration // 0: look
		want    bool
	}{
		{name: "all is well", options: o, steps: well, want: true},
		{name: "the faults are not over", options: o, steps: history(before, flows(1))},
		{name: "nothing is expected", steps: well},
		{name: "of the datums nothing is expected", options: still, steps: history(before, quiet), want: true},
		{name: "of the datums nothing is expected, and the faults are not over", options: still, steps: before},
		{name: "of the datums nothing is expected, and nobody is subscribed", options: still, steps: history(runs, published, found, quiet)},
		{name: "nobody needs to be subscribed, and a host is down and forgotten", options: with(func(o *invariants.Options) { o.Expect = nil }), steps: history(well, world(crashed("p")), c(entryOf(event.PeerDeparted, "p", 1, 1)))},
		{name: "nobody is subscribed", options: o, steps: history(runs, published, found, quiet)},
		{name: "lost since", options: o, steps: history(well, lost, p(ended(1, "c", 0)))},
		{name: "one end does not know of the end", options: o, steps: history(well, p(ended(1, "c", 0)))},
		{name: "back without datums", options: o, steps: history(well, lost, p(ended(1, "c", 0), accepted(2, "c", 2, 1)), c(subscribed(2)))},
		{name: "back with datums", options: o, steps: history(well, lost, p(ended(1, "c", 0), accepted(2, "c", 2, 1)), c(subscribed(2)), p(appSent(2, 11)), c(appReceived(1, 2, 11))), want: true},
		{
			name: "back since a moment", options: still,
			steps: history(well, at(look-500*time.Millisecond, lost), p(ended(1, "c", 0), accepted(2, "c", 2, 1)), c(subscribed(2))),
		},
		{
			name: "back without datums after a crash", options: o,
			steps: history(well, world(crashed("c"), restarted("c")), again(c(event.Event{Kind: event.NodeStarted}, entryOf(event.PeerDiscovered, "p", 1, 1), subscribing(1))), p(ended(1, "c", 0), accepted(2, "c", 2, 1)), again(c(subscribed(2)))),
		},
		{name: "served twice", options: o, steps: history(well, c(consumer(event.ConsumerOpened)), p(accepted(2, "c", 2, 2)))},
		{name: "datums flowed only before", options: o, steps: history(before, flows(1), quiet)},
		{name: "a datum is on its way", options: o, steps: history(well, at(look-time.Second, sends(2))), want: true},
		{name: "a datum is stuck", options: o, steps: history(well, sends(2))},
		{name: "the application stands still", options: o, steps: well, at: look + 15*time.Second},
		{name: "one knows not the other", options: o, steps: history(runs, published, c(entryOf(event.PeerDiscovered, "p", 1, 1)), pairUp, quiet, flows(1))},
		{name: "one forgot the other", options: o, steps: history(well, p(entryOf(event.PeerHidden, "c", 1, 1)))},
		{
			name: "one had forgotten the other until a moment ago", options: o,
			steps: history(well, p(entryOf(event.PeerHidden, "c", 1, 1)), at(look-500*time.Millisecond, p(entryOf(event.PeerReturned, "c", 1, 1)))),
		},
		{name: "news is on its way", options: o, steps: history(well, at(look-time.Second, anew)), want: true},
		{name: "news does not come", options: o, steps: history(well, anew)},
		{name: "a host is down", options: o, steps: history(well, world(crashed("p")))},
		{name: "all know who runs", options: o, steps: history(well, knows), want: true},
		{name: "one has who is gone", options: o, steps: history(well, knows, gone)},
		{name: "who is gone is forgotten", options: o, steps: history(well, knows, gone, c(entryOf(event.PeerDeparted, "g", 1, 1))), want: true},
	} {
		t.Run(x.name, func(t *testing.T) {
			set := invariants.New(x.options)
			for _, r := range records(x.steps) {
				set.Event(&r)
			}
			if x.at == 0 {
				x.at = look
			}
			if got := set.Recovered(x.at); got != x.want {
				t.Errorf("got %t", got)
			}
			if all := set.Violations(); len(all) > 0 {
				t.Errorf("to look is not to judge: %v", all)
			}
		})
	}
}

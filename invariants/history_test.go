package invariants_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// A history is written as steps; each takes a millisecond unless it says when
// it happens. The node of a host is called by the host's first letter.
type step struct {
	at    time.Duration // 0: a millisecond after the step before
	host  string
	life  int
	event event.Event
}

var theStream = ident.Stream("s")

func nodeOf(host string) ident.PeerID { return ident.PeerID{1, host[0]} }

func records(steps []step) []event.Record {
	var at time.Duration
	var list []event.Record
	for _, s := range steps {
		at += time.Millisecond
		if s.at != 0 {
			at = s.at
		}
		e := s.event
		e.Mono = int64(at)
		if e.Wall == 0 {
			e.Wall = int64(at)
		}
		if s.host != "world" {
			e.Node = nodeOf(s.host)
		}
		list = append(list, event.Record{At: int64(at), Host: s.host, Boot: s.life, Event: e})
	}
	return list
}

// on puts events on a host, one after the other.
func on(host string, events ...event.Event) []step {
	var steps []step
	for _, e := range events {
		steps = append(steps, step{host: host, event: e})
	}
	return steps
}

func p(events ...event.Event) []step { return on("p", events...) }
func c(events ...event.Event) []step { return on("c", events...) }
func world(events ...event.Event) []step {
	return on("world", events...)
}

// again is what steps are in a later life of their host.
func again(steps []step) []step {
	steps = slices.Clone(steps)
	for i := range steps {
		steps[i].life = 1
	}
	return steps
}

// at moves the first of some steps to a moment.
func at(d time.Duration, steps []step) []step {
	steps = slices.Clone(steps)
	steps[0].at = d
	return steps
}

func history(parts ...[]step) []step { return slices.Concat(parts...) }

const inc = 7 // incarnation of the producer

func producing(k event.Kind, e event.Event) event.Event {
	e.Kind, e.Stream = k, theStream
	if e.Incarnation == 0 {
		e.Incarnation = inc
	}
	return e
}

func opened(capacity int64) event.Event {
	return producing(event.ProducerOpened, event.Event{N: capacity})
}
func closing() event.Event        { return producing(event.ProducerClosing, event.Event{}) }
func closed() event.Event         { return producing(event.ProducerClosed, event.Event{}) }
func online(n int64) event.Event  { return producing(event.ProducerOnline, event.Event{N: n}) }
func offline(n int64) event.Event { return producing(event.ProducerOffline, event.Event{N: n}) }

func accepted(sub uint64, peer string, from uint64, n int64) event.Event {
	return producing(event.SubAccepted, event.Event{Sub: sub, Peer: nodeOf(peer), From: from, N: n})
}

func until(end time.Duration, e event.Event) event.Event {
	e.To = uint64(end)
	return e
}

func because(r wire.Reason, e event.Event) event.Event {
	e.Reason = r
	return e
}

// reborn is e of the producer's next incarnation.
func reborn(e event.Event) event.Event {
	e.Incarnation = 8
	return e
}

func ended(sub uint64, peer string, back int64) event.Event {
	return producing(event.SubEnded, event.Event{Sub: sub, Peer: nodeOf(peer), N: back, Reason: wire.ConnectionLost})
}

func draining(sub uint64, peer string, r wire.Reason) event.Event {
	return producing(event.SubDraining, event.Event{Sub: sub, Peer: nodeOf(peer), Reason: r})
}

func moved(k event.Kind, sub uint64, peer string, from, to uint64) event.Event {
	return producing(k, event.Event{Sub: sub, Peer: nodeOf(peer), From: from, To: to, N: int64(to - from + 1)})
}

func enqueued(sub uint64, peer string, from, to uint64) event.Event {
	return moved(event.Enqueued, sub, peer, from, to)
}

// unmatched is of subscription 1, which is c's.
func unmatched(from, to uint64) event.Event {
	return moved(event.Unmatched, 1, "c", from, to)
}

// picky is e of a subscription with criteria.
func picky(e event.Event) event.Event {
	e.Text = "a > 1"
	return e
}

func written(sub uint64, peer string, from, to uint64) event.Event {
	return moved(event.Written, sub, peer, from, to)
}

// progressed makes what a producer hears of how far an application is.
func progressed(sub uint64, peer string, to uint64) event.Event {
	return producing(event.SubProgress, event.Event{Sub: sub, Peer: nodeOf(peer), To: to})
}

func dropped(sub uint64, peer string, from, to uint64, r wire.Reason) event.Event {
	return because(r, moved(event.Dropped, sub, peer, from, to))
}

func inputDropped(from, to uint64, r wire.Reason) event.Event {
	return producing(event.InputDropped, event.Event{From: from, To: to, N: int64(to - from + 1), Reason: r})
}

func consumer(k event.Kind) event.Event { return event.Event{Kind: k, Stream: theStream} }

// consuming makes what a consumer reports of producer "p", by its receiver 1.
func consuming(k event.Kind, e event.Event) event.Event {
	e.Kind, e.Stream, e.Peer, e.Sub = k, theStream, nodeOf("p"), 1
	if e.Incarnation == 0 {
		e.Incarnation = inc
	}
	return e
}

func subscribing(n int64) event.Event { return consuming(event.Subscribing, event.Event{N: n}) }
func subscribed(from uint64) event.Event {
	return consuming(event.Subscribed, event.Event{From: from})
}

func unsubscribed(r wire.Reason) event.Event {
	return consuming(event.Unsubscribed, event.Event{Reason: r})
}

func received(from, to uint64) event.Event {
	return consuming(event.Received, event.Event{From: from, To: to, N: int64(to - from + 1)})
}

func counting(n int64, e event.Event) event.Event {
	e.N = n
	return e
}

func skipped(from, to uint64) event.Event {
	return consuming(event.Skipped, event.Event{From: from, To: to, N: int64(to - from + 1)})
}

func appSent(seq uint64, sum int64) event.Event {
	return producing(event.AppSent, event.Event{From: seq, N: sum})
}

func appReceived(sub, seq uint64, sum int64) event.Event {
	return event.Event{Kind: event.AppReceived, Stream: theStream, Peer: nodeOf("p"), Incarnation: inc, Sub: sub, From: seq, N: sum}
}

func entryOf(k event.Kind, peer string, started, updated uint64) event.Event {
	return event.Event{Kind: k, Peer: nodeOf(peer), From: started, To: updated}
}

func crashed(host string) event.Event { return event.Event{Kind: event.HostCrashed, Text: host} }

func restarted(host string) event.Event { return event.Event{Kind: event.HostRestarted, Text: host} }

func quiesced() event.Event { return event.Event{Kind: event.Quiesced} }

// broken gives the names of the invariants that a history breaks, sorted.
func broken(o invariants.Options, steps []step, settle, finish time.Duration) (names []string, all []invariants.Violation) {
	set := invariants.New(o)
	for _, r := range records(steps) {
		if settle != 0 && r.At > int64(settle) {
			set.Settle(settle)
		}
		set.Event(&r)
	}
	set.Finish(finish)
	for _, v := range set.Violations() {
		names = append(names, v.Invariant)
	}
	slices.Sort(names)
	return slices.Compact(names), set.Violations()
}

type historyCase struct {
	name    string
	options invariants.Options
	steps   []step
	settle  time.Duration // 0: at finish
	finish  time.Duration
	want    []string // invariants that it breaks; none for a legal one
}

func run(t *testing.T, cases []historyCase) {
	t.Helper()
	for _, x := range cases {
		t.Run(x.name, func(t *testing.T) {
			got, all := broken(x.options, x.steps, x.settle, x.finish)
			if diff := cmp.Diff(got, x.want); diff != "" {
				t.Errorf("broken invariants (-got +want):\n%s\nall: %v", diff, all)
			}
		})
	}
}

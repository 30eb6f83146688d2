package stream_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/stream"
)

func TestOnlineConditionSeesTagsPredicatesAndTheirInverse(t *testing.T) {
	b := newBed(t, 1, "p", "c", "d")
	trusted := stream.AtLeast(1).Tagged(tag("trusted"))
	p := b.produce("p", stream.ProducerConfig{Online: trusted})
	isD := stream.AtLeast(1).Matching(func(e *discovery.Entry) bool { return e.Peer == b.id("d") })
	both := isD.Matching(func(e *discovery.Entry) bool { return e.HasTag(tag("trusted")) })
	check := func(when string, online, d, bothMet bool) {
		t.Helper()
		b.run(3 * time.Second)
		w := p.When()
		if w.Online().Met() != online || w.Offline().Met() == online {
			t.Errorf("%s: online %t", when, !online)
		}
		if got := w.Quorum(isD).Met(); got != d || w.Quorum(isD.Not()).Met() == d || w.Quorum(isD.Not().Not()).Met() != d {
			t.Errorf("%s: predicate met %t, or its inverse too", when, got)
		}
		if got := w.Quorum(both).Met(); got != bothMet {
			t.Errorf("%s: both met %t", when, got)
		}
		if _, err := p.TrySend(payload(0, 8)); (err == nil) != online {
			t.Errorf("%s: TrySend: %v", when, err)
		}
	}
	b.consume("c", stream.ConsumerConfig{})
	check("untagged", false, false, false)
	must(b.nodes["c"].Discovery().AddTags(tag("trusted")))
	check("tagged", true, false, false)
	d := b.consume("d", stream.ConsumerConfig{})
	check("the other too", true, true, false)
	must(b.nodes["d"].Discovery().AddTags(tag("trusted")))
	check("both tagged", true, true, true)
	b.nodes["c"].Discovery().RemoveTags(tag("trusted"))
	check("one untagged", true, true, true)
	d.Close()
	check("the other gone", false, false, false)
}

func TestInverseOnlineConditionLetsDatumsThroughUntilItIsMet(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(1).Not()})
	if _, err := p.TrySend(payload(0, 8)); err != nil {
		t.Errorf("without consumers: %v", err)
	}
	b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.run(time.Second)
	if _, err := p.TrySend(payload(0, 8)); err == nil {
		t.Error("with one: let in")
	}
}

func TestChangesOfAConditionTellHowManyAreConnected(t *testing.T) {
	b := newBed(t, 1, "p", "q", "c")
	p, q := b.produce("p", stream.ProducerConfig{}), b.produce("q", stream.ProducerConfig{})
	b.consume("c", stream.ConsumerConfig{Online: stream.AtLeast(2)})
	check := func(when, host string, kind event.Kind, want int64) {
		t.Helper()
		b.run(20 * time.Second)
		if e := b.last(host, kind); e.N != want {
			t.Errorf("%s: %s told with %d, want %d", when, host, e.N, want)
		}
	}
	check("at first", "p", event.ProducerOnline, 1)
	check("at first", "c", event.ConsumerOnline, 2)
	b.task("q", q.Close)
	check("one left", "q", event.ProducerOffline, 1)
	check("one left", "c", event.ConsumerOffline, 1)
	b.produce("q", stream.ProducerConfig{})
	check("it is back", "c", event.ConsumerOnline, 2)
	b.task("p", p.Close)
	check("the other left", "c", event.ConsumerOffline, 1)
}

func TestPredicateThatPanicsMeetsNothing(t *testing.T) {
	b := newBedWith(t, 1, panics, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(1).Matching(func(*discovery.Entry) bool { panic("mood") })})
	b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.run(time.Second)
	if p.Status().Online || b.count("p", event.CallbackPanicked) == 0 {
		t.Error("online, or the panic was not told")
	}
}

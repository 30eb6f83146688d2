package node_test

import (
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// nearer is a requirement of the round trip. One that is unknown will do.
func nearer(d time.Duration) func(discovery.Peer) bool {
	return func(p discovery.Peer) bool { return p.RTT < d }
}

func ofNearConsumers(d time.Duration) *stream.Def[string] {
	return texts.With(stream.Producing[string](stream.ProducerConfig{Require: nearer(d)}))
}

func ofNearProducers(d time.Duration) *stream.Def[string] {
	return texts.With(stream.Consuming[string](stream.ConsumerConfig{Require: nearer(d)}))
}

func acceptsFast(x *trial, d *stream.Def[string]) {
	x.Helper()
	n0, n1 := x.node("n0"), x.node("n1")
	measured(x, n0, n1)
	p := produce(x, n0, d)
	c := consume(x, n1, d)
	serves(x, p, 1)
	passes(x, p, c)
}

func rejectsSlow(x *trial, d *stream.Def[string]) (p *node.Node, c *stream.Consumer[string]) {
	x.Helper()
	n0, n1 := x.node("n0"), x.node("n1")
	measured(x, n0, n1)
	produce(x, n0, d)
	c = consume(x, n1, d)
	x.within("a verdict", func() bool {
		s := c.Status()
		return len(s.Pending) == 1 && s.Pending[0].Reason == wire.NotAllowed
	})
	onlyFrom(x, c)
	return n0, c
}

// measured waits until two nodes know the round trip to each other.
func measured(x *trial, a, b *node.Node) {
	x.Helper()
	x.within("round trips", func() bool {
		to, known := a.Discovery().Catalog().Get(b.ID())
		back, knows := b.Discovery().Catalog().Get(a.ID())
		return known && knows && to.RTT > 0 && back.RTT > 0
	})
}

func producerAcceptsFastPeers(x *trial) { acceptsFast(x, ofNearConsumers(5*time.Second)) }
func consumerAcceptsFastPeers(x *trial) { acceptsFast(x, ofNearProducers(5*time.Second)) }

func producerRejectsSlowPeers(x *trial) {
	n, _ := rejectsSlow(x, ofNearConsumers(time.Nanosecond))
	if x.log.count(n, event.SubRefused, wire.NotAllowed) == 0 {
		x.Error("the producer did not refuse")
	}
}

func consumerRejectsSlowPeers(x *trial) {
	_, c := rejectsSlow(x, ofNearProducers(time.Nanosecond))
	if tries := c.Status().Pending[0].Tries; tries != 0 {
		x.Errorf("%d attempts", tries)
	}
}

// conditions is what both sides of a stream can wait for, as peers come and go.
func conditions(x *trial, when stream.When, join func(name string) *node.Node) {
	one, two := when.Quorum(stream.AtLeast(1)), when.Quorum(stream.AtLeast(2))
	none := when.Unsubscribed()
	check := func(what string, a, b, c bool) {
		x.Helper()
		if one.Met() != a || two.Met() != b || none.Met() != c || two.Not().Met() == b {
			x.Errorf("%s: one %t, two %t, none %t", what, one.Met(), two.Met(), none.Met())
		}
	}
	await := func(what string, c stream.Condition) {
		x.Helper()
		if err := c.Wait(x.limited(20 * time.Second)); err != nil {
			x.Fatalf("%s: %v", what, err)
		}
	}
	check("at first", false, false, true)
	join("m1")
	await("one", one)
	check("one", true, false, false)
	m2 := join("m2")
	await("two", two)
	check("two", true, true, false)
	await("two again", two)
	x.leave(m2)
	await("one left", two.Not())
	check("one left", true, false, false)
	join("m3")
	await("two once more", two)
}

func producerWhen(x *trial) {
	p := produce(x, x.node("n0"), texts)
	conditions(x, p.When(), func(name string) *node.Node {
		n := x.node(name)
		consume(x, n, texts)
		return n
	})
}

func consumerWhen(x *trial) {
	c := consume(x, x.node("n0"), texts)
	conditions(x, c.When(), func(name string) *node.Node {
		n := x.node(name)
		produce(x, n, texts)
		return n
	})
}

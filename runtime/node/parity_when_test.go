package node_test

import (
	"time"

	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
)

// rtt is what a stream demands of the round trip on one side or the other.
func rtt(d time.Duration, producer bool) *stream.Def[string] {
	if producer {
		return texts.With(stream.Producing[string](stream.ProducerConfig{RTTBelow: d}))
	}
	return texts.With(stream.Consuming[string](stream.ConsumerConfig{RTTBelow: d}))
}

func acceptsFast(x *trial, producer bool) {
	d := rtt(5*time.Second, producer)
	p := produce(x, x.node("n0"), d)
	c := consume(x, x.node("n1"), d)
	serves(x, p, 1)
	send(x, p, "hello")
	if recv(x, c) != "hello" {
		x.Error("another datum")
	}
}

func rejectsSlow(x *trial, producer bool) {
	d := rtt(time.Nanosecond, producer)
	n0, n1 := x.node("n0"), x.node("n1")
	x.settle()
	x.within("round trips", func() bool {
		a, known := n0.Discovery().Catalog().Get(n1.ID())
		b, knows := n1.Discovery().Catalog().Get(n0.ID())
		return known && knows && a.RTT > 0 && b.RTT > 0
	})
	p := produce(x, n0, d)
	c := consume(x, n1, d)
	x.sleep(3 * time.Second)
	if len(p.Status().Subscriptions) != 0 {
		x.Error("admitted")
	}
	if pending := c.Status().Pending; len(pending) != 1 {
		x.Errorf("pending: %+v", pending)
	}
}

func producerAcceptsFastPeers(x *trial) { acceptsFast(x, true) }

func producerRejectsSlowPeers(x *trial) { rejectsSlow(x, true) }

func consumerAcceptsFastPeers(x *trial) { acceptsFast(x, false) }

func consumerRejectsSlowPeers(x *trial) { rejectsSlow(x, false) }

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

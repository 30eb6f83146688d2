package node_test

import (
	"errors"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// closedInOrder: after an orderly close nothing is missing, however often the
// consumer asked in between.
func closedInOrder(x *trial) {
	d := texts.With(stream.Consuming[string](stream.ConsumerConfig{Backoff: stream.Backoff{First: time.Millisecond, Max: 2 * time.Millisecond}}))
	n0, n1 := x.node("n0"), x.node("n1")
	p, c := produce(x, n0, d), consume(x, n1, d)
	serves(x, p, 1)
	passes(x, p, c)
	if err := p.Close(x.limited(10 * time.Second)); err != nil {
		x.Error(err)
	}
	x.within("gone", func() bool { return len(c.Status().Pending)+len(c.Status().Subscriptions) == 0 })
	p = produce(x, n0, d)
	serves(x, p, 1)
	passes(x, p, c)
}

// cutShort: that one run ended in order says nothing of the next one.
func cutShort(x *trial) {
	d := texts.With(
		stream.Producing[string](stream.ProducerConfig{Online: stream.AtLeast(0)}),
		stream.Consuming[string](stream.ConsumerConfig{Require: wants("open")}))
	open := func(n *node.Node) { must(n.Discovery().AddTags(ident.NewTag("open"))) }
	n0, n1 := x.node("n0", tagged("open")), x.node("n1")
	p, c := produce(x, n0, d), consume(x, n1, d)
	serves(x, p, 1)
	passes(x, p, c)
	if err := p.Close(x.limited(10 * time.Second)); err != nil { // in order
		x.Error(err)
	}
	x.within("gone", func() bool { return len(c.Status().Pending)+len(c.Status().Subscriptions) == 0 })
	p = produce(x, n0, d)
	serves(x, p, 1)
	passes(x, p, c)
	n0.Discovery().RemoveTags(ident.NewTag("open"))
	serves(x, p, 0)
	send(x, p, "missed")
	if err := p.Close(x.limited(10 * time.Second)); err != nil {
		x.Error(err)
	}
	x.within("gone", func() bool { return len(c.Status().Pending)+len(c.Status().Subscriptions) == 0 })
	p = produce(x, n0, d)
	open(n0)
	serves(x, p, 1)
	send(x, p, "third")
	v, err := c.Recv(x.limited(10 * time.Second))
	var gap *stream.Gap
	if !errors.As(err, &gap) || !gap.Unknown {
		x.Errorf("got %q, %v; want to be told that the second run's datum is missing", v.Value, err)
	}
}

// silentProducer: a producer that takes a link and does not answer is given up.
func silentProducer(x *trial) {
	p := x.puppet()
	p.offers(func(runtime.Link, ident.StreamID) {}, texts)
	n := x.node("n")
	consume(x, n, texts)
	x.within("the end of the handshake", func() bool { return x.log.count(n, event.Unsubscribed, wire.HandshakeTimeout) > 0 })
}

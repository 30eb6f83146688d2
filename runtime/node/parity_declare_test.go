package node_test

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// constID is the id of a stream, spelled out.
const constID = "5ca1ab1e00000000000000000000000000000000000000000000000000c0ffee"

// Streams as a program declares them.
var (
	simple     = stream.Define[string]("declared")
	named      = stream.Define[string]("a name of its own")
	constant   = stream.Define[string](constID)
	configured = stream.Define("configured",
		stream.Producing[string](stream.ProducerConfig{MaxConsumers: 1, Lag: stream.DropOldest, Queue: 8}),
		stream.Consuming[string](stream.ConsumerConfig{Queue: 4}))
	half            = stream.Define("half", stream.Producing[string](stream.ProducerConfig{MaxConsumers: 1}))
	trustsConsumers = stream.Define("trusts consumers", stream.Producing[string](stream.ProducerConfig{Require: wants("trusted")}))
	trustsProducers = stream.Define("trusts producers", stream.Consuming[string](stream.ConsumerConfig{Require: wants("trusted")}))
)

func declareSimple(x *trial) {
	p, c := produce(x, x.node("n0"), simple), consume(x, x.node("n1"), simple)
	serves(x, p, 1)
	passes(x, p, c)
}

func declareNamed(x *trial) {
	n0, n1 := x.node("n0"), x.node("n1")
	p, other := produce(x, n0, named), produce(x, n0, simple)
	c, apart := consume(x, n1, named), consume(x, n1, simple)
	if id := ident.Stream("a name of its own"); p.Stream() != id || c.Stream() != id || other.Stream() == id {
		x.Errorf("ids %s and %s, want %s; the other is %s", p.Stream(), c.Stream(), id, other.Stream())
	}
	serves(x, p, 1)
	serves(x, other, 1)
	passes(x, p, c)
	passes(x, other, apart)
	empty(x, c)
}

func declareConstID(x *trial) {
	n0 := x.node("n0")
	p, c := produce(x, n0, constant), consume(x, x.node("n1"), constant)
	if p.Stream().String() != constID || c.Stream().String() != constID {
		x.Errorf("ids %s and %s, want %s", p.Stream(), c.Stream(), constID)
	}
	serves(x, p, 1)
	if !n0.Discovery().Me().HasStream(ident.StreamID{0: 0x5c, 1: 0xa1, 2: 0xab, 3: 0x1e, 29: 0xc0, 30: 0xff, 31: 0xee}) {
		x.Error("the entry has another id")
	}
	passes(x, p, c)
}

func declareConfigured(x *trial) {
	n0, n2 := x.node("n0"), x.node("n2")
	p := produce(x, n0, configured)
	c := consume(x, x.node("n1"), configured)
	serves(x, p, 1)
	consume(x, n2, configured)
	x.within("no capacity for a second one", func() bool { return x.log.count(n2, event.Unsubscribed, wire.NoCapacity) > 0 })
	serves(x, p, 1)
	passes(x, p, c)
}

func declareProducerOnly(x *trial) {
	p := produce(x, x.node("n0"), half)
	c, err := stream.Consume[string](x.node("n1").Streams(), "half", stream.ConsumerConfig{})
	if err != nil {
		x.Fatal(err)
	}
	serves(x, p, 1)
	passes(x, p, c)
}

func declareProducerRequire(x *trial) {
	n0, n2 := x.node("n0"), x.node("n2")
	p := produce(x, n0, trustsConsumers)
	c1, c2 := consume(x, x.node("n1", tagged("trusted")), trustsConsumers), consume(x, n2, trustsConsumers)
	serves(x, p, 1)
	passes(x, p, c1)
	x.within("the refusal", func() bool { return x.log.count(n2, event.Unsubscribed, wire.NotAllowed) > 0 })
	onlyFrom(x, c1, n0)
	onlyFrom(x, c2)
}

func declareConsumerRequire(x *trial) {
	n0, n1 := x.node("n0", tagged("trusted")), x.node("n1")
	p0, p1 := produce(x, n0, trustsProducers), produce(x, n1, trustsProducers)
	c := consume(x, x.node("n2"), trustsProducers)
	x.within("both to be known", func() bool { s := c.Status(); return len(s.Pending) == 1 && len(s.Subscriptions) == 1 })
	if s := c.Status().Pending[0]; s.Peer != n1.ID() || s.Reason != wire.NotAllowed || s.Tries != 0 {
		x.Errorf("the other is %+v", s)
	}
	onlyFrom(x, c, n0)
	serves(x, p1, 0)
	passes(x, p0, c)
}

func declareRequireTicket(x *trial) {
	k := signer(x, 1)
	v := []ticket.Validator{judge(x, k, "issuer")}
	d := stream.Define("both show tickets",
		stream.Producing[string](stream.ProducerConfig{Tickets: v}), stream.Consuming[string](stream.ConsumerConfig{Tickets: v}))
	good, over := x.node("good", holding(k, "issuer", time.Hour)), x.node("over", holding(k, "issuer", -time.Second))
	p := produce(x, good, d)
	expired := produce(x, over, d)
	served := consume(x, x.node("also", holding(k, "issuer", time.Hour)), d)
	refused := consume(x, x.node("none"), d)
	x.settle()
	serves(x, p, 1)
	onlyFrom(x, served, good)
	onlyFrom(x, refused)
	serves(x, expired, 0)
	passes(x, p, served)
}

func declareProducerRequireTicket(x *trial) {
	k := signer(x, 1)
	v := []ticket.Validator{judge(x, k, "issuer")}
	ticketsOfConsumers(x, k, stream.Define("consumers show tickets", stream.Producing[string](stream.ProducerConfig{Tickets: v})))
}

func declareConsumerRequireTicket(x *trial) {
	k := signer(x, 1)
	v := []ticket.Validator{judge(x, k, "issuer")}
	ticketsOfProducers(x, k, stream.Define("producers show tickets", stream.Consuming[string](stream.ConsumerConfig{Tickets: v})))
}

func declareMultipleRequireTicket(x *trial) {
	i := twoIssuers(x)
	d := stream.Define("both show two tickets",
		stream.Producing[string](stream.ProducerConfig{Tickets: i.validators}), stream.Consuming[string](stream.ConsumerConfig{Tickets: i.validators}))
	n0 := x.node("n0", i.first, i.second)
	p := produce(x, n0, d)
	partial := produce(x, x.node("half", i.first), d)
	both := consume(x, x.node("both", i.first, i.second), d)
	one, two := consume(x, x.node("first", i.first), d), consume(x, x.node("second", i.second), d)
	x.settle()
	serves(x, p, 1)
	onlyFrom(x, both, n0)
	onlyFrom(x, one)
	onlyFrom(x, two)
	serves(x, partial, 0)
	passes(x, p, both)
}

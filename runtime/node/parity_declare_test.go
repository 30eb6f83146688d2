package node_test

import (
	"time"

	"github.com/smalti/smalti/runtime/stream"
)

func declareSimple(x *trial) {
	p, c := produce(x, x.node("n0"), texts), consume(x, x.node("n1"), texts)
	serves(x, p, 1)
	send(x, p, "hello")
	if got := recv(x, c); got != "hello" || p.Stream() != texts.Stream() {
		x.Errorf("got %q", got)
	}
}

func declareConfigured(x *trial) {
	d := stream.Define("configured",
		stream.Producing[string](stream.ProducerConfig{MaxConsumers: 1, Lag: stream.DropOldest, Queue: 8}),
		stream.Consuming[string](stream.ConsumerConfig{Queue: 4}))
	p := produce(x, x.node("n0"), d)
	c := consume(x, x.node("n1"), d)
	serves(x, p, 1)
	consume(x, x.node("n2"), d)
	x.sleep(time.Second)
	serves(x, p, 1)
	send(x, p, "hello")
	if got := recv(x, c); got != "hello" {
		x.Errorf("got %q", got)
	}
}

func declareProducerOnly(x *trial) {
	p := produce(x, x.node("n0"), stream.Define("half", stream.Producing[string](stream.ProducerConfig{Queue: 2})))
	c, err := stream.Consume[string](x.node("n1").Streams(), "half", stream.ConsumerConfig{})
	if err != nil {
		x.Fatal(err)
	}
	serves(x, p, 1)
	send(x, p, "hello")
	if got := recv(x, c); got != "hello" {
		x.Errorf("got %q", got)
	}
}

package node_test

import (
	"errors"
	"strings"
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
)

// wants gives a requirement of all tags.
func wants(tags ...string) func(discovery.Peer) bool {
	return func(p discovery.Peer) bool {
		for _, t := range tags {
			if !p.Entry.HasTag(ident.NewTag(t)) {
				return false
			}
		}
		return true
	}
}

func producerRequireChaining(x *trial) {
	d := texts.With(stream.Producing[string](stream.ProducerConfig{Require: wants("tag1", "tag2")}))
	n0 := x.node("n0")
	both, one, none := x.node("both", tagged("tag1", "tag2")), x.node("one", tagged("tag1")), x.node("none")
	p := produce(x, n0, d)
	cs := []*stream.Consumer[string]{consume(x, both, d), consume(x, one, d), consume(x, none, d)}
	serves(x, p, 1)
	x.sleep(2 * time.Second)
	onlyFrom(x, cs[0], n0)
	onlyFrom(x, cs[1])
	onlyFrom(x, cs[2])
	send(x, p, "hello")
	if recv(x, cs[0]) != "hello" {
		x.Error("another datum")
	}
}

func producerByTag(x *trial) {
	guarded := texts.With(stream.Producing[string](stream.ProducerConfig{Require: wants("tag2")}))
	n0, n1 := x.node("n0"), x.node("n1")
	p0, p1 := produce(x, n0, guarded), produce(x, n1, texts)
	c3, c4 := consume(x, x.node("n3", tagged("tag1", "tag2")), texts), consume(x, x.node("n4", tagged("tag1")), texts)
	serves(x, p0, 1)
	serves(x, p1, 2)
	onlyFrom(x, c3, n0, n1)
	onlyFrom(x, c4, n1)
}

func multipleProducersOneStream(x *trial) {
	n := x.node("n0")
	p := produce(x, n, texts)
	_, err := texts.ProduceNew(n.Streams())
	var exists *stream.ExistsError[string]
	if !errors.As(err, &exists) || exists.Producer.Stream() != p.Stream() || !strings.Contains(err.Error(), "exists") {
		x.Errorf("a second one: %v", err)
	}
	if again := produce(x, n, texts); again.Incarnation() != p.Incarnation() {
		x.Error("Produce gives another one")
	}
}

func maxSubs(x *trial) {
	d := texts.With(stream.Producing[string](stream.ProducerConfig{MaxConsumers: 3}))
	p := produce(x, x.node("n0"), d)
	nodes := map[ident.PeerID]*node.Node{}
	for _, name := range []string{"c1", "c2", "c3", "c4", "c5", "c6", "c7"} {
		n := x.node(name)
		nodes[n.ID()] = n
		consume(x, n, d)
	}
	serves(x, p, 3)
	x.sleep(2 * time.Second)
	serves(x, p, 3)
	full := p.When().Quorum(stream.AtLeast(3))
	before := p.Status().Subscriptions
	x.leave(nodes[before[0].Peer])
	if err := full.Not().Wait(x.limited(2 * time.Second)); err != nil {
		// A slot may be taken at once.
		x.within("another consumer", func() bool { return p.Status().Subscriptions[2].ID > before[2].ID })
	}
	if err := full.Wait(x.limited(25 * time.Second)); err != nil {
		x.Errorf("the free slot: %v", err)
	}
	after := p.Status().Subscriptions
	if len(after) != 3 || after[0].ID != before[1].ID || after[1].ID != before[2].ID {
		x.Errorf("the old ones did not stay: %+v", after)
	}
}

func producerOnlineWhen(x *trial) {
	two := stream.Define("two", stream.Producing[string](stream.ProducerConfig{Online: stream.AtLeast(2)}))
	one := stream.Define[string]("one")
	n0 := x.node("n0")
	p2, p1 := produce(x, n0, two), produce(x, n0, one)
	if p2.Status().Online || p1.Status().Online {
		x.Error("online without consumers")
	}
	n1, n2 := x.node("n1"), x.node("n2")
	for _, n := range []*node.Node{n1, n2} {
		consume(x, n, one)
		consume(x, n, two)
		if err := p1.When().Online().Wait(x.limited(10 * time.Second)); err != nil {
			x.Errorf("with a consumer: %v", err)
		}
	}
	if err := p2.When().Online().Wait(x.limited(10 * time.Second)); err != nil {
		x.Errorf("with two: %v", err)
	}
	x.leave(n2)
	if err := p2.When().Offline().Wait(x.limited(10 * time.Second)); err != nil {
		x.Errorf("with one left: %v", err)
	}
	if !p1.Status().Online {
		x.Error("the other went offline too")
	}
}

func sendFailsIfOffline(x *trial) {
	p := produce(x, x.node("n0"), texts)
	if _, err := p.Send(x.limited(2*time.Second), "early"); err == nil {
		x.Error("sent without consumers")
	}
	offline := func() {
		x.Helper()
		_, err := p.TrySend("back")
		var back *stream.SendError[string]
		if !errors.Is(err, stream.ErrOffline) || !errors.As(err, &back) || back.Datum != "back" {
			x.Errorf("offline: %v", err)
		}
	}
	offline()
	c := consume(x, x.node("n1"), texts)
	if err := p.When().Online().Wait(x.limited(10 * time.Second)); err != nil {
		x.Fatal(err)
	}
	send(x, p, "hello")
	if got := recv(x, c); got != "hello" {
		x.Errorf("got %q", got)
	}
	c.Close()
	if err := p.When().Offline().Wait(x.limited(10 * time.Second)); err != nil {
		x.Error(err)
	}
	serves(x, p, 0)
	offline()
}

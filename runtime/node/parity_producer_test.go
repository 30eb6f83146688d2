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

// both chains two requirements.
func both(a, b func(discovery.Peer) bool) func(discovery.Peer) bool {
	return func(p discovery.Peer) bool { return a(p) && b(p) }
}

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
	d := texts.With(stream.Producing[string](stream.ProducerConfig{Require: both(wants("tag1"), wants("tag2"))}))
	n0 := x.node("n0")
	tags, one, none := x.node("both", tagged("tag1", "tag2")), x.node("one", tagged("tag1")), x.node("none")
	p := produce(x, n0, d)
	c := consume(x, tags, d)
	c1, c2 := consume(x, one, d), consume(x, none, d)
	serves(x, p, 1)
	x.within("two refusals", func() bool { r := refused(x, n0); return r[one.ID()] && r[none.ID()] })
	onlyFrom(x, c, n0)
	onlyFrom(x, c1)
	onlyFrom(x, c2)
	passes(x, p, c)
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
	when := func(name string, q stream.Quorum) *stream.Def[string] {
		return stream.Define(name, stream.Producing[string](stream.ProducerConfig{Online: q}))
	}
	one, two := stream.Define[string]("one"), when("two", stream.AtLeast(2))
	tag2 := when("two with a tag", stream.AtLeast(2).Tagged(ident.NewTag("tag2")))
	n0 := x.node("n0")
	p1, p2, p3 := produce(x, n0, one), produce(x, n0, two), produce(x, n0, tag2)
	online := func(what string, a, b, c bool) {
		x.Helper()
		x.within(what, func() bool {
			return p1.Status().Online == a && p2.Status().Online == b && p3.Status().Online == c
		})
	}
	join := func(name string, count int, tags ...string) *node.Node {
		n := x.node(name, tagged(tags...))
		for i, d := range []*stream.Def[string]{one, two, tag2} {
			consume(x, n, d)
			serves(x, []*stream.Producer[string]{p1, p2, p3}[i], count)
		}
		return n
	}
	online("nobody", false, false, false)
	join("n2", 1, "tag1")
	online("one", true, false, false)
	join("n3", 2, "tag1", "tag2")
	online("two, one with the tag", true, true, false)
	n4 := join("n4", 3, "tag2")
	online("three, two with the tag", true, true, true)
	x.leave(n4)
	serves(x, p3, 2)
	online("two, one with the tag again", true, true, false)
	x.leave(x.nodes[1])
	online("one left", true, false, false)
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

package node_test

import (
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
)

func consumerRequireChaining(x *trial) {
	d := texts.With(stream.Consuming[string](stream.ConsumerConfig{Require: both(wants("tag1"), wants("tag2"))}))
	n0, one, none := x.node("both", tagged("tag1", "tag2")), x.node("one", tagged("tag1")), x.node("none")
	p := produce(x, n0, d)
	produce(x, one, d)
	produce(x, none, d)
	c := consume(x, x.node("n3"), d)
	x.settle()
	onlyFrom(x, c, n0)
	send(x, p, "hello")
	if recv(x, c) != "hello" {
		x.Error("another datum")
	}
}

func consumerByTag(x *trial) {
	picky := texts.With(stream.Consuming[string](stream.ConsumerConfig{Require: wants("tag2")}))
	n0, n1 := x.node("n0"), x.node("n1", tagged("tag2"))
	p0, p1 := produce(x, n0, texts), produce(x, n1, texts)
	c2, c3 := consume(x, x.node("n2"), picky), consume(x, x.node("n3"), texts)
	serves(x, p0, 1)
	serves(x, p1, 2)
	onlyFrom(x, c2, n1)
	onlyFrom(x, c3, n0, n1)
}

func dynamicTagReevaluation(x *trial) {
	d := texts.With(stream.Consuming[string](stream.ConsumerConfig{Require: wants("leader")}))
	n0, n1, n2 := x.node("n0", tagged("leader")), x.node("n1"), x.node("n2")
	produce(x, n0, d)
	produce(x, n1, d)
	c := consume(x, n2, d)
	onlyFrom(x, c, n0)
	feed := func(from *node.Node) {
		x.Helper()
		me, _ := from.Discovery().Catalog().Get(from.ID())
		if err := n2.Discovery().Feed(x.ctx, me.Signed()); err != nil {
			x.Error(err)
		}
	}
	n0.Discovery().RemoveTags(ident.NewTag("leader"))
	x.within("the tag to go", func() bool { return !n0.Discovery().Me().HasTag(ident.NewTag("leader")) })
	feed(n0)
	if err := c.When().Unsubscribed().Wait(x.limited(3 * time.Second)); err != nil {
		x.Errorf("still subscribed: %v", err)
	}
	must(n1.Discovery().AddTags(ident.NewTag("leader")))
	x.within("the tag to come", func() bool { return n1.Discovery().Me().HasTag(ident.NewTag("leader")) })
	feed(n1)
	onlyFrom(x, c, n1)
}

func consumerOnlineWhen(x *trial) {
	d := texts.With(stream.Consuming[string](stream.ConsumerConfig{Online: stream.AtLeast(2).Tagged(ident.NewTag("t1"), ident.NewTag("t2"))}))
	c := consume(x, x.node("n0"), d)
	if c.Status().Online {
		x.Error("online with nobody")
	}
	n1 := x.node("n1", tagged("t1", "t2"))
	produce(x, n1, d)
	produce(x, x.node("n2", tagged("t1")), d)
	x.within("two producers", func() bool { return len(c.Status().Subscriptions) == 2 })
	if c.Status().Online {
		x.Error("online with one that has both tags")
	}
	produce(x, x.node("n3", tagged("t1", "t2")), d)
	if err := c.When().Online().Wait(x.limited(10 * time.Second)); err != nil {
		x.Error(err)
	}
	x.leave(n1)
	if err := c.When().Offline().Wait(x.limited(10 * time.Second)); err != nil {
		x.Error(err)
	}
}

func onlineWhenCatalogRemoval(x *trial) {
	d := texts.With(stream.Consuming[string](stream.ConsumerConfig{Online: stream.AtLeast(2), Require: wants("trusted")}))
	n1, n2 := x.node("n1", tagged("trusted")), x.node("n2", tagged("trusted"))
	produce(x, n1, d)
	produce(x, n2, d)
	c := consume(x, x.node("n0"), d)
	if err := c.When().Online().Wait(x.limited(10 * time.Second)); err != nil {
		x.Fatal(err)
	}
	n2.Discovery().RemoveTags(ident.NewTag("trusted"))
	if err := c.When().Offline().Wait(x.limited(10 * time.Second)); err != nil {
		x.Error(err)
	}
}

// onlineWhenDefaultIsImmediate checks that a consumer is online at once only with a quorum
// of 0. The default is 1; in mosaik it is 0, so that consumers without a producer are online.
func onlineWhenDefaultIsImmediate(x *trial) {
	n := x.node("n0")
	c := consume(x, n, texts.With(stream.Consuming[string](stream.ConsumerConfig{Online: stream.AtLeast(0)})))
	if err := c.When().Online().Wait(x.limited(time.Second)); err != nil {
		x.Error(err)
	}
	d := consume(x, n, texts)
	if err := d.When().Online().Wait(x.limited(time.Second)); err == nil || d.Status().Online {
		x.Error("online by default without a producer")
	}
	if len(c.Status().Subscriptions)+len(d.Status().Subscriptions) != 0 {
		x.Error("somebody is there")
	}
	produce(x, x.node("n1"), texts)
	if err := d.When().Online().Wait(x.limited(10 * time.Second)); err != nil {
		x.Error(err)
	}
}

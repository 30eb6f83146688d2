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

func sendRecv(x *trial) {
	p := produce(x, x.node("n0"), texts)
	c1, c2 := consume(x, x.node("n1"), texts), consume(x, x.node("n2"), texts)
	serves(x, p, 2)
	for range 100 {
		send(x, p, "hello")
	}
	for range 100 {
		if recv(x, c1) != "hello" || recv(x, c2) != "hello" {
			x.Error("another datum")
		}
	}
	for _, s := range []stream.Stats{c1.Stats(), c2.Stats()} {
		if s.Datums != 100 {
			x.Errorf("stats say %+v", s)
		}
	}
}

func subscriptionTriggersCatalogSync(x *trial) {
	n0 := x.node("n0", tagged("tag1", "tag2", "tag3"))
	p := produce(x, n0, texts)
	n1 := x.node("n1", alone)
	// n1 knows n0 on trust only, and n0 does not know n1.
	me := *n0.Discovery().Me()
	me.Tags, me.Tickets = nil, nil
	me.Streams = []ident.StreamID{texts.Stream()}
	if err := n1.Discovery().InsertUnsigned(x.ctx, me); err != nil {
		x.Fatal(err)
	}
	c := consume(x, n1, texts)
	serves(x, p, 1)
	send(x, p, "hello")
	if got := recv(x, c); got != "hello" {
		x.Errorf("got %q", got)
	}
	x.within("the signed entry", func() bool {
		peer, ok := n1.Discovery().Catalog().Get(n0.ID())
		return ok && !peer.Unsigned() && len(peer.Entry.Tags) == 3
	})
}

func customStreamID(x *trial) {
	one, two := stream.Define[string]("stream1234"), stream.Define[string]("stream5678")
	n0, n1, n2 := x.node("n0"), x.node("n1"), x.node("n2")
	p1, p2 := produce(x, n0, one), produce(x, n0, two)
	c1, c2 := consume(x, n1, one), consume(x, n2, two)
	serves(x, p1, 1)
	serves(x, p2, 1)
	send(x, p1, "one")
	send(x, p2, "two")
	if a, b := recv(x, c1), recv(x, c2); a != "one" || b != "two" {
		x.Errorf("got %q and %q", a, b)
	}
	empty(x, c1)
	empty(x, c2)
}

// loud is a codec that adds to what it decodes.
type loud struct{}

func (loud) Append(b []byte, v string) ([]byte, error) { return append(b, v...), nil }
func (loud) Decode(data []byte) (string, error)        { return string(data) + "!", nil }

func customDatumEncoding(x *trial) {
	d := stream.Define("loud", stream.WithCodec[string](loud{}))
	p, c := produce(x, x.node("n0"), d), consume(x, x.node("n1"), d)
	serves(x, p, 1)
	send(x, p, "hello")
	if got := recv(x, c); got != "hello!" {
		x.Errorf("got %q", got)
	}
}

func streamDef(x *trial) {
	d := stream.Define[string]("a-named-stream")
	p, c := produce(x, x.node("n0"), d), consume(x, x.node("n1"), d)
	if p.Stream() != ident.Stream("a-named-stream") || c.Stream() != p.Stream() {
		x.Error("ids differ")
	}
	serves(x, p, 1)
	send(x, p, "hello")
	if got := recv(x, c); got != "hello" {
		x.Errorf("got %q", got)
	}
}

// lines are texts whose encoding is as long as they are.
var lines = stream.Define("lines", stream.WithCodec[string](quiet{}))

type quiet struct{ loud }

func (quiet) Decode(data []byte) (string, error) { return string(data), nil }

func statsProducer(x *trial) {
	n0, n1, n2 := x.node("n0"), x.node("n1"), x.node("n2")
	p := produce(x, n0, lines)
	if len(p.Status().Subscriptions) != 0 {
		x.Error("somebody is there already")
	}
	c1 := consume(x, n1, lines)
	serves(x, p, 1)
	if got := p.Status().Subscriptions[0].Stats(); got != (stream.Stats{}) {
		x.Errorf("before the first datum: %+v", got)
	}
	send(x, p, "item1")
	recv(x, c1)
	c2 := consume(x, n2, lines)
	serves(x, p, 2)
	send(x, p, "item-2")
	recv(x, c1)
	recv(x, c2)
	for _, s := range p.Status().Subscriptions {
		want, c := stream.Stats{Datums: 2, Bytes: 11}, c1
		if s.Peer == n2.ID() {
			want, c = stream.Stats{Datums: 1, Bytes: 6}, c2
		}
		x.within("statistics", func() bool { return s.Stats() == want && c.Stats() == want })
	}
}

func statsConsumer(x *trial) {
	n0, n1, n2 := x.node("n0"), x.node("n1"), x.node("n2")
	p0, p1 := produce(x, n0, lines), produce(x, n1, lines)
	c := consume(x, n2, lines)
	serves(x, p0, 1)
	serves(x, p1, 1)
	for _, p := range []*stream.Producer[string]{p0, p1, p0} {
		send(x, p, "item-0")
		recv(x, c)
	}
	for _, s := range c.Status().Subscriptions {
		want := stream.Stats{Datums: 2, Bytes: 12}
		if s.Peer == n1.ID() {
			want = stream.Stats{Datums: 1, Bytes: 6}
		}
		if got := s.Stats(); got != want {
			x.Errorf("of one producer: %+v, want %+v", got, want)
		}
	}
	if got, want := c.Stats(), (stream.Stats{Datums: 3, Bytes: 18}); got != want {
		x.Errorf("in total: %+v, want %+v", got, want)
	}
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

// onlyFrom waits until a consumer has exactly these producers, and sees that it
// stays so.
func onlyFrom[T any](x *trial, c *stream.Consumer[T], producers ...*node.Node) {
	x.Helper()
	ok := func() bool {
		subs := c.Status().Subscriptions
		for _, s := range subs {
			known := false
			for _, n := range producers {
				known = known || n.ID() == s.Peer
			}
			if !known {
				return false
			}
		}
		return len(subs) == len(producers)
	}
	x.within("the producers of a consumer", ok)
	x.sleep(time.Second)
	if !ok() {
		x.Errorf("then: %+v", c.Status())
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

func consumerRequireChaining(x *trial) {
	d := texts.With(stream.Consuming[string](stream.ConsumerConfig{Require: wants("tag1", "tag2")}))
	both, one, none := x.node("both", tagged("tag1", "tag2")), x.node("one", tagged("tag1")), x.node("none")
	p := produce(x, both, d)
	produce(x, one, d)
	produce(x, none, d)
	c := consume(x, x.node("n3"), d)
	x.settle()
	onlyFrom(x, c, both)
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
	n1.Discovery().AddTags(ident.NewTag("leader"))
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

func onlineWhenDefaultIsImmediate(x *trial) {
	c := consume(x, x.node("n0"), texts)
	if err := c.When().Online().Wait(x.limited(time.Second)); err != nil {
		x.Error(err)
	}
	if len(c.Status().Subscriptions) != 0 {
		x.Error("somebody is there")
	}
}

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

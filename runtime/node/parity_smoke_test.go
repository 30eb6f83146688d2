package node_test

import (
	"time"

	"github.com/smalti/smalti/runtime/ident"
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
	me.Streams = []ident.StreamPrefix{texts.Stream().Prefix()}
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

func (loud) Decode(data []byte) (string, error) { return string(data) + "!", nil }

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

// ownStream has a node consume what it produces, beside another node.
func ownStream(x *trial) {
	n0 := x.node("n0")
	p := produce(x, n0, texts)
	own := consume(x, n0, texts)
	serves(x, p, 1)
	send(x, p, "alone")
	other := consume(x, x.node("n1"), texts)
	serves(x, p, 2)
	for range 100 {
		send(x, p, "both")
	}
	if recv(x, own) != "alone" {
		x.Error("another datum first")
	}
	for range 100 {
		if recv(x, own) != "both" || recv(x, other) != "both" {
			x.Error("another datum")
		}
	}
	onlyFrom(x, own, n0)
	onlyFrom(x, other, n0)
	if err := p.Close(x.limited(10 * time.Second)); err != nil {
		x.Errorf("close: %v", err)
	}
}

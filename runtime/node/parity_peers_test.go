package node_test

import (
	"context"
	"errors"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// knows tells whether a node has an entry of a peer.
func knows(n *node.Node, peer ident.PeerID) bool {
	_, ok := n.Discovery().Catalog().Get(peer)
	return ok
}

// purgeOfUnsignedEntries: what was put in by hand is told to nobody and goes when
// it is taken out, and what is signed stays.
func purgeOfUnsignedEntries(x *trial) {
	n0, n1 := x.node("n0"), x.node("n1")
	x.settle()
	c := consume(x, n0, texts)
	insert := func(name string) ident.PeerID {
		x.Helper()
		id := x.key(name).PeerID()
		e := discovery.Entry{
			Network: x.network(), Peer: id, Version: discovery.Version{Started: 1, Updated: 1},
			Addrs: []string{"127.0.0.1:1024"}, Streams: []ident.StreamPrefix{texts.Stream().Prefix()},
		}
		if err := n0.Discovery().InsertUnsigned(x.ctx, e); err != nil {
			x.Fatal(err)
		}
		return id
	}
	ghosts := []ident.PeerID{insert("ghost 1"), insert("ghost 2"), insert("ghost 3")}
	x.within("producers to try", func() bool { return len(c.Status().Pending) == 3 })
	if err := n1.Discovery().SyncWith(x.limited(10*time.Second), n0.ID(), nil); err != nil {
		x.Error(err)
	}
	if n := n1.Discovery().Catalog().Len(); n != 2 {
		x.Errorf("the other node knows %d peers, want 2", n)
	}
	n0.Discovery().RemoveUnsigned(n1.ID()) // who has signed
	n0.Discovery().RemoveUnsigned(ghosts[1])
	x.within("two producers", func() bool { return len(c.Status().Pending) == 2 })
	if knows(n0, ghosts[1]) || !knows(n0, ghosts[0]) || !knows(n0, n1.ID()) {
		x.Error("another one was removed")
	}
	n0.Discovery().ClearUnsigned()
	x.within("no producer", func() bool { return len(c.Status().Pending) == 0 })
	if n := n0.Discovery().Catalog().Len(); n != 2 || !knows(n0, n1.ID()) {
		x.Errorf("%d peers are left, want 2", n)
	}
	if n := x.log.count(n0, event.PeerDeparted); n != 3 {
		x.Errorf("%d departures told, want 3", n)
	}
}

// departureRaces: a departure wins over entries of the same run whichever comes
// first, and not over the next run; nodes may leave at the same time.
func departureRaces(x *trial) {
	n0, n1, n2, n3 := x.node("n0"), x.node("n1"), x.node("n2"), x.node("n3")
	p, c := produce(x, n1, texts), consume(x, n0, texts)
	consume(x, n2, texts)
	x.settle()
	serves(x, p, 2)
	last, _ := n0.Discovery().Catalog().Get(n1.ID())
	leaves := func(n *node.Node) *runtime.Watch[*outcome] {
		return x.task(func(ctx context.Context) error { return n.Close(ctx) })
	}
	one, two := leaves(n1), leaves(n2)
	x.within("both departures", func() bool {
		return !knows(n0, n1.ID()) && !knows(n0, n2.ID()) && !knows(n3, n1.ID()) && !knows(n3, n2.ID())
	})
	if err := errors.Join(x.await("one close", one), x.await("the other", two)); err != nil {
		x.Error(err)
	}
	for _, n := range []*node.Node{n0, n3} {
		if err := n.Discovery().Feed(x.ctx, last.Signed()); err != nil {
			x.Errorf("an entry that comes late: %v", err)
		}
		if knows(n, n1.ID()) {
			x.Error("an entry came back after its departure")
		}
		if told := x.log.count(n, event.PeerDeparted); told != 2 {
			x.Errorf("%d departures told, want 2", told)
		}
	}
	again := x.node("n1")
	p = produce(x, again, texts)
	serves(x, p, 1)
	send(x, p, "hello")
	d, err := c.Recv(x.limited(10 * time.Second))
	if gap := (*stream.Gap)(nil); errors.As(err, &gap) && gap.Unknown && gap.Count == 0 {
		d.Value, err = recv(x, c), nil // the news of the departure came before the end of the link
	}
	if err != nil || d.Value != "hello" {
		x.Errorf("got %q, %v", d.Value, err)
	}
	x.within("the next run to be known", func() bool { return knows(n3, again.ID()) })
}

// eventCounts: what nodes report adds up to what is.
func eventCounts(x *trial) {
	d := lines.With(
		stream.Producing[string](stream.ProducerConfig{MaxConsumers: 2}), stream.Consuming[string](stream.ConsumerConfig{Backoff: impatient}))
	n0 := x.node("n0")
	p := produce(x, n0, d)
	adds := func(what string, active int) {
		x.Helper()
		x.within(what, func() bool {
			accepted, ended := x.log.count(n0, event.SubAccepted), x.log.count(n0, event.SubEnded)
			online := x.log.count(n0, event.ProducerOnline)-x.log.count(n0, event.ProducerOffline) == 1
			return accepted-ended == active && len(p.Status().Subscriptions) == active && online == (active > 0)
		})
	}
	adds("nobody", 0)
	n1, n2, n3 := x.node("n1"), x.node("n2"), x.node("n3")
	c1 := consume(x, n1, d)
	adds("one", 1)
	c2 := consume(x, n2, d)
	adds("two", 2)
	c3 := consume(x, n3, d)
	x.within("refusals", func() bool { return x.log.count(n0, event.SubRefused, wire.NoCapacity) > 1 })
	adds("still two", 2)
	for range 50 {
		passes(x, p, c1, c2)
	}
	for _, n := range []*node.Node{n1, n2} {
		enqueued, written := x.log.sum(n0, n.ID(), event.Enqueued), x.log.sum(n0, n.ID(), event.Written)
		if got := x.log.sum(n, n0.ID(), event.Received); enqueued != 50 || written != 50 || got != 50 {
			x.Errorf("enqueued %d, written %d, received %d; want 50 each", enqueued, written, got)
		}
	}
	c1.Close()
	x.within("the third", func() bool { return len(c3.Status().Subscriptions) == 1 })
	adds("two others", 2)
	x.leave(n2)
	adds("one of them", 1)
	if err := p.Close(x.limited(10 * time.Second)); err != nil {
		x.Error(err)
	}
	adds("nobody again", 0)
	for _, e := range x.log.told(n0, event.SubAccepted) {
		if e.N < 1 || e.N > 2 {
			x.Errorf("%d active at an admission, want 1 or 2", e.N)
		}
	}
	for _, frame := range [][2]event.Kind{{event.ProducerOpened, event.ProducerClosed}, {event.NodeStarted, event.NodeStopped}} {
		n := n0
		if frame[0] == event.NodeStarted {
			n = n2
		}
		if opened, closed := x.log.count(n, frame[0]), x.log.count(n, frame[1]); opened != 1 || closed != 1 {
			x.Errorf("%s %d times, %s %d times", frame[0], opened, frame[1], closed)
		}
	}
}

// twoConsumersInOneNode: each has a subscription and a place of its own.
func twoConsumersInOneNode(x *trial) {
	n0, n1 := x.node("n0"), x.node("n1")
	p := produce(x, n0, texts)
	c1, c2 := consume(x, n1, texts), consume(x, n1, texts)
	serves(x, p, 2)
	if s := p.Status().Subscriptions; s[0].Peer != n1.ID() || s[1].Peer != n1.ID() || s[0].ID == s[1].ID {
		x.Errorf("subscriptions: %+v", s)
	}
	for range 10 {
		send(x, p, "hello")
	}
	for range 10 {
		if recv(x, c1) != "hello" {
			x.Error("another datum")
		}
	}
	empty(x, c1)
	c1.Close()
	serves(x, p, 1)
	passes(x, p)
	for range 11 { // what it did not take yet, and what came since
		if recv(x, c2) != "hello" {
			x.Error("another datum")
		}
	}
	empty(x, c2)
	if _, err := c1.Recv(x.limited(10 * time.Second)); !errors.Is(err, stream.ErrClosed) {
		x.Errorf("the closed one: %v", err)
	}
	if a, b := c1.Stats().Datums, c2.Stats().Datums; a != 10 || b != 11 {
		x.Errorf("stats say %d and %d", a, b)
	}
}

// samePeerTwice: a peer has so many subscriptions and no more, and one that comes
// back without a farewell takes its own place.
func samePeerTwice(x *trial) {
	d := texts.With(
		stream.Producing[string](stream.ProducerConfig{MaxPerPeer: 1, MaxConsumers: 2}),
		stream.Consuming[string](stream.ConsumerConfig{Backoff: impatient}))
	n0, n1 := x.node("n0"), x.node("n1")
	p := produce(x, n0, d)
	consume(x, n1, d)
	serves(x, p, 1)
	consume(x, n1, d)
	x.within("the refusal", func() bool { return x.log.count(n0, event.SubRefused, wire.NoCapacity) > 0 })
	other := consume(x, x.node("n2"), d)
	serves(x, p, 2)
	passes(x, p, other)
	before := p.Status().Subscriptions[0]
	n1.Env().Transport.Close()
	back := x.node("n1")
	c := consume(x, back, d)
	x.within("the return", func() bool {
		s := p.Status().Subscriptions
		return len(s) == 2 && s[1].Peer == before.Peer && s[1].ID > before.ID && len(c.Status().Subscriptions) == 1
	})
	passes(x, p, c, other)
	empty(x, c)
	if n := x.log.count(n0, event.SubAccepted) - x.log.count(n0, event.SubEnded); n != 2 {
		x.Errorf("%d active, want 2", n)
	}
}

// duplicateIDsWithOtherTypes: one node has one type of a stream; who gets another
// from elsewhere is told, and the stream goes on.
func duplicateIDsWithOtherTypes(x *trial) {
	numbers := stream.Define[int]("texts")
	n0, n1, n2 := x.node("n0"), x.node("n1"), x.node("n2")
	p := produce(x, n0, texts)
	var other *stream.TypeError
	if _, err := numbers.Produce(n0.Streams()); !errors.Is(err, stream.ErrType) || !errors.As(err, &other) || other.Have == other.Want {
		x.Errorf("another type on the same node: %v", err)
	}
	if _, err := numbers.ProduceNew(n0.Streams()); !errors.Is(err, stream.ErrType) {
		x.Errorf("a new one of another type: %v", err)
	}
	q := produce(x, n1, numbers)
	c := consume(x, n2, texts)
	serves(x, p, 1)
	serves(x, q, 1)
	send(x, q, 7)
	_, err := c.Recv(x.limited(10 * time.Second))
	var decode *stream.DecodeError
	if !errors.As(err, &decode) || decode.Producer != n1.ID() || decode.Seq != 1 {
		x.Errorf("a datum of another type: %v", err)
	}
	passes(x, p, c)
	if n := x.log.count(n2, event.DecodeFailed); n != 1 {
		x.Errorf("%d failures told, want 1", n)
	}
	if err := p.Close(x.limited(10 * time.Second)); err != nil {
		x.Error(err)
	}
	serves(x, produce(x, n0, numbers), 1) // the id is free
}

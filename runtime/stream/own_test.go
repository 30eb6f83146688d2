package stream_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// counted counts how often a datum is encoded.
type counted struct {
	stream.Bytes
	n *int
}

func (c counted) Append(b, v []byte) ([]byte, error) {
	*c.n++
	return c.Bytes.Append(b, v)
}

// What an application gets it may write into, though the producer's node shares a datum
// among its subscriptions.
func TestNodesOwnConsumerHasADatumOfItsOwn(t *testing.T) {
	b := newBed(t, 1, "p")
	p := b.produce("p", stream.ProducerConfig{})
	first, second := b.consume("p", stream.ConsumerConfig{}), b.consume("p", stream.ConsumerConfig{})
	b.within(time.Second, "consumers", subscribed(2, p))
	_, err := p.TrySend([]byte("abc"))
	must(err)
	b.run(time.Second)
	one, err := first.TryRecv()
	must(err)
	copy(one.Value, "xyz")
	if other, err := second.TryRecv(); err != nil || string(other.Value) != "abc" {
		t.Errorf("received %q, %v, want abc", other.Value, err)
	}
}

func TestNodeConsumesItsOwnStream(t *testing.T) {
	for seed := range uint64(10) {
		b := newBed(t, seed, "p", "c")
		encoded := 0
		p, err := stream.Produce(b.nodes["p"].Streams(), name, stream.ProducerConfig{}, stream.WithCodec[[]byte](counted{n: &encoded}))
		must(err)
		own := b.receive("p", b.consume("p", stream.ConsumerConfig{}), 0)
		b.within(time.Second, "the node's own consumer", subscribed(1, p))
		if s := p.Status().Subscriptions[0]; s.Peer != b.id("p") || s.Entry.Peer != b.id("p") {
			t.Errorf("seed %d: subscription of %s, want the node's own", seed, s.Peer.Short())
		}
		other := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
		b.within(5*time.Second, "another", subscribed(2, p))
		b.sendAll(p, 0, 99)
		closed := b.task("p", p.Close)
		b.within(10*time.Second, "close", closed.done)
		b.run(time.Second)
		if closed.err != nil || !own.inOrder(0, 99) || !other.inOrder(0, 99) || encoded != 100 {
			t.Errorf("seed %d: close: %v; own %v, other %v; encoded %d times, want all and 100", seed, closed.err, own.values, other.values, encoded)
		}
		if len(own.gaps) > 0 || b.count("p", event.Unsubscribed, wire.GracefulShutdown) != 1 {
			t.Errorf("seed %d: told %v after an orderly end", seed, own.gaps)
		}
		again := b.produce("p", stream.ProducerConfig{})
		b.within(20*time.Second, "both again", subscribed(2, again))
		b.sendAll(again, 100, 100)
		if !own.inOrder(0, 100) {
			t.Errorf("seed %d: of the next producer: %v", seed, own.values)
		}
	}
}

func TestConsumerOfANodeComesBeforeItsProducer(t *testing.T) {
	for seed := range uint64(20) {
		b := newBed(t, seed, "p")
		g := b.receive("p", b.consume("p", stream.ConsumerConfig{}), 0)
		b.run(time.Second)
		p := b.produce("p", stream.ProducerConfig{})
		b.within(100*time.Millisecond, "the node's own consumer", subscribed(1, p))
		if n := b.count("p", event.Unsubscribed); n != 0 {
			t.Errorf("seed %d: refused %d times at first", seed, n)
		}
		b.sendAll(p, 0, 9)
		if !g.inOrder(0, 9) {
			t.Errorf("seed %d: received %v", seed, g.values)
		}
	}
}

func TestNoEchoLeavesTheNodesOwnProducerOut(t *testing.T) {
	b := newBed(t, 1, "p", "q")
	p, q := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(0)}), b.produce("q", stream.ProducerConfig{})
	c := b.consume("p", stream.ConsumerConfig{NoEcho: true})
	g := b.receive("p", c, 0)
	b.within(5*time.Second, "the other's", subscribed(1, q))
	b.run(5 * time.Second)
	b.sendAll(p, 0, 9)
	b.sendAll(q, 10, 19)
	if len(g.values) != 10 || g.values[0] != 10 || len(p.Status().Subscriptions) != 0 || len(c.Status().Pending) != 0 {
		t.Errorf("received %v; %+v; %+v", g.values, p.Status(), c.Status())
	}
}

// What holds for consumers elsewhere holds for one on the producer's node.
func TestNodesOwnConsumerIsOneAsAnyOther(t *testing.T) {
	b := newBed(t, 1, "p")
	p := b.produce("p", stream.ProducerConfig{Tickets: tickets(), RTTBelow: time.Millisecond, Lag: stream.DropOldest, Queue: 8, Online: stream.AtLeast(0)})
	c := b.consume("p", stream.ConsumerConfig{Queue: 1, RTTBelow: time.Millisecond, Tickets: tickets()})
	b.run(time.Second)
	if s := c.Status(); len(s.Pending) != 1 || s.Pending[0].Reason != wire.NotAllowed {
		t.Fatalf("without a ticket: %+v", s)
	}
	end := b.Now() + 20*time.Second
	must(b.nodes["p"].Discovery().SetTickets([]ticket.Ticket{b.right("p", end)}))
	b.within(time.Second, "a ticket to count", subscribed(1, p))
	const sent = 20_000 // more than its queue, the link and the ring hold
	for i := range sent {
		if _, err := p.TrySend(payload(i, 100)); err != nil {
			b.run(time.Millisecond)
			_, err = p.TrySend(payload(i, 100))
			must(err)
		}
	}
	b.run(time.Second)
	g := b.receive("p", c, 0)
	b.run(2 * time.Second)
	missed := 0
	for _, gap := range g.gaps {
		missed += int(gap.Count)
	}
	if missed == 0 || missed+len(g.values) != sent {
		t.Errorf("received %d, missed %d of %d", len(g.values), missed, sent)
	}
	b.run(end - b.Now() + time.Second)
	if n := b.count("p", event.SubDraining, wire.Expired); n != 1 {
		t.Errorf("ended %d times with the ticket", n)
	}
}

// A slow consumer on the producer's node paces it, and is not cut while it goes on.
func TestNodesOwnConsumerPacesABlockingProducer(t *testing.T) {
	b := newBed(t, 1, "p")
	p := b.produce("p", stream.ProducerConfig{Lag: stream.Block, BlockMax: 2 * time.Second})
	g := b.receive("p", b.consume("p", stream.ConsumerConfig{}), 50*time.Millisecond)
	b.within(time.Second, "consumer", subscribed(1, p))
	b.fill(p, 100_000)
	b.run(5 * time.Minute)
	if n := len(g.values); n < 5000 || !g.inOrder(0, n-1) || len(g.gaps) > 0 || b.count("p", event.SubEnded) > 0 {
		t.Errorf("received %d, told %v, ended %d times; want 6,000 and no end", n, g.gaps, b.count("p", event.SubEnded))
	}
}

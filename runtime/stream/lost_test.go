package stream_test

import (
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// A producer that gives its consumer up at the end of its close does not end in order.
func TestProducerThatGivesUpIsToldAsOne(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Lag: stream.Block})
	c := b.consume("c", stream.ConsumerConfig{Queue: 1})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	sent := b.fill(p, 100_000)
	closed := b.task("p", p.Close) // while the consumer takes nothing
	b.within(20*time.Second, "close", closed.done)
	if closed.err == nil {
		t.Fatal("closed in order, though the consumer took nothing")
	}
	b.run(time.Second)
	if n := b.count("c", event.Unsubscribed, wire.DrainTimeout); n != 1 {
		t.Errorf("%d ends with drain-timeout, want 1", n)
	}
	g := b.receive("c", c, 0)
	b.run(5 * time.Second)
	if len(g.values) >= sent || len(g.gaps) != 1 || !g.gaps[0].Unknown {
		t.Errorf("received %d of %d, gaps %v; want a part of them, and to be told", len(g.values), sent, g.gaps)
	}
}

func TestProducerThatDoesNotComeBackIsTold(t *testing.T) {
	for what, end := range map[string]func(*bed, *stream.Producer[[]byte]){
		"killed": func(b *bed, _ *stream.Producer[[]byte]) { b.Host("p").Crash() },
		"closed while the consumer is away": func(b *bed, p *stream.Producer[[]byte]) {
			b.Net.Partition([]string{"p"}, []string{"c"})
			b.run(time.Minute)
			b.task("p", p.Close)
			b.run(time.Second)
			b.Net.Unpartition([]string{"p"}, []string{"c"})
		},
	} {
		b := newBed(t, 1, "p", "c", "d")
		p := b.produce("p", stream.ProducerConfig{})
		g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		b.sendAll(p, 0, 4)
		end(b, p)
		b.within(5*time.Minute, what+": a gap", func() bool { return len(g.gaps) > 0 })
		b.run(time.Minute)
		if gap := g.gaps[0]; len(g.gaps) != 1 || !gap.Unknown || gap.From != 6 || gap.Count != 0 || gap.Incarnation != p.Incarnation() {
			t.Errorf("%s: told %v, want once that an unknown number from 6 on may be missing", what, g.gaps)
		}
	}
}

// A producer that was lost and comes back as the same says exactly what is missing.
func TestProducerThatComesBackAfterAllSaysWhatIsMissing(t *testing.T) {
	b := newBed(t, 1, "p", "c", "d")
	p := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(0), Lag: stream.DropOldest})
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.sendAll(p, 0, 4)
	b.wrong("isolate p")
	b.Net.Isolate("p")
	b.within(5*time.Minute, "a gap", func() bool { return len(g.gaps) > 0 })
	b.sendAll(p, 5, 7)
	b.Net.Unisolate("p")
	b.within(5*time.Minute, "return", subscribed(1, p))
	b.sendAll(p, 8, 8)
	if len(g.gaps) != 2 || !g.gaps[0].Unknown || !g.gaps[1].Known() || g.gaps[1].From != 6 || g.gaps[1].Count != 3 || len(g.values) != 6 {
		t.Errorf("received %v, told %v; want that 3 datums from 6 on are missing, after all", g.values, g.gaps)
	}
}

// An incarnation of which the consumer hears nothing at all is told too.
func TestIncarnationThatPassesUnheardIsTold(t *testing.T) {
	for _, sees := range []bool{true, false} { // whether the consumer's node sees the stream withdrawn in between
		b := newBed(t, 1, "p", "c")
		p := b.produce("p", stream.ProducerConfig{})
		g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		b.sendAll(p, 0, 4)
		b.task("p", p.Close)
		b.run(5 * time.Second)
		if len(g.gaps) > 0 {
			t.Fatalf("told %v after an orderly end", g.gaps)
		}
		if !sees {
			b.Net.Partition([]string{"p"}, []string{"c"})
		}
		between := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(0), Require: func(discovery.Peer) bool { return false }})
		b.sendAll(between, 5, 7)
		b.run(time.Second)
		b.task("p", between.Close)
		b.run(time.Second)
		b.Net.Unpartition([]string{"p"}, []string{"c"})
		p = b.produce("p", stream.ProducerConfig{})
		b.within(time.Minute, "the third", subscribed(1, p))
		b.sendAll(p, 8, 8)
		if len(g.values) != 6 || len(g.gaps) != 1 || !g.gaps[0].Unknown {
			t.Errorf("withdrawal seen %t: received %v, told %v; want 6 datums and to be told once", sees, g.values, g.gaps)
		}
	}
}

// A consumer whose link ends before it hears whether it was admitted is told what the producer
// says of it. Another producer that the node had before may have admitted it, unless the link
// ended for a refusal.
func TestConsumerThatIsCutBeforeItHearsOfItsAdmissionIsTold(t *testing.T) {
	for _, x := range []struct {
		ends          wire.Reason
		before, first uint64
		want          stream.Gap // without what all have in common
	}{
		{ends: wire.TooSlow},
		{ends: wire.TooSlow, first: 2, want: stream.Gap{From: 2, To: 4, Count: 3}},
		{ends: wire.ConnectionLost, first: 5},
		{ends: wire.Expired, first: 2, want: stream.Gap{From: 2, To: 4, Count: 3}},
		{ends: wire.DrainTimeout, before: 7, want: stream.Gap{From: 5, To: 4, Unknown: true}},
		{ends: wire.TooSlow, before: 7, first: 2, want: stream.Gap{From: 2, To: 4, Count: 3, Unknown: true}},
		{ends: wire.NoCapacity, before: 7},
		{ends: wire.NotAllowed, before: 7},
		{ends: wire.UnknownPeer, before: 7},
	} {
		b, p := newPuppet(t)
		c := b.consume("c", stream.ConsumerConfig{Backoff: stream.Backoff{First: time.Second, Max: time.Second}})
		b.within(5*time.Second, "attempt", func() bool { return len(p.dials) == 1 })
		b.run(100 * time.Millisecond)
		p.says = [][]byte{startAfter(9, 5, x.before, x.first), datumFrame(5, 50)}
		p.links[0].Close(x.ends)
		b.run(5 * time.Second)
		d, err := c.TryRecv()
		var told stream.Gap
		if gap, ok := errors.AsType[*stream.Gap](err); ok {
			told = stream.Gap{From: gap.From, To: gap.To, Count: gap.Count, AtMost: gap.AtMost, Unknown: gap.Unknown, Gone: gap.Gone}
			d, err = c.TryRecv()
		}
		if told != x.want || d.Seq != 5 || err != nil {
			t.Errorf("%s, then after %d and first %d: told %+v, received %d, %v; want %+v", x.ends, x.before, x.first, told, d.Seq, err, x.want)
		}
	}
}

// The network of a consumer may fail before it hears that it was admitted. When it comes back
// it is told how many datums it missed.
func TestAdmissionThatAConsumerDoesNotHearOfIsTold(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Tickets: tickets(), Online: stream.AtLeast(0)})
	b.sendAll(p, 0, 1)
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	must(b.nodes["c"].Discovery().SetTickets([]ticket.Ticket{b.right("c", time.Hour)}))
	b.within(10*time.Second, "admission", func() bool { return b.count("p", event.SubAccepted) == 1 })
	b.wrong("partition p from c")
	b.Net.Partition([]string{"p"}, []string{"c"})
	b.sendAll(p, 2, 4)
	b.run(20 * time.Second)
	if n := b.count("c", event.Subscribed); n != 0 {
		t.Fatal("the consumer heard of its admission")
	}
	b.Net.Unpartition([]string{"p"}, []string{"c"})
	b.within(time.Minute, "return", subscribed(1, p))
	b.sendAll(p, 5, 5)
	if len(g.gaps) != 1 || !g.gaps[0].Known() || g.gaps[0].From != 3 || g.gaps[0].Count != 3 || !g.inOrder(5, 5) {
		t.Errorf("received %v, told %v; want that 3 datums from 3 on are missing", g.values, g.gaps)
	}
}

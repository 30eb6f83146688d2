package stream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// small makes lag felt after few datums.
func small(b *bed, hosts ...string) {
	b.narrow(hosts...)
	for _, h := range hosts {
		b.boot(h)
	}
}

func TestStalledConsumerIsCutAtOnceThoughItsLinkIsBlocked(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "stalls", "quick")
	p := b.produce("p", stream.ProducerConfig{Queue: 8, MaxConsumers: 2})
	b.consume("stalls", stream.ConsumerConfig{Queue: 1})
	b.within(5*time.Second, "first consumer", subscribed(1, p))
	g := b.receive("quick", b.consume("quick", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "second consumer", subscribed(2, p))
	b.wrong("hold p -> stalls")
	b.Net.Hold("p", "stalls") // nothing gets through, so no close does either
	const total = 200
	if sent := b.fill(p, total); sent != total {
		t.Fatalf("producer is full after %d datums: the stalled consumer holds it up", sent)
	}
	if n := b.count("p", event.SubDraining, wire.TooSlow); n != 1 {
		t.Fatalf("%d subscriptions cut as too slow, want 1", n)
	}
	if n := len(p.Status().Subscriptions); n != 1 {
		t.Errorf("%d subscriptions while the link is blocked, want 1: the slot is free", n)
	}
	b.within(time.Second, "all to the other consumer", func() bool { return g.inOrder(0, total-1) })
	b.Net.Release("p", "stalls")
	b.run(time.Second)
	if n := b.count("stalls", event.Unsubscribed, wire.TooSlow); n != 1 {
		t.Errorf("the consumer was told %d times that it is too slow, want 1", n)
	}
}

func TestUnderBlockTheSlowestSetsThePaceAndNobodyMissesAnything(t *testing.T) {
	for _, c := range []stream.ProducerConfig{
		{Queue: 4}, {Queue: 1}, {Queue: 1000, QueueBytes: 500}, {Queue: 1000, QueueBytes: 1},
	} {
		b := newBed(t, 1)
		small(b, "p", "slow", "quick")
		c.Lag = stream.Block
		p := b.produce("p", c)
		slow := b.receive("slow", b.consume("slow", stream.ConsumerConfig{Queue: 2}), 20*time.Millisecond)
		quick := b.receive("quick", b.consume("quick", stream.ConsumerConfig{}), 0)
		b.within(5*time.Second, "consumers", subscribed(2, p))
		const total = 300
		sent := b.task("p", func(ctx context.Context) error {
			for i := range total {
				if _, err := p.Send(ctx, payload(i, 8+i%200)); err != nil {
					return err
				}
			}
			return nil
		})
		b.run(3 * time.Second)
		if sent.done() {
			t.Errorf("%+v: everything was sent before the slowest could have received half of it", c)
		}
		b.within(10*time.Second, "delivery", func() bool { return slow.inOrder(0, total-1) && quick.inOrder(0, total-1) })
		if !sent.done() || sent.err != nil {
			t.Errorf("%+v: sending: got over %t, %v", c, sent.done(), sent.err)
		}
		if n := b.count("p", event.SubEnded); n != 0 {
			t.Errorf("%+v: %d subscriptions ended, want none", c, n)
		}
	}
}

func TestUnderBlockWhoStaysFullIsCutAfterBlockMaxAndTheOthersGoOn(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "stalls", "drips", "quick")
	p := b.produce("p", stream.ProducerConfig{Queue: 16, Lag: stream.Block, BlockMax: 4 * time.Second})
	b.consume("stalls", stream.ConsumerConfig{Queue: 1})
	// drips empties what it has all the while: its progress must not prolong
	// the patience with the other.
	drips := b.receive("drips", b.consume("drips", stream.ConsumerConfig{Queue: 1}), 300*time.Millisecond)
	quick := b.receive("quick", b.consume("quick", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumers", subscribed(3, p))
	const total = 150
	b.task("p", func(ctx context.Context) error {
		for i := range total {
			if _, err := p.Send(ctx, payload(i, 100)); err != nil {
				return err
			}
		}
		return nil
	})
	b.within(20*time.Second, "the cut", func() bool { return b.count("p", event.SubDraining, wire.TooSlow) == 1 })
	cut := b.last("p", event.SubDraining)
	if cut.Peer != b.id("stalls") {
		t.Errorf("cut %s, want the one that stalls", cut.Peer.Short())
	}
	var through int64 // when the last datum before the cut got through
	for _, r := range b.events {
		if r.Kind == event.Enqueued && r.Host == "p" && r.At <= cut.At && r.Peer == b.id("quick") {
			through = r.At
		}
	}
	if d := time.Duration(cut.At - through); d < 4*time.Second || d > 4*time.Second+100*time.Millisecond {
		t.Errorf("cut %s after the last datum got through, want 4s", d)
	}
	b.within(time.Minute, "delivery to the others", func() bool { return drips.inOrder(0, total-1) && quick.inOrder(0, total-1) })
}

// An application that has stopped holds the others up once, and not once more after each cut.
func TestUnderBlockWhoWasCutComesBackWhenItsApplicationTakesSomething(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "stalls", "quick")
	p := b.produce("p", stream.ProducerConfig{Queue: 16, Lag: stream.Block, BlockMax: 4 * time.Second})
	c := b.consume("stalls", stream.ConsumerConfig{Queue: 4})
	quick := b.receive("quick", b.consume("quick", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumers", subscribed(2, p))
	sent := 0
	b.task("p", func(ctx context.Context) error {
		for ; ; sent++ {
			if _, err := p.Send(ctx, payload(sent, 100)); err != nil {
				return err
			}
			if err := b.Env().Sleep(ctx, 100*time.Millisecond); err != nil {
				return err
			}
		}
	})
	b.within(20*time.Second, "the cut", func() bool { return b.count("p", event.SubEnded, wire.TooSlow) == 1 })
	before := sent
	b.run(time.Minute)
	if n := sent - before; n < 590 {
		t.Errorf("%d datums were let in within a minute after the cut, want nearly 600", n)
	}
	if n := b.count("p", event.SubAccepted); n != 2 {
		t.Errorf("%d subscriptions, want 2: the one that was cut is back, and its application takes nothing", n)
	}
	b.receive("stalls", c, 0)
	b.within(time.Second, "the comeback", func() bool { return b.count("p", event.SubAccepted) == 3 })
	if n := len(quick.values); n < before || !quick.inOrder(0, n-1) {
		t.Error("the other consumer missed something")
	}
}

func TestConsumerTakesNoMoreThanItsQueueWhileNobodyReceives(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Queue: 4, Lag: stream.Block})
	c := b.consume("c", stream.ConsumerConfig{Queue: 3})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.fill(p, 500)
	b.run(5 * time.Second)
	// One batch, which is no larger than the queue, may be on its way when the
	// link is paused.
	if n := b.sum("c", event.Received, "p"); n < 3 || n > 6 {
		t.Errorf("%d datums in a queue of 3, want 3 to 6", n)
	}
	g := b.receive("c", c, 0)
	b.run(5 * time.Second)
	if want := int(b.sum("p", event.Enqueued, "c")); !g.inOrder(0, want-1) {
		t.Errorf("got %d datums once somebody receives, want %d in order", len(g.values), want)
	}
}

func TestBurstIsHandedOnInBatchesNoLargerThanTheQueue(t *testing.T) {
	for _, c := range []stream.ConsumerConfig{{Queue: 3}, {QueueBytes: 3 * 8}} {
		b := newBed(t, 1, "p", "c")
		p := b.produce("p", stream.ProducerConfig{})
		b.consume("c", c)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		for i := range 200 {
			if _, err := p.TrySend(payload(i, 8)); err != nil {
				t.Fatal(err)
			}
		}
		b.run(time.Second)
		if n := b.sum("c", event.Received, "p"); n < 3 || n > 6 {
			t.Errorf("%+v: %d datums in a queue of 3, want 3 to 6", c, n)
		}
	}
}

func TestLinkThatOpensWhileTheQueueIsFullWaits(t *testing.T) {
	b := newBed(t, 1, "p", "q", "c")
	p, q := b.produce("p", stream.ProducerConfig{}), b.produce("q", stream.ProducerConfig{MaxConsumers: 1})
	other := b.consume("p", stream.ConsumerConfig{NoEcho: true}) // has the only place of q
	b.within(5*time.Second, "the other consumer", subscribed(1, q))
	c := b.consume("c", stream.ConsumerConfig{Queue: 3})
	b.within(5*time.Second, "consumer of p", subscribed(1, p))
	b.sendAll(p, 0, 9)
	other.Close()
	b.within(20*time.Second, "consumer of q", func() bool {
		s := q.Status().Subscriptions
		return len(s) == 1 && s[0].Peer == b.id("c")
	})
	b.sendAll(q, 0, 9)
	if n := b.sum("c", event.Received, "q"); n != 0 {
		t.Errorf("%d datums of another producer went into a full queue", n)
	}
	g := b.receive("c", c, 0)
	b.run(time.Second)
	if len(g.values) != 20 {
		t.Errorf("%d datums once somebody receives, want all 20", len(g.values))
	}
}

// What the application is allowed to send every link takes: the limits of a node are one.
func TestDatumOverTheLimitIsRefusedBeforeAnybodyGetsIt(t *testing.T) {
	b := newBed(t, 1)
	small, large := func(c *node.Config) { c.Streams.MaxDatum = 1000 }, func(c *node.Config) { c.Streams.MaxDatum = 3000 }
	b.shapes = map[string]func(*node.Config){"p": large, "c": large, "small": small}
	for _, host := range []string{"p", "c", "small"} {
		b.boot(host)
	}
	if _, err := stream.Produce[string](b.nodes["p"].Streams(), "larger", stream.ProducerConfig{MaxDatum: 3001}); !errors.Is(err, stream.ErrConfig) {
		t.Errorf("a producer of larger datums than the node's: %v, want %v", err, stream.ErrConfig)
	}
	p := b.produce("p", stream.ProducerConfig{})
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	refused := b.consume("small", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	var failed *stream.EncodeError
	if _, err := p.TrySend(payload(0, 3001)); !errors.As(err, &failed) || failed.Size != 3001 || !errors.Is(err, wire.TooLarge) {
		t.Errorf("a datum over the limit: %v, want an EncodeError of its size", err)
	}
	for i := range 3 {
		if _, err := p.TrySend(payload(i, 3000)); err != nil {
			t.Errorf("a datum at the limit: %v", err)
		}
	}
	b.run(time.Second)
	if !g.inOrder(0, 2) || len(g.gaps)+len(g.errs) != 0 {
		t.Errorf("received %v, %v, %v; want all three", g.values, g.gaps, g.errs)
	}
	if got := refused.Status().Pending; b.count("p", event.SubRefused, wire.TooLarge) == 0 || len(got) != 1 || got[0].Reason != wire.TooLarge {
		t.Errorf("a consumer on a node of smaller datums: %+v, want refused as too-large", got)
	}
	if _, err := stream.New(b.nodes["p"].Env(), b.nodes["p"].Discovery(), stream.Config{MaxDatum: wire.MaxDatum + 1}); !errors.Is(err, stream.ErrConfig) {
		t.Errorf("datums over the hard limit: %v, want %v", err, stream.ErrConfig)
	}
}

func TestConsumerIsToldExactlyWhatItMissed(t *testing.T) {
	for seed := range uint64(5) {
		b := newBed(t, seed, "p", "c")
		p := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(0)})
		g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		index := 0
		send := func(n int) {
			for range n {
				if _, err := p.TrySend(payload(index, 8)); err != nil {
					t.Fatal(err)
				}
				index++
				b.run(10 * time.Millisecond)
			}
		}
		send(10)
		b.Net.Reset("p", "c")
		send(30) // while the consumer is away, and when it is back
		b.within(30*time.Second, "reconnect", subscribed(1, p))
		send(10)
		b.run(time.Second)
		missing := uint64(0)
		for _, gap := range g.gaps {
			if gap.Producer != b.id("p") {
				t.Errorf("seed %d: gap of %s", seed, gap.Producer.Short())
			}
			missing += gap.Count
		}
		if missing == 0 || missing+uint64(len(g.values)) != uint64(index) {
			t.Errorf("seed %d: %d datums received and %d told to be missing of %d", seed, len(g.values), missing, index)
		}
		for i := 1; i < len(g.seqs); i++ {
			if g.seqs[i] <= g.seqs[i-1] {
				t.Fatalf("seed %d: datum %d after %d", seed, g.seqs[i], g.seqs[i-1])
			}
		}
	}
}

func TestConsumerThatLostSightOfAProducerIsToldWhatItMissed(t *testing.T) {
	for missed := range 3 {
		lostSight(t, missed)
	}
}

func lostSight(t *testing.T, missed int) {
	t.Helper()
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(0)})
	c := b.consume("c", stream.ConsumerConfig{Require: hasTag("open", b, "p")})
	must(b.nodes["p"].Discovery().AddTags(tag("open")))
	b.within(5*time.Second, "consumer", subscribed(1, p))
	send := func(i int) {
		if _, err := p.TrySend(payload(i, 8)); err != nil {
			t.Fatal(err)
		}
		b.run(time.Second)
	}
	send(0)
	b.nodes["p"].Discovery().RemoveTags(tag("open"))
	b.within(5*time.Second, "end", subscribed(0, p))
	for i := range missed {
		send(1 + i)
	}
	must(b.nodes["p"].Discovery().AddTags(tag("open")))
	b.within(20*time.Second, "return", subscribed(1, p))
	send(1 + missed)
	g := b.receive("c", c, 0)
	b.run(time.Second)
	told := 0
	for _, gap := range g.gaps {
		told += int(gap.Count)
	}
	if told != missed || len(g.gaps) > 1 || len(g.values) != 2 {
		t.Errorf("got %d datums and gaps %v, want 2 datums and one gap of %d", len(g.values), g.gaps, missed)
	}
}

func TestUnderBlockTheInputWaitsForTheNextConsumer(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "leaves", "comes")
	p := b.produce("p", stream.ProducerConfig{Queue: 16, Lag: stream.Block})
	leaves := b.consume("leaves", stream.ConsumerConfig{Queue: 1})
	b.within(5*time.Second, "first consumer", subscribed(1, p))
	sent := b.fill(p, 10_000)
	if sent == 10_000 {
		t.Fatal("the producer never filled up")
	}
	leaves.Close()
	b.within(5*time.Second, "nobody", subscribed(0, p))
	b.run(time.Minute)
	if n := b.count("p", event.InputDropped, wire.None); n != 0 {
		t.Fatalf("datums were dropped from the input %d times while nobody was there", n)
	}
	g := b.receive("comes", b.consume("comes", stream.ConsumerConfig{}), 0)
	b.within(20*time.Second, "what waited", func() bool { return len(g.values) == 16 && g.values[15] == sent-1 })
}

func TestCloseTellsWhatTheInputHeldForNobody(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "leaves")
	p := b.produce("p", stream.ProducerConfig{Queue: 16, Lag: stream.Block})
	leaves := b.consume("leaves", stream.ConsumerConfig{Queue: 1})
	b.within(5*time.Second, "first consumer", subscribed(1, p))
	b.fill(p, 10_000)
	leaves.Close()
	b.within(5*time.Second, "nobody", subscribed(0, p))
	var undrained *stream.UndrainedError
	r := b.task("p", p.Close)
	b.within(10*time.Second, "close", r.done)
	if !errors.As(r.err, &undrained) || undrained.Input != 16 || undrained.Consumers != 0 {
		t.Errorf("close = %v, want 16 datums of the input told", r.err)
	}
}

package stream_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

func TestCloseDeliversEverythingThatWasAccepted(t *testing.T) {
	for seed := range uint64(6) {
		for _, lag := range []stream.Lag{stream.Block, stream.Disconnect} {
			b := newBed(t, seed)
			small(b, "p", "quick", "slow")
			p := b.produce("p", stream.ProducerConfig{Queue: 16, Lag: lag})
			quick := b.receive("quick", b.consume("quick", stream.ConsumerConfig{Queue: 2}), 0)
			// Its drain takes about as long as the news of the withdrawal.
			slow := b.receive("slow", b.consume("slow", stream.ConsumerConfig{Queue: 2}), 40*time.Millisecond)
			b.within(5*time.Second, "consumers", subscribed(2, p))
			sent := b.fill(p, 40)
			for ; lag == stream.Block; sent++ { // up to the brim
				if _, err := p.TrySend(payload(sent, 100)); err != nil {
					break
				}
			}
			var status stream.Status
			r := b.task("p", func(ctx context.Context) error {
				err := p.Close(ctx)
				status = p.Status()
				return err
			})
			b.within(20*time.Second, "close", r.done)
			if r.err != nil || !status.Closed || len(status.Subscriptions) != 0 {
				t.Errorf("seed %d, %s: got %v, %+v; want closed and empty", seed, lag, r.err, status)
			}
			b.run(time.Minute) // slow takes what it holds
			if !quick.inOrder(0, sent-1) || !slow.inOrder(0, sent-1) {
				t.Errorf("seed %d, %s: %d and %d delivered of %d", seed, lag, len(quick.values), len(slow.values), sent)
			}
			if n := b.count("p", event.SubEnded, wire.GracefulShutdown); n != 2 {
				t.Errorf("seed %d, %s: %d subscriptions ended in order, want 2", seed, lag, n)
			}
		}
	}
}

// What is in the queue of a consumer counts as delivered.
func TestCloseDoesNotWaitForApplications(t *testing.T) {
	const fits = 500
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Lag: stream.Block})
	c := b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.sendAll(p, 1, fits)
	closed := b.task("p", p.Close)
	b.within(time.Second, "close", closed.done)
	if closed.err != nil {
		t.Errorf("close: %v", closed.err)
	}
	for i := range uint64(fits) {
		if d, err := c.TryRecv(); err != nil || d.Seq != i+1 {
			t.Fatalf("got datum %d, %v, want %d", d.Seq, err, i+1)
		}
	}
}

func TestCloseGivesUpAtItsDeadlineAndCountsWhatIsLost(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "stalls", "quick")
	p := b.produce("p", stream.ProducerConfig{Queue: 10, Lag: stream.Block})
	b.consume("stalls", stream.ConsumerConfig{Queue: 1})
	quick := b.receive("quick", b.consume("quick", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumers", subscribed(2, p))
	sent := b.fill(p, 1000)
	begin := b.Now()
	r := b.task("p", p.Close)
	b.within(20*time.Second, "close", r.done)
	if took := b.Now() - begin; took < 5*time.Second || took > 5*time.Second+100*time.Millisecond {
		t.Errorf("closed after %s, want 5s", took)
	}
	var failed *stream.UndrainedError
	if !errors.As(r.err, &failed) {
		t.Fatalf("got %v, want an UndrainedError", r.err)
	}
	lost := int(b.sum("p", event.Dropped, "stalls"))
	if failed.Consumers != 1 || failed.Input != 0 || failed.Datums != lost || lost < 10 {
		t.Errorf("got %+v, want 1 consumer, and the %d dropped datums of the ring and the link", *failed, lost)
	}
	if !quick.inOrder(0, sent-1) {
		t.Errorf("the other consumer got %d datums of %d: what Block kept in the input was for it too", len(quick.values), sent)
	}
	again := b.task("p", p.Close)
	b.run(time.Second)
	if !errors.Is(again.err, r.err) {
		t.Errorf("second close: got %v, want %v", again.err, r.err)
	}
	node := b.task("p", b.nodes["p"].Close)
	b.within(10*time.Second, "close of the node", node.done)
	if node.err != nil {
		t.Errorf("close of the node: got %v, want none: that producer was closed before", node.err)
	}
}

func TestCloseCountsTheInputThatNoConsumerWasLeftFor(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "stalls")
	p := b.produce("p", stream.ProducerConfig{Queue: 10, Lag: stream.Block})
	b.consume("stalls", stream.ConsumerConfig{Queue: 1})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	sent := b.fill(p, 1000)
	r := b.task("p", p.Close)
	b.within(20*time.Second, "close", r.done)
	var failed *stream.UndrainedError
	if !errors.As(r.err, &failed) {
		t.Fatalf("got %v, want an UndrainedError", r.err)
	}
	lost := int(b.sum("p", event.Dropped, "stalls"))
	if failed.Consumers != 1 || failed.Input != 10 || failed.Datums != lost || lost < 10 {
		t.Errorf("got %+v, want 1 consumer, 10 datums of the input, and the %d dropped ones of the ring and the link", *failed, lost)
	}
	if e := b.last("p", event.InputDropped); e.N != 10 || e.Reason != wire.DrainTimeout {
		t.Errorf("got %s, want the 10 datums of the input told to be lost", e.Event)
	}
	enqueued := int(b.sum("p", event.Enqueued, "stalls"))
	if enqueued+failed.Input != sent {
		t.Errorf("%d enqueued and %d left in the input of %d sent", enqueued, failed.Input, sent)
	}
}

// What drains was let in while there was a right.
func TestRightThatEndsDuringACloseDoesNotUndoIt(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "slow")
	const end = 10 * time.Second
	must(b.nodes["slow"].Discovery().SetTickets([]ticket.Ticket{b.right("slow", end)}))
	p := b.produce("p", stream.ProducerConfig{Queue: 16, Tickets: tickets(), DrainMax: time.Minute})
	c := b.consume("slow", stream.ConsumerConfig{Queue: 1})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	for sent := range 8 { // what the link holds
		if _, err := p.TrySend(payload(sent, 100)); err != nil {
			t.Fatal(err)
		}
		b.run(time.Millisecond)
	}
	if n := p.Status().Subscriptions[0].Queued(); n != 0 {
		t.Fatalf("%d datums wait for the link", n)
	}
	r := b.task("p", p.Close)
	b.run(end + 5*time.Second - b.Now())
	if r.done() {
		t.Fatal("closed though a consumer takes nothing")
	}
	g := b.receive("slow", c, 0)
	b.within(5*time.Second, "close", r.done)
	if r.err != nil || !g.inOrder(0, 7) || b.count("p", event.SubEnded, wire.GracefulShutdown) != 1 {
		t.Errorf("close: %v, received %v; want all, in order", r.err, g.values)
	}
}

// What the input still holds is for those who have a right when it is their turn.
func TestRightThatIsTakenBackDuringACloseHoldsForTheInput(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "stalls")
	must(b.nodes["stalls"].Discovery().SetTickets([]ticket.Ticket{b.right("stalls", time.Hour)}))
	p := b.produce("p", stream.ProducerConfig{Queue: 10, Lag: stream.Block, Tickets: tickets(), DrainMax: time.Minute})
	b.consume("stalls", stream.ConsumerConfig{Queue: 1})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.fill(p, 1000)
	enqueued := b.sum("p", event.Enqueued, "stalls")
	r := b.task("p", p.Close)
	b.run(time.Second)
	must(b.nodes["stalls"].Discovery().SetTickets(nil))
	b.within(5*time.Second, "end", func() bool { return b.count("p", event.SubDraining, wire.NotAllowed) == 1 })
	b.within(10*time.Second, "close", r.done)
	if e := b.last("p", event.InputDropped); e.Reason != wire.NoConsumer {
		t.Errorf("got %s, want the datums of the input told to be for nobody", e.Event)
	}
	if n := b.sum("p", event.Enqueued, "stalls"); n != enqueued {
		t.Errorf("%d datums were enqueued after the ticket was taken back", n-enqueued)
	}
}

func TestConsumerThatLeavesDuringACloseIsNoError(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "leaves")
	p := b.produce("p", stream.ProducerConfig{Queue: 10, Lag: stream.Block})
	c := b.consume("leaves", stream.ConsumerConfig{Queue: 1})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.fill(p, 1000)
	r := b.task("p", p.Close)
	b.run(time.Second)
	if r.done() {
		t.Fatal("closed while a consumer is full")
	}
	c.Close()
	b.within(time.Second, "close", r.done)
	if r.err != nil {
		t.Errorf("got %v, want none", r.err)
	}
}

func TestProducerThatLosesItsRightWhileItClosesIsLeftAtOnce(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "c")
	must(b.nodes["p"].Discovery().AddTags(tag("open")))
	p := b.produce("p", stream.ProducerConfig{Queue: 10, Lag: stream.Block, DrainMax: time.Minute})
	c := b.consume("c", stream.ConsumerConfig{Queue: 1, Require: hasTag("open", b, "p")})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.fill(p, 1000)
	r := b.task("p", p.Close)
	b.run(time.Second)
	b.nodes["p"].Discovery().RemoveTags(tag("open"))
	b.within(time.Second, "close", r.done)
	if n := b.count("c", event.Unsubscribed, wire.NotAllowed); n != 1 {
		t.Errorf("left %d times as not allowed, want once", n)
	}
	if s := c.Status(); len(s.Subscriptions)+len(s.Pending) != 0 {
		t.Errorf("then: %+v, want nobody: it has withdrawn the stream", s)
	}
}

func TestConsumerCutBeforeACloseIsNotCountedByIt(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "stalls")
	p := b.produce("p", stream.ProducerConfig{Queue: 4, Online: stream.AtLeast(0)})
	b.consume("stalls", stream.ConsumerConfig{Queue: 1})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	for i := 0; b.count("p", event.SubDraining) == 0; i++ {
		if _, err := p.TrySend(payload(i, 100)); err != nil {
			t.Fatal(err)
		}
		b.within(time.Second, "datum", func() bool {
			return b.sum("p", event.Enqueued, "stalls") > int64(i) || b.count("p", event.SubDraining) > 0
		})
	}
	r := b.task("p", p.Close) // its link is not closed yet
	b.within(time.Second, "close", r.done)
	if b.count("p", event.SubEnded, wire.TooSlow) != 1 || r.err != nil {
		t.Errorf("got %v, want none: the consumer was cut before", r.err)
	}
}

func TestCloseEndsSendsAndKeepsOthersOut(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{})
	waits := b.task("p", func(ctx context.Context) error { _, err := p.Send(ctx, payload(0, 8)); return err })
	b.run(time.Second)
	first, second := b.task("p", p.Close), b.task("p", p.Close)
	b.run(time.Second)
	for what, r := range map[string]*result{"first close": first, "second close": second} {
		if !r.done() || r.err != nil {
			t.Errorf("%s: got over %t, %v; want over without error", what, r.done(), r.err)
		}
	}
	if !errors.Is(waits.err, stream.ErrClosed) {
		t.Errorf("Send that waited: got %v, want %v", waits.err, stream.ErrClosed)
	}
	if _, err := p.TrySend(payload(0, 8)); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("TrySend: got %v, want %v", err, stream.ErrClosed)
	}
	if s := p.Status(); s.Online || !s.Closed || len(s.Subscriptions) != 0 {
		t.Errorf("got %+v, want offline, closed and empty", s)
	}
}

func TestStreamHasOneProducerUntilThatIsClosed(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{})
	_, err := stream.Define(name, stream.WithCodec[[]byte](stream.Bytes{})).ProduceNew(b.nodes["p"].Streams())
	var exists *stream.ExistsError[[]byte]
	if !errors.As(err, &exists) || !errors.Is(err, stream.ErrExists) || exists.Producer.Incarnation() != p.Incarnation() {
		t.Fatalf("second producer: got %v, want %v with the first", err, stream.ErrExists)
	}
	if err := exists.Producer.Close(context.Background()); err != nil {
		t.Errorf("close of one handle of two: %v", err)
	}
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumer", subscribed(1, p))
	for range 3 {
		b.task("p", p.Close)
		b.run(time.Millisecond)
		old := p.Incarnation()
		if p = b.produce("p", stream.ProducerConfig{}); p.Incarnation() == old {
			t.Error("the new producer has the old one's incarnation")
		}
		b.within(15*time.Second, "return of the consumer", subscribed(1, p))
		if seq, err := p.TrySend(payload(1, 8)); seq != 1 || err != nil {
			t.Errorf("first datum: got number %d, %v; want 1", seq, err)
		}
		b.run(time.Second)
	}
	if len(g.values) != 3 || len(g.gaps) != 0 {
		t.Errorf("got %d datums and gaps %v, want 3 and none", len(g.values), g.gaps)
	}
}

func TestConsumerComesBackAfterItsProducersCrash(t *testing.T) {
	b := newBed(t, 1, "p", "c", "d")
	p := b.produce("p", stream.ProducerConfig{})
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.Host("p").Crash()
	b.run(2 * time.Second)
	b.Host("p").Restart()
	b.run(time.Millisecond)
	p = b.produce("p", stream.ProducerConfig{})
	b.within(30*time.Second, "return of the consumer", subscribed(1, p))
	if _, err := p.TrySend(payload(5, 8)); err != nil {
		t.Fatal(err)
	}
	b.run(time.Second)
	if !g.inOrder(5, 5) {
		t.Errorf("got %v, want the datum of the new incarnation", g.values)
	}
}

func TestNodeCloseWaitsForAProducerThatClosesAlready(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "slow")
	p := b.produce("p", stream.ProducerConfig{Queue: 16, Lag: stream.Block})
	g := b.receive("slow", b.consume("slow", stream.ConsumerConfig{Queue: 1}), 50*time.Millisecond)
	b.within(5*time.Second, "consumer", subscribed(1, p))
	sent := b.fill(p, 1000)
	first := b.task("p", p.Close)
	b.run(10 * time.Millisecond)
	r := b.task("p", b.nodes["p"].Close)
	b.within(20*time.Second, "close of the node", r.done)
	if !first.done() || first.err != nil || r.err != nil {
		t.Errorf("close of the producer: over %t, %v; of the node: %v", first.done(), first.err, r.err)
	}
	b.run(time.Minute)
	if !g.inOrder(0, sent-1) {
		t.Errorf("%d of %d delivered", len(g.values), sent)
	}
}

func TestNodeClosesInOrderAndLeavesNothingBehind(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{})
	b.consume("p", stream.ConsumerConfig{})
	b.produce("c", stream.ProducerConfig{})
	b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.fill(p, 20)
	n := b.nodes["p"]
	r, again := b.task("p", n.Close), b.task("p", n.Close)
	b.within(10*time.Second, "close", func() bool { return r.done() && again.done() })
	if r.err != nil || again.err != nil {
		t.Errorf("close: %v, %v", r.err, again.err)
	}
	b.run(10 * time.Second)
	if tasks, timers, strands := b.Host("p").Pending(); tasks+timers+strands != 0 {
		t.Errorf("left %d tasks, %d timers and %d strands with work", tasks, timers, strands)
	}
	order := []event.Kind{event.ConsumerClosed, event.ProducerClosed, event.NodeStopped}
	for i := 1; i < len(order); i++ {
		if earlier, later := b.last("p", order[i-1]), b.last("p", order[i]); earlier.At > later.At {
			t.Errorf("%s before %s", order[i], order[i-1])
		}
	}
	if departed := b.last("c", event.PeerDeparted); departed.At > b.last("p", event.NodeStopped).At {
		t.Error("the node stopped before it told its departure")
	}
	if _, err := stream.Produce(n.Streams(), name, stream.ProducerConfig{}, stream.WithCodec[[]byte](stream.Bytes{})); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("Produce on a closed node: got %v, want %v", err, stream.ErrClosed)
	}
	if _, err := stream.Consume(n.Streams(), name, stream.ConsumerConfig{}, stream.WithCodec[[]byte](stream.Bytes{})); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("Consume on a closed node: got %v, want %v", err, stream.ErrClosed)
	}
}

func TestDrainThatLosesItsConnectionSaysSo(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Queue: 16, DrainMax: time.Minute})
	b.consume("c", stream.ConsumerConfig{Queue: 1})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.fill(p, 10)
	b.wrong("partition p | c")
	b.Net.Partition([]string{"p"}, []string{"c"})
	closed := b.task("p", p.Close)
	b.run(50 * time.Second)
	var undrained *stream.UndrainedError
	if !closed.done() || !errors.As(closed.err, &undrained) {
		t.Errorf("close: over %t, %v", closed.done(), closed.err)
	}
	if e := b.last("p", event.SubEnded); e.Reason != wire.IdleTimeout {
		t.Errorf("the subscription ended with %s, want %s", e.Reason, wire.IdleTimeout)
	}
}

func TestClosedProducerIsOfflineWhateverItsCondition(t *testing.T) {
	b := newBed(t, 1, "p")
	p := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(0)})
	b.run(time.Second)
	if !p.Status().Online {
		t.Error("offline though its condition is met")
	}
	b.task("p", p.Close)
	b.run(time.Second)
	if s := p.Status(); s.Online || !s.Closed || !p.When().Offline().Met() {
		t.Errorf("after its close: %+v", s)
	}
}

// What a lag policy skips during a close is told to the consumer, and is not the close's failure.
func TestCloseThatOnlySkipsIsInOrder(t *testing.T) {
	for _, lag := range []stream.Lag{stream.DropOldest, stream.DropNewest} {
		b := newBed(t, 1, "p", "c")
		p := b.produce("p", stream.ProducerConfig{Queue: 1024, Lag: lag})
		c := b.consume("c", stream.ConsumerConfig{Queue: 1})
		b.within(5*time.Second, "consumer", subscribed(1, p))
		sent := b.fill(p, 4000)
		for range 1000 { // more than is taken in one turn, so that the close is noticed before the rest
			if _, err := p.TrySend(payload(sent, 100)); err == nil {
				sent++
			}
		}
		closed := b.task("p", p.Close)
		g := b.receive("c", c, time.Millisecond)
		b.within(time.Minute, "close", closed.done)
		b.run(10 * time.Second)
		missed := 0
		for _, gap := range g.gaps {
			missed += int(gap.Count)
		}
		if closed.err != nil || missed == 0 || missed+len(g.values) != sent {
			t.Errorf("%s: close: %v; received %d, missed %d of %d", lag, closed.err, len(g.values), missed, sent)
		}
	}
}

// A producer that sends and closes at once withdraws the stream before its consumer has the
// answer to its subscription.
func TestConsumerWaitsForTheAnswerOfAProducerThatClosed(t *testing.T) {
	b, p := newPuppet(t)
	c := b.consume("c", stream.ConsumerConfig{})
	g := b.receive("c", c, 0)
	b.within(5*time.Second, "attempt", func() bool { return len(p.links) == 1 })
	p.RemoveStream(ident.Stream(name))
	b.run(2 * time.Second)
	if n := b.count("c", event.Unsubscribed); n != 0 {
		t.Fatal("the attempt ended with the news that the stream is withdrawn")
	}
	_, _ = p.links[0].Send(startFrame(1, 9, 1), datumFrame(1, 10), datumFrame(2, 20))
	p.links[0].Drain(wire.GracefulShutdown, time.Minute)
	b.run(2 * time.Second)
	if !slices.Equal(g.values, []int{10, 20}) || len(c.Status().Pending)+len(c.Status().Subscriptions) != 0 {
		t.Errorf("received %v, want 10 and 20; status %+v", g.values, c.Status())
	}
}

// The producer may have admitted a consumer that does not know yet that its link is open.
func TestConsumerWaitsForALinkToAProducerThatClosed(t *testing.T) {
	b, p := newPuppet(t)
	b.boot("x") // which passes the news on
	b.run(5 * time.Second)
	c := b.consume("c", stream.ConsumerConfig{})
	g := b.receive("c", c, 0)
	b.within(5*time.Second, "attempt", func() bool { return len(p.links) == 1 })
	b.Net.Hold("p", "c")
	p.RemoveStream(ident.Stream(name))
	b.run(2 * time.Second)
	if e, ok := b.nodes["c"].Discovery().Catalog().Get(b.id("p")); !ok || e.Entry.HasStream(ident.Stream(name)) {
		t.Fatal("the consumer's node has not heard that the stream is withdrawn")
	}
	_, _ = p.links[0].Send(startFrame(1, 9, 1), datumFrame(1, 10), datumFrame(2, 20))
	p.links[0].Drain(wire.GracefulShutdown, time.Minute)
	b.Net.Release("p", "c")
	b.run(2 * time.Second)
	if !slices.Equal(g.values, []int{10, 20}) || len(c.Status().Pending)+len(c.Status().Subscriptions) != 0 {
		t.Errorf("received %v, want 10 and 20; status %+v", g.values, c.Status())
	}
}

package stream_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// slowPath gives the path from p to c a bandwidth in bytes per second.
func (b *bed) slowPath(bandwidth int64) {
	b.t.Helper()
	if err := b.Net.SetPath("p", "c", netsim.Path{Bandwidth: bandwidth}); err != nil {
		b.t.Fatal(err)
	}
}

// A datum of 1 MiB takes 7 s, and a close that sees no progress ends after 5 s.
func TestCloseWaitsForDatumsThatAreOnTheirWay(t *testing.T) {
	const size, datums = 1 << 20, 4
	for _, lag := range []stream.Lag{stream.Block, stream.Disconnect, stream.DropOldest} {
		b := newBed(t, 1, "p", "c")
		b.slowPath(150_000)
		p := b.produce("p", stream.ProducerConfig{Lag: lag})
		g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		closed := b.task("p", func(ctx context.Context) error {
			for i := range datums {
				if _, err := p.Send(ctx, payload(i, size)); err != nil {
					return err
				}
			}
			return p.Close(ctx)
		})
		b.within(time.Minute, "close", closed.done)
		if closed.err != nil || !g.inOrder(0, datums-1) {
			t.Errorf("%s: close: %v; received %v, want %d", lag, closed.err, g.values, datums)
		}
	}
}

// The last of ten datums waits for the others, which are of other streams.
func TestCloseWaitsForADatumBehindThoseOfOtherStreams(t *testing.T) {
	const size, streams = 1 << 20, 10
	b := newBed(t, 1, "p", "c")
	b.slowPath(1_000_000)
	var producers []*stream.Producer[[]byte]
	var consumers []*stream.Consumer[[]byte]
	for i := range streams {
		raw := stream.WithCodec[[]byte](stream.Bytes{})
		of := fmt.Sprint("s", i)
		p, err := stream.Produce(b.nodes["p"].Streams(), of, stream.ProducerConfig{}, raw)
		if err != nil {
			t.Fatal(err)
		}
		c, err := stream.Consume(b.nodes["c"].Streams(), of, stream.ConsumerConfig{}, raw)
		if err != nil {
			t.Fatal(err)
		}
		producers, consumers = append(producers, p), append(consumers, c)
		b.within(5*time.Second, "consumer", subscribed(1, p))
	}
	for i, p := range producers {
		if _, err := p.TrySend(payload(i, size)); err != nil {
			t.Fatal(err)
		}
	}
	closed := b.task("p", b.nodes["p"].Close)
	b.within(time.Minute, "close", closed.done)
	if closed.err != nil {
		t.Errorf("close: %v", closed.err)
	}
	for i, c := range consumers {
		if d, err := c.TryRecv(); err != nil {
			t.Errorf("stream %d: got datum %d, %v", i, d.Seq, err)
		}
	}
}

// Each datum takes four times as long as BlockMax.
func TestUnderBlockADatumMayTakeLongerThanBlockMax(t *testing.T) {
	const size, blockMax = 500_000, 5 * time.Second
	b := newBed(t, 1, "p", "c")
	b.slowPath(25_000)
	p := b.produce("p", stream.ProducerConfig{Queue: 1, Lag: stream.Block, BlockMax: blockMax})
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.endless(p, size)
	b.run(5 * time.Minute)
	if n := b.count("p", event.SubDraining, wire.TooSlow); n != 0 {
		t.Errorf("cut %d times as too slow while its datums were on their way", n)
	}
	if n := len(g.values); n < 14 || !g.inOrder(0, n-1) {
		t.Errorf("received %d datums and gaps %v, want 15 in order", n, g.gaps)
	}
}

// The application of a consumer has taken all that arrived, and its node stops.
func TestCloseDoesNotWaitForANodeThatStopped(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	b.slowPath(150_000)
	p := b.produce("p", stream.ProducerConfig{DrainMax: 5 * time.Second})
	b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumer", subscribed(1, p))
	if _, err := p.TrySend(payload(0, 1<<20)); err != nil {
		t.Fatal(err)
	}
	begin := b.Now()
	closed := b.task("p", p.Close)
	b.run(2 * time.Second)
	b.wrong("freeze c")
	b.Net.Freeze("c")
	b.within(time.Minute, "close", closed.done)
	if took := b.Now() - begin; took < 5*time.Second || took > 7*time.Second+100*time.Millisecond {
		t.Errorf("closed after %s, want up to 7 s: 5 s after the last packet", took)
	}
}

// A consumer reports that nothing waits for its application, and takes nothing.
func TestAConsumerThatReportsThatItWaitsForDatumsIsCutInTheEnd(t *testing.T) {
	const blockMax = 10 * time.Second // its node sends a ping every 5 s
	for what, want := range map[string]time.Duration{"reports": 10 * blockMax, "is silent": blockMax} {
		b := newBedWith(t, 1, invariants.Options{Byzantine: []string{"c"}})
		small(b, "p", "c")
		p := b.produce("p", stream.ProducerConfig{Queue: 4, Online: stream.AtLeast(0), Lag: stream.Block, BlockMax: blockMax})
		b.run(2 * time.Second)
		d := b.dial(subscribe(1, name))
		d.link.Pause()
		if what == "reports" {
			_, _ = d.link.Send(progress(0))
		}
		begin := b.Now()
		b.endless(p, 100)
		b.within(2*time.Minute, "the cut", func() bool { return b.count("p", event.SubDraining, wire.TooSlow) == 1 })
		if took := b.Now() - begin; took < want-time.Second || took > want+time.Second {
			t.Errorf("%s: cut after %s, want %s", what, took, want)
		}
	}
}

// The stream was idle for longer than a consumer is waited for.
func TestCloseWaitsForADatumAfterAnIdleHour(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	b.slowPath(150_000)
	p := b.produce("p", stream.ProducerConfig{})
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.run(time.Hour)
	if _, err := p.TrySend(payload(0, 1<<20)); err != nil {
		t.Fatal(err)
	}
	closed := b.task("p", p.Close)
	b.within(time.Minute, "close", closed.done)
	if closed.err != nil || !g.inOrder(0, 0) {
		t.Errorf("close: %v; received %v, want 1", closed.err, g.values)
	}
}

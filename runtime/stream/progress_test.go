package stream_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

func TestUnderBlockAReaderThatNeverStopsIsNeverCut(t *testing.T) {
	for _, size := range []int{60, 100, 1000, 60_000} {
		b := newBed(t, 1, "p", "slow")
		p := b.produce("p", stream.ProducerConfig{Lag: stream.Block})
		slow := b.receive("slow", b.consume("slow", stream.ConsumerConfig{}), 50*time.Millisecond)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		b.task("p", func(ctx context.Context) error {
			for i := 0; ; i++ {
				if _, err := p.Send(ctx, payload(i, size)); err != nil {
					return err
				}
			}
		})
		b.run(10 * time.Minute)
		if n := b.count("p", event.SubDraining, wire.TooSlow); n != 0 {
			t.Errorf("%d bytes: cut %d times as too slow while it took 20 datums a second", size, n)
		}
		if n := len(slow.values); n < 11_900 || !slow.inOrder(0, n-1) {
			t.Errorf("%d bytes: got %d datums and gaps %v in ten minutes, want 12,000 in order", size, n, slow.gaps)
		}
	}
}

// endless sends datums of size bytes until the producer is closed.
func (b *bed) endless(p *stream.Producer[[]byte], size int) {
	b.task("p", func(ctx context.Context) error {
		for i := 0; ; i++ {
			if _, err := p.Send(ctx, payload(i, size)); err != nil {
				return err
			}
		}
	})
}

func TestUnderBlockAReaderThatTakesOneDatumInTimeIsNeverCut(t *testing.T) {
	const blockMax = 5 * time.Second
	b := newBed(t, 1)
	small(b, "p", "slow", "quick")
	p := b.produce("p", stream.ProducerConfig{Queue: 4, Lag: stream.Block, BlockMax: blockMax})
	slow := b.receive("slow", b.consume("slow", stream.ConsumerConfig{Queue: 64}), blockMax-time.Second)
	quick := b.receive("quick", b.consume("quick", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumers", subscribed(2, p))
	b.endless(p, 100)
	b.run(10 * time.Minute)
	if n := b.count("p", event.SubEnded); n != 0 {
		t.Errorf("%d subscriptions ended, want none", n)
	}
	if n := len(slow.values); n < 145 || !slow.inOrder(0, n-1) || !quick.inOrder(0, len(quick.values)-1) {
		t.Errorf("got %d datums and gaps %v in ten minutes, want 150 in order", n, slow.gaps)
	}
}

func TestUnderBlockAReaderThatStopsIsCutAfterBlockMax(t *testing.T) {
	const blockMax = 5 * time.Second
	b := newBed(t, 1, "p", "stops")
	p := b.produce("p", stream.ProducerConfig{Lag: stream.Block, BlockMax: blockMax})
	c := b.consume("stops", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.endless(p, 100)
	env := b.nodes["stops"].Env()
	var last time.Duration // when it took something last
	b.task("stops", func(ctx context.Context) error {
		for range 300 {
			if _, err := c.Recv(ctx); err != nil {
				return err
			}
			last = b.Now()
			if err := env.Sleep(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	})
	b.within(time.Minute, "the cut", func() bool { return b.count("p", event.SubDraining, wire.TooSlow) == 1 })
	cut := time.Duration(b.last("p", event.SubDraining).At)
	if d := cut - last; d < blockMax || d > blockMax+time.Second {
		t.Errorf("cut %s after it took something last, want %s, give or take a second", d, blockMax)
	}
}

func TestCloseWaitsForAReaderThatGoesOn(t *testing.T) {
	for _, lag := range []stream.Lag{stream.Block, stream.Disconnect} {
		b := newBed(t, 1, "p", "slow")
		p := b.produce("p", stream.ProducerConfig{Lag: lag, DrainMax: 2 * time.Second})
		slow := b.receive("slow", b.consume("slow", stream.ConsumerConfig{Queue: 16}), time.Second)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		const total = 60
		b.sendAll(p, 0, total-1)
		r := b.task("p", p.Close)
		b.within(2*time.Minute, "close", r.done)
		b.run(time.Minute) // it takes what its queue holds
		if r.err != nil || !slow.inOrder(0, total-1) {
			t.Errorf("%s: close: %v, %d datums and gaps %v, want all %d", lag, r.err, len(slow.values), slow.gaps, total)
		}
	}
}

// Under Block the input waits for the slowest consumer, at a close too. One that took all that
// it was sent meanwhile has nothing to take.
func TestCloseDoesNotGiveUpAReaderThatWaitsForASlowOne(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "slow", "quick")
	p := b.produce("p", stream.ProducerConfig{Queue: 8, Lag: stream.Block, DrainMax: 2 * time.Second})
	slow := b.receive("slow", b.consume("slow", stream.ConsumerConfig{Queue: 64}), time.Second)
	quick := b.receive("quick", b.consume("quick", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumers", subscribed(2, p))
	total := b.fill(p, 1000)
	waited := len(quick.values)
	r := b.task("p", p.Close)
	b.within(10*time.Minute, "close", r.done)
	b.run(3 * time.Minute) // the slow one takes what its queue holds
	if waited == total {
		t.Fatalf("%d of %d datums came before the close, want fewer", waited, total)
	}
	for who, g := range map[string]*got{"quick": quick, "slow": slow} {
		if r.err != nil || !g.inOrder(0, total-1) {
			t.Errorf("close: %v; %s has %d datums and gaps %v, want all %d", r.err, who, len(g.values), g.gaps, total)
		}
	}
}

func progress(consumed uint64) []byte { return binary.BigEndian.AppendUint64([]byte{1}, consumed) }

func TestAConsumerThatReportsWhatIsNotSoIsCut(t *testing.T) {
	for what, say := range map[string][][]byte{
		"more than was sent": {progress(4)},
		"less than before":   {progress(2), progress(1)},
		"half a number":      {progress(1)[:5]},
		"an empty message":   {{}},
		"too long a message": {append([]byte{77}, make([]byte, wire.MaxHandshake)...)},
	} {
		b := newBedWith(t, 1, invariants.Options{Byzantine: []string{"c"}}, "p", "c")
		p := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(0)})
		b.run(2 * time.Second)
		d := b.dial(subscribe(1, name))
		b.sendAll(p, 0, 2)
		_, _ = d.link.Send(append([]byte(nil), 77, 1, 2)) // of a later version
		_, _ = d.link.Send(say[:len(say)-1]...)
		b.run(time.Second)
		if n := b.count("p", event.SubEnded); n != 0 || d.closed != nil {
			t.Fatalf("%s: ended before that", what)
		}
		_, _ = d.link.Send(say[len(say)-1])
		b.run(time.Second)
		if n := b.count("p", event.SubEnded, wire.ProtocolViolation); n != 1 || d.closed == nil || d.closed.Reason != wire.ProtocolViolation {
			t.Errorf("%s: ended %d times as a violation, want once", what, n)
		}
	}
}

func TestUnderBlockAnApplicationThatReadsWhatCameBeforeIsNotCut(t *testing.T) {
	const blockMax = 3 * time.Second
	b := newBed(t, 1)
	small(b, "p", "q", "slow")
	p, q := b.produce("p", stream.ProducerConfig{Lag: stream.Block, BlockMax: blockMax}), b.produce("q", stream.ProducerConfig{})
	c := b.consume("slow", stream.ConsumerConfig{Queue: 64})
	b.within(5*time.Second, "consumer", func() bool { return subscribed(1, p)() && subscribed(1, q)() })
	b.sendAll(q, 0, 62)
	b.endless(p, 100)
	b.run(time.Second)
	g := b.receive("slow", c, 500*time.Millisecond) // half a minute for those of q
	b.run(2 * time.Minute)
	if n := b.count("p", event.SubEnded); n != 0 || len(g.gaps) != 0 {
		t.Errorf("%d subscriptions ended, and gaps %v, want none", n, g.gaps)
	}
}

func TestAConsumerThatReportsNoNewsForEverIsCut(t *testing.T) {
	b := newBedWith(t, 1, invariants.Options{Byzantine: []string{"c"}}, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(0), Lag: stream.Block, BlockMax: 4 * time.Second})
	b.run(2 * time.Second)
	d := b.dial(subscribe(1, name))
	b.sendAll(p, 0, 2)
	repeat := func(n int) {
		for range n {
			_, _ = d.link.Send(progress(0))
		}
		b.run(time.Second)
	}
	for range 60 { // as often as it may, and some at once
		repeat(4)
	}
	repeat(16)
	if d.closed != nil {
		t.Fatalf("cut before: %v", d.closed)
	}
	repeat(40)
	if n := b.count("p", event.SubEnded, wire.ProtocolViolation); n != 1 {
		t.Errorf("ended %d times as a violation, want once", n)
	}
}

// A consumer of two producers reports to each as often as that asked for, also where one is
// patient and the other is not.
func TestProducersOfDifferentPatienceHaveReportsOfTheirOwn(t *testing.T) {
	for _, blockMax := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond} {
		b := newBed(t, 1, "p", "q", "c")
		p := b.produce("p", stream.ProducerConfig{Lag: stream.Block, BlockMax: blockMax})
		c := b.consume("c", stream.ConsumerConfig{})
		b.within(5*time.Second, "first producer", subscribed(1, p))
		b.endless(p, 100)
		g := b.receive("c", c, blockMax/5)
		b.run(10 * time.Second)
		q := b.produce("q", stream.ProducerConfig{Lag: stream.Block})
		b.task("q", func(ctx context.Context) error {
			for i := 0; ; i++ {
				if _, err := q.Send(ctx, payload(i, 100)); err != nil {
					return err
				}
				if err := b.Env().Sleep(ctx, time.Second); err != nil {
					return err
				}
			}
		})
		b.run(2 * time.Minute)
		if n := b.count("p", event.SubEnded) + b.count("q", event.SubEnded); n != 0 || len(g.gaps) != 0 {
			t.Errorf("%s: %d subscriptions ended, and gaps %v, want none", blockMax, n, g.gaps)
		}
	}
}

// The consumer reports to a patient producer already when one comes that is not.
func TestProducerThatComesLaterHasReportsAtItsOwnInterval(t *testing.T) {
	for seed := range uint64(10) {
		b := newBed(t, seed, "p", "q", "c")
		q := b.produce("q", stream.ProducerConfig{})
		c := b.consume("c", stream.ConsumerConfig{})
		b.within(5*time.Second, "first producer", subscribed(1, q))
		b.receive("c", c, time.Millisecond)
		b.task("q", func(ctx context.Context) error {
			for i := 0; ; i++ {
				if _, err := q.Send(ctx, payload(i, 100)); err != nil {
					return err
				}
				if err := b.Env().Sleep(ctx, 10*time.Millisecond); err != nil {
					return err
				}
			}
		})
		b.run(2*time.Second + time.Duration(seed)*100*time.Millisecond)
		p := b.produce("p", stream.ProducerConfig{Queue: 8, Lag: stream.Block, BlockMax: 200 * time.Millisecond})
		b.endless(p, 1000)
		b.run(20 * time.Second)
		if n := b.count("p", event.SubEnded); n != 0 {
			t.Errorf("seed %d: cut %d times while its application went on", seed, n)
		}
	}
}

// What consumers report while the process of their producer is stopped is read after its
// timers have run.
func TestConsumersAreNotJudgedRightAfterTheirProducerWasStopped(t *testing.T) {
	const limit = 3 * time.Second
	for seed := range uint64(10) {
		b := newBed(t, seed)
		small(b, "p", "c")
		p := b.produce("p", stream.ProducerConfig{Queue: 8, Lag: stream.Block, BlockMax: limit, DrainMax: limit})
		g := b.receive("c", b.consume("c", stream.ConsumerConfig{Queue: 64}), 200*time.Millisecond)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		sent := 0
		b.task("p", func(ctx context.Context) error {
			for ; ; sent++ {
				if _, err := p.Send(ctx, payload(sent, 100)); err != nil {
					return err
				}
			}
		})
		b.run(5 * time.Second)
		stop := func() {
			b.wrong("pause p")
			b.Host("p").Pause()
			b.run(5 * time.Second)
			b.Host("p").Resume()
		}
		stop()
		b.run(5 * time.Second)
		closed := b.task("p", p.Close)
		b.run(time.Second)
		stop()
		b.within(2*time.Minute, "close", closed.done)
		b.run(30 * time.Second)
		if closed.err != nil || !g.inOrder(0, sent-1) {
			t.Errorf("seed %d: close: %v; received %d of %d, gaps %v", seed, closed.err, len(g.values), sent, g.gaps)
		}
	}
}

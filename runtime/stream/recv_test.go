package stream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/stream"
)

func TestRecvWithAnEndedContextTakesNothing(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{})
	c := b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.sendAll(p, 0, 9)
	cause := errors.New("cause")
	r := b.task("c", func(ctx context.Context) error {
		ended, cancel := context.WithCancelCause(ctx)
		cancel(cause)
		for range 3 {
			if d, err := c.Recv(ended); !errors.Is(err, cause) {
				t.Errorf("got datum %d, %v, want the cause of the context", d.Seq, err)
			}
		}
		if d, err := c.Recv(ctx); err != nil || d.Seq != 1 {
			t.Errorf("Recv with another context: got datum %d, %v, want datum 1", d.Seq, err)
		}
		if d, err := c.TryRecv(); err != nil || d.Seq != 2 {
			t.Errorf("TryRecv: got datum %d, %v, want datum 2", d.Seq, err)
		}
		return nil
	})
	b.within(time.Second, "the reads", r.done)
}

// One of two callers that wait is woken for a datum, and its context ends before it runs.
func TestDatumGoesToACallerThoughItsContextEndsWhenItIsWoken(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{})
	c := b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	var cancel context.CancelFunc
	got := 0
	receive := func(ctx context.Context) error {
		_, err := c.Recv(ctx)
		if err == nil {
			got++
		}
		return err
	}
	first := b.task("c", func(ctx context.Context) error {
		ctx, cancel = context.WithCancel(ctx)
		return receive(ctx)
	})
	b.run(time.Millisecond)
	b.task("c", receive)
	b.run(time.Millisecond)
	b.Observe(func(r *event.Record) {
		if r.Kind == event.Received {
			cancel()
		}
	})
	b.sendAll(p, 0, 0)
	b.within(time.Second, "the first caller", first.done)
	b.run(time.Second)
	if got != 1 {
		t.Errorf("%d callers received the datum, want 1; the first one returned %v", got, first.err)
	}
}

// The queue of a consumer is never empty while its producer is faster than its reader.
func TestAllEndsWithItsContextThoughItsProducerIsFasterThanItsReader(t *testing.T) {
	const takes = 10 * time.Millisecond
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Lag: stream.Block})
	c := b.consume("c", stream.ConsumerConfig{Queue: 16})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.endless(p, 200)
	b.run(time.Second)
	env := b.nodes["c"].Env()
	var last uint64
	r := b.task("c", func(ctx context.Context) error {
		limited, cancel := env.WithTimeout(ctx, time.Second)
		defer cancel()
		for d, err := range c.All(limited) {
			if err != nil {
				return err
			}
			last = d.Seq
			if err := env.Sleep(ctx, takes); err != nil {
				return err
			}
		}
		return nil
	})
	b.within(time.Second+2*takes, "the end of the loop", r.done)
	if r.err != nil || last < 90 {
		t.Errorf("ended after datum %d, %v, want about 100", last, r.err)
	}
	if d, err := c.TryRecv(); err != nil || d.Seq != last+1 {
		t.Errorf("TryRecv: got datum %d, %v, want datum %d, which was queued", d.Seq, err, last+1)
	}
}

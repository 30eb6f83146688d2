package stream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

func TestSendWaitsOfflineUntilAConsumerComes(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{})
	b.run(time.Second)
	if _, err := p.TrySend(payload(1, 8)); !errors.Is(err, stream.ErrOffline) {
		t.Errorf("TrySend offline: got %v, want %v", err, stream.ErrOffline)
	}
	sent := b.task("p", func(ctx context.Context) error { _, err := p.Send(ctx, payload(7, 8)); return err })
	b.run(30 * time.Second)
	if sent.done() {
		t.Fatal("Send returned without a consumer")
	}
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "delivery", func() bool { return g.inOrder(7, 7) })
	if !sent.done() || sent.err != nil {
		t.Errorf("Send: got over %t, %v; want over without error", sent.done(), sent.err)
	}
}

func TestAlwaysOnlineTakesDatumsAtOnceAndTellsThatNobodyGotThem(t *testing.T) {
	b := newBed(t, 1, "p")
	p := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(0)})
	if _, err := p.TrySend(payload(1, 8)); err != nil {
		t.Fatalf("TrySend right after Produce: %v", err)
	}
	b.run(time.Second)
	if e := b.last("p", event.InputDropped); e.N != 1 || e.Reason != wire.NoConsumer {
		t.Errorf("got %s, want one datum dropped for want of consumers", e.Event)
	}
}

func TestFullQueueOfOneMakesSendWait(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Queue: 1, Lag: stream.Block})
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{Queue: 1}), 3*time.Millisecond)
	const senders, each = 5, 20
	errs := 0
	for range senders {
		b.task("p", func(ctx context.Context) error {
			for i := range each {
				if _, err := p.Send(ctx, payload(i, 8)); err != nil {
					errs++
				}
			}
			return nil
		})
	}
	b.within(10*time.Second, "delivery of all", func() bool { return len(g.values) == senders*each })
	if errs > 0 {
		t.Errorf("%d sends failed, want none", errs)
	}
}

func TestTrySendToAFullProducerFails(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Queue: 1})
	b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	if _, err := p.TrySend(payload(0, 8)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.TrySend(payload(1, 8)); !errors.Is(err, stream.ErrFull) {
		t.Errorf("second TrySend: got %v, want %v", err, stream.ErrFull)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	b := newBed(t, 1, "p")
	p := b.produce("p", stream.ProducerConfig{})
	env := b.nodes["p"].Env()
	r := b.task("p", func(ctx context.Context) error {
		ctx, cancel := env.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := p.Send(ctx, payload(1, 8))
		return err
	})
	b.run(2 * time.Second)
	if !errors.Is(r.err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", r.err, context.DeadlineExceeded)
	}
}

// moody is a codec that refuses on demand.
type moody struct{}

var errMood = errors.New("not in the mood")

func (moody) Append(b []byte, v string) ([]byte, error) {
	switch v {
	case "refuse":
		return b, errMood
	case "panic":
		panic("encode")
	}
	return append(b, v...), nil
}

func (moody) Decode(b []byte) (string, error) {
	switch string(b) {
	case "bad":
		return "", errMood
	case "awful":
		panic("decode")
	}
	return string(b), nil
}

func TestWhatCannotBeEncodedIsNotSentAndTheCallerLearns(t *testing.T) {
	b := newBedWith(t, 1, panics, "p", "c")
	p, err := stream.Produce(b.nodes["p"].Streams(), name, stream.ProducerConfig{Online: stream.AtLeast(0), MaxDatum: 8}, stream.WithCodec[string](moody{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		value string
		cause error
		size  int
	}{
		{"refuse", errMood, 0},
		{"panic", wire.CallbackPanic, 0},
		{"123456789", wire.TooLarge, 9},
	} {
		_, err := p.TrySend(c.value)
		var encode *stream.EncodeError
		if !errors.As(err, &encode) || !errors.Is(err, c.cause) || encode.Size != c.size {
			t.Errorf("%s: got %v, want an EncodeError of size %d for %v", c.value, err, c.size, c.cause)
		}
	}
	if seq, err := p.TrySend("12345678"); seq != 1 || err != nil {
		t.Errorf("the next datum: got number %d, %v; want 1", seq, err)
	}
	b.run(time.Second)
	if n := b.count("p", event.CallbackPanicked, wire.CallbackPanic); n != 1 {
		t.Errorf("%d panics reported, want 1", n)
	}
}

func TestWhatCannotBeDecodedIsToldAndTheStreamGoesOn(t *testing.T) {
	b := newBedWith(t, 1, panics, "p", "c")
	p, err := stream.Produce(b.nodes["p"].Streams(), name, stream.ProducerConfig{}, stream.WithCodec[string](moody{}))
	if err != nil {
		t.Fatal(err)
	}
	c, err := stream.Consume(b.nodes["c"].Streams(), name, stream.ConsumerConfig{}, stream.WithCodec[string](moody{}))
	if err != nil {
		t.Fatal(err)
	}
	b.task("p", func(ctx context.Context) error {
		for _, v := range []string{"one", "bad", "awful", "two"} {
			if _, err := p.Send(ctx, v); err != nil {
				return err
			}
		}
		return nil
	})
	b.run(5 * time.Second)
	for seq, want := range []error{nil, errMood, wire.CallbackPanic, nil} {
		d, err := c.TryRecv()
		var decode *stream.DecodeError
		if !errors.Is(err, want) || d.Seq != uint64(seq+1) || d.Producer != b.id("p") || errors.As(err, &decode) != (want != nil) {
			t.Errorf("got datum %d of %s, %v; want number %d of p, %v", d.Seq, d.Producer.Short(), err, seq+1, want)
		}
	}
	if _, err := c.TryRecv(); !errors.Is(err, stream.ErrEmpty) {
		t.Errorf("then: got %v, want %v", err, stream.ErrEmpty)
	}
}

func TestIdleProducerAndConsumerMakeNoStepOfTheirOwn(t *testing.T) {
	steps := func(streams bool) uint64 {
		b := newBed(t, 1, "p", "c")
		if streams {
			p := b.produce("p", stream.ProducerConfig{})
			b.consume("c", stream.ConsumerConfig{})
			b.within(5*time.Second, "consumer", subscribed(1, p))
			b.produce("c", stream.ProducerConfig{Online: stream.AtLeast(3)})
		}
		b.run(time.Minute - b.Now())
		before := b.Stats().Steps
		b.run(10 * time.Minute)
		return b.Stats().Steps - before
	}
	// Discovery's exchanges and the session's keep-alives are not all alike:
	// but one poll a second would be 600 steps.
	with, without := steps(true), steps(false)
	if with > without+without/10 {
		t.Errorf("%d steps in 10 idle minutes with streams, %d without", with, without)
	}
}

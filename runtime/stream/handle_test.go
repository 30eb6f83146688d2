package stream_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

func TestHandlesShareOneProducerUntilTheLastIsClosed(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	one := b.produce("p", stream.ProducerConfig{Queue: 1, Online: stream.AtLeast(1)})
	two := b.produce("p", stream.ProducerConfig{Queue: 77}) // what runs keeps its configuration
	three, err := two.Clone()
	if err != nil || one.Incarnation() != two.Incarnation() || two.Incarnation() != three.Incarnation() {
		t.Fatalf("three handles of %d, %d and %v", one.Incarnation(), two.Incarnation(), err)
	}
	waits := b.task("p", func(ctx context.Context) error { _, err := two.Send(ctx, payload(0, 8)); return err })
	b.run(time.Second)
	for _, p := range []*stream.Producer[[]byte]{two, three, two} {
		if err := p.Close(context.Background()); err != nil {
			t.Errorf("close of a handle that is not the last: %v", err)
		}
	}
	b.run(time.Second)
	if !errors.Is(waits.err, stream.ErrClosed) {
		t.Errorf("Send through a handle that is closed meanwhile: %v", waits.err)
	}
	if _, err := three.TrySend(payload(0, 8)); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("TrySend through a closed handle: %v", err)
	}
	if _, err := three.Clone(); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("Clone of a closed handle: %v", err)
	}
	if !b.nodes["p"].Discovery().Me().HasStream(ident.Stream(name)) || one.Status().Closed {
		t.Fatal("closed while a handle is open")
	}
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumer", subscribed(1, one))
	b.fill(one, 3)
	last := b.task("p", one.Close)
	b.run(time.Second)
	if !last.done() || last.err != nil || !g.inOrder(0, 2) {
		t.Errorf("close of the last: over %t, %v, received %v", last.done(), last.err, g.values)
	}
	if b.nodes["p"].Discovery().Me().HasStream(ident.Stream(name)) {
		t.Error("still advertised")
	}
}

func TestStreamOfAnotherTypeIsAnError(t *testing.T) {
	b := newBed(t, 1, "p")
	b.produce("p", stream.ProducerConfig{})
	_, err := stream.Produce[string](b.nodes["p"].Streams(), name, stream.ProducerConfig{})
	var typed *stream.TypeError
	if !errors.As(err, &typed) || !errors.Is(err, stream.ErrType) {
		t.Fatalf("got %v, want a TypeError", err)
	}
	if want := "stream.CBOR[string]"; typed.Want != want || typed.Have != "stream.Bytes" {
		t.Errorf("got %+v", typed)
	}
	if _, err := stream.Produce[[]byte](b.nodes["p"].Streams(), name, stream.ProducerConfig{}); !errors.Is(err, stream.ErrType) {
		t.Errorf("the same type with another codec: %v", err)
	}
}

func TestSendErrorsReturnTheDatum(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Queue: 1, MaxDatum: 10})
	check := func(when string, v []byte, want error) {
		t.Helper()
		_, err := p.TrySend(v)
		var back *stream.SendError[[]byte]
		if !errors.Is(err, want) || !errors.As(err, &back) || !slices.Equal(back.Datum, v) {
			t.Errorf("%s: got %v, want the datum and %v", when, err, want)
		}
	}
	check("offline", payload(1, 8), stream.ErrOffline)
	check("too large", payload(1, 11), wire.TooLarge)
	b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	if _, err := p.TrySend(payload(1, 8)); err != nil {
		t.Fatal(err)
	}
	check("full", payload(2, 8), stream.ErrFull)
	b.task("p", p.Close)
	b.run(time.Second)
	check("closed", payload(3, 8), stream.ErrClosed)
	if n := b.count("p", event.EncodeFailed); n != 1 {
		t.Errorf("%d encode failures reported, want 1", n)
	}
}

func TestBatchIsSentInOrderAndTellsHowFarItCame(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Queue: 16, MaxDatum: 64, Lag: stream.Block})
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{Queue: 4}), time.Millisecond)
	b.within(5*time.Second, "consumer", subscribed(1, p))
	batch := make([][]byte, 700)
	for i := range batch {
		batch[i] = payload(i, 8)
	}
	batch[600] = payload(600, 65)
	n := 0
	sent := b.task("p", func(ctx context.Context) (err error) { n, err = p.SendBatch(ctx, batch); return err })
	b.run(100 * time.Millisecond)
	if sent.done() {
		t.Error("a batch larger than every queue did not wait")
	}
	b.run(10 * time.Second)
	var back *stream.SendError[[]byte]
	if n != 600 || !errors.Is(sent.err, wire.TooLarge) || !errors.As(sent.err, &back) || len(back.Datum) != 65 {
		t.Errorf("got %d, %v; want 600 and the datum that is too large", n, sent.err)
	}
	if !g.inOrder(0, 599) {
		t.Errorf("received %d datums", len(g.values))
	}
}

func TestDeclaredStreamServesBothSides(t *testing.T) {
	type reading struct {
		Site string `cbor:"site"`
		Temp int    `cbor:"temp"`
	}
	readings := stream.Define("readings",
		stream.Producing[reading](stream.ProducerConfig{MaxConsumers: 1}),
		stream.Consuming[reading](stream.ConsumerConfig{Queue: 3}))
	b := newBed(t, 1, "p", "c")
	p, err := readings.Produce(b.nodes["p"].Streams())
	if err != nil {
		t.Fatal(err)
	}
	c, err := readings.Consume(b.nodes["c"].Streams())
	if err != nil {
		t.Fatal(err)
	}
	if p.Stream() != readings.Stream() || c.Stream() != ident.Stream(readings.Name()) {
		t.Error("ids differ")
	}
	b.within(5*time.Second, "consumer", p.When().Subscribed().Met)
	want := reading{"lab", 21}
	if _, err := p.TrySend(want); err != nil {
		t.Fatal(err)
	}
	b.run(time.Second)
	if d, err := c.TryRecv(); err != nil || d.Value != want {
		t.Errorf("got %+v, %v", d, err)
	}
	if b.last("p", event.ProducerOpened).N != 1 {
		t.Error("the producer does not have the declared configuration")
	}
	if _, err := readings.With(stream.Consuming[reading](stream.ConsumerConfig{Queue: -1})).Consume(b.nodes["c"].Streams()); !errors.Is(err, stream.ErrConfig) {
		t.Errorf("invalid configuration: %v", err)
	}
}

func TestStreamWithoutANameIsRefused(t *testing.T) {
	b := newBed(t, 1, "p")
	streams := b.nodes["p"].Streams()
	_, offers := stream.Produce[int](streams, "", stream.ProducerConfig{})
	_, wants := stream.Consume[int](streams, "", stream.ConsumerConfig{})
	for what, err := range map[string]error{"produce": offers, "consume": wants} {
		if !errors.Is(err, stream.ErrConfig) || !strings.Contains(err.Error(), "name of the stream is empty") {
			t.Errorf("%s: %v, want %v that says that the name is empty", what, err, stream.ErrConfig)
		}
	}
}

// A stream that is produced anew while its former producer closes has its consumers soon.
func TestStreamThatIsProducedAnewAtOnceHasItsConsumersSoon(t *testing.T) {
	for seed := range uint64(10) {
		b := newBed(t, seed, "p", "c")
		p := b.produce("p", stream.ProducerConfig{})
		g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		b.sendAll(p, 0, 9)
		b.task("p", p.Close)
		again := b.produce("p", stream.ProducerConfig{})
		b.within(time.Second, "the consumer again", subscribed(1, again))
		b.sendAll(again, 10, 19)
		if !g.inOrder(0, 19) || len(g.gaps) > 0 {
			t.Errorf("seed %d: received %v, told %v", seed, g.values, g.gaps)
		}
	}
}

// What an application has not received when it closes a consumer it does not receive
// afterwards, though the worker ends its subscriptions later.
func TestClosedConsumerGivesNothing(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{})
	c := b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.sendAll(p, 0, 9)
	if _, err := c.TryRecv(); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if d, err := c.TryRecv(); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("received %d, %v, want that it is closed", d.Seq, err)
	}
	b.run(time.Second)
	if e := b.last("c", event.Discarded); e.N != 9 {
		t.Errorf("%d datums are told to be dropped, want 9", e.N)
	}
}

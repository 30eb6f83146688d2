package node_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

func sendWhileOfflineThenOnline(x *trial) {
	n0, n1 := x.node("n0"), x.node("n1")
	p := produce(x, n0, texts)
	if _, err := p.TrySend("try"); !errors.Is(err, stream.ErrOffline) {
		x.Errorf("offline: %v", err)
	}
	waits := x.task(func(ctx context.Context) error { _, err := p.Send(ctx, "waited"); return err })
	if _, err := p.Send(x.limited(200*time.Millisecond), "gave up"); !errors.Is(err, context.DeadlineExceeded) {
		x.Errorf("time-out: %v", err)
	}
	if waits.Get() != nil {
		x.Fatalf("sent without consumers: %v", waits.Get().err)
	}
	c := consume(x, n1, texts)
	if err := x.await("the send", waits); err != nil {
		x.Fatal(err)
	}
	if got := recv(x, c); got != "waited" {
		x.Errorf("got %q", got)
	}
	c.Close()
	if err := p.When().Offline().Wait(x.limited(10 * time.Second)); err != nil {
		x.Fatal(err)
	}
	again := x.task(func(ctx context.Context) error { _, err := p.Send(ctx, "again"); return err })
	c = consume(x, n1, texts)
	if err := x.await("the second send", again); err != nil {
		x.Fatal(err)
	}
	if got := recv(x, c); got != "again" {
		x.Errorf("got %q", got)
	}
	passes(x, p, c)
}

// shutdownCodesAndLoss: each way to end says so at the other end, and tells what
// was lost, if anything was.
func shutdownCodesAndLoss(x *trial) {
	n0, n1, n2 := x.node("n0"), x.node("n1"), x.node("n2")
	p, c1, c2 := produce(x, n0, lines), consume(x, n1, lines), consume(x, n2, lines)
	serves(x, p, 2)
	c2.Close()
	x.within("the consumer's end", func() bool { return x.log.count(n0, event.SubEnded, wire.Cancelled) == 1 })
	const total = 300
	for i := range total {
		send(x, p, fmt.Sprint(i))
	}
	if err := p.Close(x.limited(10 * time.Second)); err != nil {
		x.Errorf("close: %v", err)
	}
	for i := range total {
		if got := recv(x, c1); got != fmt.Sprint(i) {
			x.Fatalf("got %q, want %d", got, i)
		}
	}
	x.within("the producer's end", func() bool { return x.log.count(n1, event.Unsubscribed, wire.GracefulShutdown) == 1 })
	if n := x.log.count(n0, event.Dropped); n != 0 {
		x.Errorf("%d times datums were dropped", n)
	}
	if _, err := p.Send(x.ctx, "late"); !errors.Is(err, stream.ErrClosed) {
		x.Errorf("after the close: %v", err)
	}
	c1.Close()
	x.within("the end", func() bool { return c1.Status().Closed })
	if _, err := c1.Recv(x.limited(10 * time.Second)); !errors.Is(err, stream.ErrClosed) {
		x.Errorf("after the consumer's close: %v", err)
	}
}

// shutdownGivesUp: what a consumer does not take in time is lost and counted.
func shutdownGivesUp(x *trial) {
	d := lines.With(
		stream.Producing[string](stream.ProducerConfig{Queue: 4, Lag: stream.Block, DrainMax: 300 * time.Millisecond}),
		stream.Consuming[string](stream.ConsumerConfig{Queue: 1}))
	n0, n1 := x.node("n0", narrow), x.node("n1", narrow)
	p, c := produce(x, n0, d), consume(x, n1, d)
	serves(x, p, 1)
	sent := 0
	for ctx, err := x.limited(300*time.Millisecond), error(nil); err == nil; {
		if _, err = p.Send(ctx, line); err == nil {
			sent++
		}
	}
	err := x.leaving(n0)
	var lost *stream.UndrainedError
	if !errors.As(err, &lost) || lost.Consumers != 1 || lost.Input == 0 || lost.Datums < 4 {
		x.Fatalf("close: %v", err)
	}
	x.within("the end", func() bool { return x.log.count(n1, event.Unsubscribed) > 0 })
	got := 0
	for ; ; got++ {
		if _, err := c.TryRecv(); err != nil {
			break
		}
	}
	if enqueued := x.log.sum(n0, n1.ID(), event.Enqueued); int(enqueued)+lost.Input != sent || got+lost.Datums > int(enqueued) {
		x.Errorf("sent %d, enqueued %d, received %d, lost %+v", sent, enqueued, got, *lost)
	}
}

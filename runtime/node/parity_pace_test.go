package node_test

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// slowFor is how long a slow reader reads over QUIC.
var slowFor = flag.Duration("slow", 3*time.Second, "how long TestSlowReaderIsNeverCutOverQUIC reads 20 datums a second of each size")

// paced is a producer under Block that sends without a pause, and a consumer.
type paced struct {
	*trial
	n0, n1 *node.Node
	p      *stream.Producer[string]
	c      *stream.Consumer[string]
	sent   uint64        // numbers of the last datum, valid once the task is over
	taken  time.Duration // Mono when the consumer took the last one, or before
}

func newPaced(x *trial, blockMax time.Duration, datum string) *paced {
	x.Helper()
	d := lines.With(stream.Producing[string](stream.ProducerConfig{Lag: stream.Block, BlockMax: blockMax}))
	l := &paced{trial: x, n0: x.node("n0"), n1: x.node("n1")}
	l.p, l.c = produce(x, l.n0, d), consume(x, l.n1, d)
	serves(x, l.p, 1)
	x.task(func(ctx context.Context) error {
		for {
			if _, err := l.p.Send(ctx, datum); err != nil {
				return err
			}
		}
	})
	return l
}

// reads takes n datums, one every so often. Each must be the next.
func (l *paced) reads(n uint64, every time.Duration) {
	l.Helper()
	for range n {
		l.taken = l.env().Clock.Mono()
		d, err := l.c.Recv(l.limited(10 * time.Second))
		if l.sent++; err != nil || d.Seq != l.sent {
			l.Fatalf("got datum %d, %v, want %d", d.Seq, err, l.sent)
		}
		l.sleep(every)
	}
}

// uncut fails if the consumer was cut.
func (l *paced) uncut(what string) {
	l.Helper()
	if n := l.log.count(l.n0, event.SubDraining); n != 0 {
		l.Errorf("cut %d times %s", n, what)
	}
}

// A reader that goes on is not cut, though the queues between take longer to make room
// than a producer waits for one that stops.
func slowReader(x *trial) {
	const blockMax = time.Second
	l := newPaced(x, blockMax, line)
	l.reads(75, 40*time.Millisecond)
	l.uncut("while it took 25 datums a second")
	l.reads(5, blockMax-200*time.Millisecond)
	l.uncut("while it took one in time")
	l.within("the cut", func() bool { return l.log.count(l.n0, event.SubDraining, wire.TooSlow) == 1 })
	if took := x.env().Clock.Mono() - l.taken; took < blockMax || took > blockMax+time.Second {
		x.Errorf("cut %s after it took the last one, want %s, give or take a second", took, blockMax)
	}
}

// Close goes on for as long as a reader does, and not longer.
func closeOfASlowReader(x *trial) {
	d := lines.With(
		stream.Producing[string](stream.ProducerConfig{Lag: stream.Block, DrainMax: time.Second}),
		stream.Consuming[string](stream.ConsumerConfig{Queue: 4}))
	n0, n1 := x.node("n0"), x.node("n1")
	p, c := produce(x, n0, d), consume(x, n1, d)
	serves(x, p, 1)
	const total = 12
	large := strings.Repeat("-", 100_000) // so that some are under way still
	for range total {
		send(x, p, large)
	}
	closed := x.task(p.Close)
	for i := range uint64(total) {
		if d, err := c.Recv(x.limited(10 * time.Second)); err != nil || d.Seq != i+1 {
			x.Fatalf("got datum %d, %v, want %d", d.Seq, err, i+1)
		}
		x.sleep(400 * time.Millisecond)
	}
	if err := x.await("close", closed); err != nil {
		x.Errorf("close: %v", err)
	}
}

func TestSlowReaderIsNeverCutOverQUIC(t *testing.T) {
	var all sync.WaitGroup
	for _, size := range []int{60, 100, 1000, 60_000} {
		all.Go(func() {
			t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
				onMachine(t, func(x *trial) {
					l := newPaced(x, min(stream.DefaultBlockMax, *slowFor/3), strings.Repeat("-", size))
					l.reads(uint64(*slowFor/(50*time.Millisecond)), 50*time.Millisecond)
					l.uncut("while it took 20 datums a second")
					s := l.p.Status().Subscriptions
					if len(s) != 1 || s[0].Queued() > stream.DefaultQueue {
						x.Errorf("then: %+v", s)
					}
				})
			})
		})
	}
	all.Wait()
}

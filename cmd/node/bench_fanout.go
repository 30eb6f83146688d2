package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/smalti/smalti/runtime/stream"
)

// fanBench measures the product: whole nodes, a stream, Block.
type fanBench struct {
	cluster   *cluster
	producer  *stream.Producer[[]byte]
	consumers []*stream.Consumer[[]byte]
	payload   []byte
}

func newFanBench(ctx context.Context, payload, consumers int) (*fanBench, error) {
	c, err := newCluster(consumers)
	if err != nil {
		return nil, err
	}
	b := &fanBench{cluster: c, payload: make([]byte, payload)}
	for i := range b.payload {
		b.payload[i] = byte(i)
	}
	if b.producer, b.consumers, err = c.connect(ctx, "bench"); err != nil {
		c.stop()
		return nil, err
	}
	return b, nil
}

// round sends datums and gives the time until every consumer received all of
// their payload.
func (b *fanBench) round(ctx context.Context, datums int) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var readers sync.WaitGroup
	began := time.Now()
	for _, consumer := range b.consumers {
		readers.Go(func() {
			if err := receive(ctx, consumer, datums*len(b.payload)); err != nil {
				cancel(err)
			}
		})
	}
	for range datums {
		if _, err := b.producer.Send(ctx, b.payload); err != nil {
			cancel(fmt.Errorf("send: %w", err))
			break
		}
	}
	readers.Wait()
	took := time.Since(began)
	return took, context.Cause(ctx)
}

// receive takes datums until they amount to so many bytes.
func receive(ctx context.Context, consumer *stream.Consumer[[]byte], bytes int) error {
	for bytes > 0 {
		d, err := consumer.Recv(ctx)
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		bytes -= len(d.Value)
	}
	if bytes < 0 {
		return errors.New("receive: more than was sent")
	}
	return nil
}

func (b *fanBench) close() { b.cluster.stop() }

package node_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/stream"
)

// All that close one handle at once are told how the close ended.
func TestCallersThatCloseAHandleAtOnceAreToldTheSame(t *testing.T) {
	onMachine(t, func(x *trial) {
		d := texts.With(
			stream.Producing[string](stream.ProducerConfig{Lag: stream.Block, Queue: 16, DrainMax: time.Minute}),
			stream.Consuming[string](stream.ConsumerConfig{Queue: 1}))
		n := x.node("n0")
		gaveUp := errors.New("gave up")
		over, cancel := context.WithCancelCause(context.Background())
		cancel(gaveUp)
		for range 30 {
			c := consume(x, n, d) // and takes nothing
			p := produce(x, n, d)
			serves(x, p, 1)
			for full := 0; full < 100; {
				if _, err := p.TrySend("unread"); errors.Is(err, stream.ErrFull) {
					full++
					_ = n.Env().Sleep(x.ctx, 100*time.Microsecond)
				}
			}
			errs := make([]error, 8)
			var all sync.WaitGroup
			for i := range errs {
				all.Go(func() { errs[i] = p.Close(over) })
			}
			all.Wait()
			for _, err := range errs {
				if !errors.Is(err, gaveUp) {
					x.Fatalf("told %v, want that each gave up waiting", errs)
				}
			}
			c.Close()
		}
	})
}

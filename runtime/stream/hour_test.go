package stream_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/stream"
)

// An hour with a consumer that stops reading, under each policy but Block, which
// lets it set the pace: what it holds is bounded, and the others do not notice.
func TestConsumerThatStallsForAnHourCostsBoundedMemoryAndDelaysNobody(t *testing.T) {
	const (
		every = 100 * time.Millisecond
		ring  = 64 // datums at the producer
		queue = 32 // datums at the consumer, and one batch of as many
	)
	minutes := 60
	if testing.Short() {
		minutes = 6
	}
	hour := func(lag stream.Lag, stall bool) (p99 time.Duration, held int64) {
		b := newBed(t, 1)
		small(b, "p", "quick", "other", "stalls")
		p := b.produce("p", stream.ProducerConfig{Lag: lag, Queue: ring})
		config := stream.ConsumerConfig{Queue: queue}
		for _, host := range []string{"quick", "other"} {
			b.receive(host, b.consume(host, config), 0)
		}
		stalls := b.consume("stalls", config)
		if !stall {
			b.receive("stalls", stalls, 0)
		}
		b.within(5*time.Second, "consumers", subscribed(3, p))
		b.task("p", func(ctx context.Context) error {
			for i := 0; ; i++ {
				if _, err := p.Send(ctx, payload(i, 100)); err != nil {
					return err
				}
				if err := b.nodes["p"].Env().Sleep(ctx, every); err != nil {
					return err
				}
			}
		})
		b.events = nil
		// What waits at the producer, and what the consumer took in, of which its
		// application takes nothing. What lies between is the transport's to bound.
		inside, most := int64(0), int64(0)
		sent, delays := map[uint64]int64{}, []time.Duration{}
		b.Observe(func(r *event.Record) {
			about := r.Peer == b.id("stalls")
			switch {
			case r.Kind == event.Enqueued && about:
				inside += r.N
			case (r.Kind == event.Dropped || r.Kind == event.Written) && about:
				inside -= r.N
			case r.Kind == event.SubEnded && about:
				inside += r.N // given back, and dropped
			case r.Kind == event.Received && r.Host == "stalls":
				inside += r.N
			case r.Kind == event.Enqueued && r.Peer == b.id("quick"):
				for seq := r.From; seq <= r.To; seq++ {
					sent[seq] = r.At
				}
			case r.Kind == event.Received && r.Host == "quick":
				for seq := r.From; seq <= r.To; seq++ {
					delays = append(delays, time.Duration(r.At-sent[seq]))
					delete(sent, seq)
				}
			}
			most = max(most, inside)
		})
		for range minutes {
			b.run(time.Minute)
			b.events = b.events[:0]
		}
		if len(delays) < minutes*580 {
			t.Fatalf("%s: %d datums in %d minutes", lag, len(delays), minutes)
		}
		slices.Sort(delays)
		return delays[len(delays)*99/100], most
	}
	for _, lag := range []stream.Lag{stream.Disconnect, stream.DropNewest, stream.DropOldest} {
		without, _ := hour(lag, false)
		with, held := hour(lag, true)
		if (with - without).Abs() > without/20 {
			t.Errorf("%s: p99 delay of the others is %s, %s without the stall", lag, with, without)
		}
		if bound := int64(ring + 2*queue); held > bound {
			t.Errorf("%s: %d datums were held for it at once, at most %d are promised", lag, held, bound)
		}
	}
}

package stream_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// account tells whether a consumer got each of total datums, or was told that it
// misses it, once and in order.
func (g *got) account(total int) error {
	next, gaps := 0, g.gaps
	for _, seq := range g.seqs {
		i := int(seq) - 1
		for i > next && len(gaps) > 0 && int(gaps[0].From) == next+1 {
			if gaps[0].Count != gaps[0].To-gaps[0].From+1 {
				return fmt.Errorf("%w counts wrong", gaps[0])
			}
			next, gaps = int(gaps[0].To), gaps[1:]
		}
		if i != next {
			return fmt.Errorf("datum %d comes where %d should", i, next)
		}
		next++
	}
	for _, gap := range gaps {
		if int(gap.From) != next+1 {
			return fmt.Errorf("%w comes at %d", gap, next)
		}
		next = int(gap.To)
	}
	if next != total {
		return fmt.Errorf("%d of %d datums are accounted for", next, total)
	}
	return nil
}

func TestConsumerIsToldExactlyWhatALagPolicySkipped(t *testing.T) {
	for _, lag := range []stream.Lag{stream.DropNewest, stream.DropOldest} {
		for _, queue := range []stream.ProducerConfig{{Queue: 8}, {Queue: 1}, {Queue: 1000, QueueBytes: 900}, {Queue: 1000, QueueBytes: 1}} {
			queue.Lag = lag
			name := fmt.Sprintf("%s, %d datums, %d bytes", lag, queue.Queue, queue.QueueBytes)
			b := newBed(t, 1)
			small(b, "p", "stalls", "slow", "quick")
			p := b.produce("p", queue)
			stalls := b.consume("stalls", stream.ConsumerConfig{Queue: 1})
			slow := b.receive("slow", b.consume("slow", stream.ConsumerConfig{Queue: 1}), 7*time.Millisecond)
			quick := b.receive("quick", b.consume("quick", stream.ConsumerConfig{}), 0)
			b.within(5*time.Second, "consumers", subscribed(3, p))
			const total = 300
			if sent := b.fill(p, total); sent != total {
				t.Fatalf("%s: the producer is full after %d datums", name, sent)
			}
			late := b.receive("stalls", stalls, 0)
			b.run(10 * time.Second)
			for host, g := range map[string]*got{"stalls": late, "slow": slow, "quick": quick} {
				if err := g.account(total); err != nil {
					t.Errorf("%s: %s: %v", name, host, err)
				}
			}
			if len(quick.gaps) != 0 {
				t.Errorf("%s: the quick consumer misses %v", name, quick.gaps)
			}
			if len(late.gaps) == 0 || len(slow.gaps) < 2 {
				t.Errorf("%s: %d and %d gaps: nobody lagged", name, len(late.gaps), len(slow.gaps))
			}
			newest := len(late.values) > 0 && late.values[len(late.values)-1] == total-1
			if newest != (lag == stream.DropOldest) {
				t.Errorf("%s: the consumer that stalled ends with %v", name, late.values)
			}
			if n := b.count("p", event.SubEnded); n != 0 {
				t.Errorf("%s: %d subscriptions ended, want none", name, n)
			}
			if lagged, missed := b.count("p", event.Dropped, wire.Lagged), b.sum("stalls", event.Skipped, "p"); lagged == 0 || missed != laggedFor(b, "stalls") {
				t.Errorf("%s: told of %d datums, dropped %d", name, missed, laggedFor(b, "stalls"))
			}
		}
	}
}

// laggedFor is how many datums the producer left out for a host.
func laggedFor(b *bed, host string) (n int64) {
	for _, r := range b.events {
		if r.Kind == event.Dropped && r.Reason == wire.Lagged && r.Peer == b.id(host) {
			n += r.N
		}
	}
	return n
}

func TestGapAtTheEndIsToldWithoutAFurtherDatum(t *testing.T) {
	for _, lag := range []stream.Lag{stream.DropNewest, stream.DropOldest} {
		b := newBed(t, 1)
		small(b, "p", "c")
		p := b.produce("p", stream.ProducerConfig{Queue: 2, Lag: lag})
		c := b.consume("c", stream.ConsumerConfig{Queue: 1})
		b.within(5*time.Second, "consumer", subscribed(1, p))
		b.fill(p, 100)
		closed := b.task("p", p.Close)
		b.run(time.Second)
		g := b.receive("c", c, 0)
		b.run(10 * time.Second)
		if err := g.account(100); err != nil || len(g.gaps) != 1 { // however many turns it grew in
			t.Errorf("%s: %v with gaps %v, want one", lag, err, g.gaps)
		}
		if !closed.done() || closed.err != nil {
			t.Errorf("%s: close: over %t, %v", lag, closed.done(), closed.err)
		}
	}
}

func TestLagPoliciesHaveNames(t *testing.T) {
	for _, l := range []stream.Lag{stream.Disconnect, stream.Block, stream.DropNewest, stream.DropOldest} {
		if got, err := stream.ParseLag(l.String()); got != l || err != nil {
			t.Errorf("%s reads back as %s, %v", l, got, err)
		}
	}
	if _, err := stream.ParseLag("never"); err == nil {
		t.Error("an unknown policy is taken")
	}
	if err := (stream.ProducerConfig{Lag: 9}).Validate(); err == nil {
		t.Error("a configuration with an unknown policy is valid")
	}
}

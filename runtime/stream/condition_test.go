package stream_test

import (
	"context"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
)

func TestConditionsAreMetTogetherAndAgain(t *testing.T) {
	b := newBed(t, 1, "p", "c", "d")
	p := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(2)})
	when := p.When()
	online, offline := 0, 0
	for range 3 {
		b.task("p", func(ctx context.Context) error {
			for {
				if err := when.Online().Wait(ctx); err != nil {
					return err
				}
				online++
				if err := when.Offline().Wait(ctx); err != nil {
					return err
				}
				offline++
			}
		})
	}
	b.consume("c", stream.ConsumerConfig{})
	b.run(10 * time.Second)
	if online != 0 || !when.Subscribed().Met() || when.Unsubscribed().Met() || when.Online().Met() {
		t.Fatalf("with one consumer of two: %d waiters saw it online", online)
	}
	for round := 1; round <= 2; round++ {
		d := b.consume("d", stream.ConsumerConfig{})
		b.run(10 * time.Second)
		if online != 3*round {
			t.Fatalf("round %d: %d waiters saw it online, want %d", round, online, 3*round)
		}
		d.Close()
		b.run(10 * time.Second)
		if offline != 3*round {
			t.Fatalf("round %d: %d waiters saw it offline, want %d", round, offline, 3*round)
		}
	}
}

func TestConditionOnTagsSeesThemChange(t *testing.T) {
	b := newBed(t, 1, "p", "c", "d")
	p := b.produce("p", stream.ProducerConfig{})
	c := b.consume("c", stream.ConsumerConfig{})
	b.consume("d", stream.ConsumerConfig{})
	b.within(10*time.Second, "consumers", subscribed(2, p))
	tags := []ident.Tag{tag("red"), tag("round")}
	cond := p.When().Quorum(stream.AtLeast(1).Tagged(tags...))
	seen := b.task("p", cond.Wait)
	gone := b.task("p", func(ctx context.Context) error {
		if err := cond.Wait(ctx); err != nil {
			return err
		}
		return cond.Not().Wait(ctx)
	})
	producers := c.When().Quorum(stream.AtLeast(1).Tagged(tag("source")))
	must(b.nodes["c"].Discovery().AddTags(tag("red")))
	must(b.nodes["d"].Discovery().AddTags(tag("round")))
	b.run(10 * time.Second)
	if seen.done() || cond.Met() || producers.Met() {
		t.Error("met by two peers with one tag each")
	}
	must(b.nodes["c"].Discovery().AddTags(tag("round")))
	must(b.nodes["p"].Discovery().AddTags(tag("source")))
	b.run(10 * time.Second)
	if !seen.done() || !cond.Met() || !producers.Met() {
		t.Errorf("not met by a peer with both tags: waiter %t, now %t; of the consumer %t", seen.done(), cond.Met(), producers.Met())
	}
	b.nodes["c"].Discovery().RemoveTags(tag("red"))
	b.run(10 * time.Second)
	if !gone.done() || cond.Met() {
		t.Error("still met after the tag went")
	}
}

package stream_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/stream"
)

func TestIDsTellTheSubscriptionsOfASideApart(t *testing.T) {
	b := newBed(t, 1, "p", "q", "c", "d")
	sides := map[string]func() stream.Status{
		"p": b.produce("p", stream.ProducerConfig{}).Status, "q": b.produce("q", stream.ProducerConfig{}).Status,
		"c": b.consume("c", stream.ConsumerConfig{}).Status, "d": b.consume("d", stream.ConsumerConfig{}).Status,
	}
	b.run(10 * time.Second)
	for side, status := range sides {
		if s := status().Subscriptions; len(s) != 2 || s[0].ID == s[1].ID {
			t.Errorf("%s has %+v, want two with different ids", side, s)
		}
	}
}

func TestStatsCountWhatPassedPerPeerAndInTotal(t *testing.T) {
	b := newBed(t, 1, "p", "c", "q")
	p := b.produce("p", stream.ProducerConfig{})
	q := b.produce("q", stream.ProducerConfig{})
	c := b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumers", func() bool { return subscribed(1, p)() && subscribed(1, q)() })
	send := func(p *stream.Producer[[]byte], size int) {
		if _, err := p.TrySend(payload(1, size)); err != nil {
			t.Fatal(err)
		}
		b.run(time.Second)
	}
	send(p, 10)
	send(p, 20)
	send(q, 40)
	if got, want := p.Status().Subscriptions[0].Stats(), (stream.Stats{Datums: 2, Bytes: 30}); got != want {
		t.Errorf("p sent %+v, want %+v", got, want)
	}
	if got := c.Stats(); got != (stream.Stats{}) {
		t.Errorf("before anything is received: %+v", got)
	}
	for range 3 {
		if _, err := c.TryRecv(); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range c.Status().Subscriptions {
		want := stream.Stats{Datums: 2, Bytes: 30}
		if s.Peer == b.id("q") {
			want = stream.Stats{Datums: 1, Bytes: 40}
		}
		if got := s.Stats(); got != want || s.Since.IsZero() {
			t.Errorf("received %+v since %s, want %+v", got, s.Since, want)
		}
	}
	if got, want := c.Stats(), (stream.Stats{Datums: 3, Bytes: 70}); got != want {
		t.Errorf("received %+v in total, want %+v", got, want)
	}
}

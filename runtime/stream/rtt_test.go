package stream_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/ticket/tickettest"
	"github.com/smalti/smalti/runtime/wire"
)

// drift makes the path between p and c one way as long as d.
func (b *bed) drift(d time.Duration) {
	for _, way := range [][2]string{{"p", "c"}, {"c", "p"}} {
		path := b.Net.PathOf(way[0], way[1])
		path.Latency = netsim.Latency{Base: d}
		if err := b.Net.SetPath(way[0], way[1], path); err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestPeerTooFarAwayIsRefusedAndEndedWithHysteresis(t *testing.T) {
	for _, side := range []string{"producer", "consumer"} {
		b := newBed(t, 1, "p", "c")
		pc, cc := stream.ProducerConfig{}, stream.ConsumerConfig{}
		if side == "producer" {
			pc.RTTBelow = 20 * time.Millisecond
		} else {
			cc.RTTBelow = 20 * time.Millisecond
		}
		b.drift(5 * time.Millisecond)
		p := b.produce("p", pc)
		b.consume("c", cc)
		b.within(10*time.Second, "a near peer", subscribed(1, p))
		b.run(time.Minute)             // it is measured again
		b.drift(11 * time.Millisecond) // 22 ms: above the limit, within a quarter
		b.run(20 * time.Minute)
		if n := b.count("p", event.SubEnded); n != 0 {
			t.Errorf("%s: ended at the border", side)
		}
		b.drift(30 * time.Millisecond)
		b.within(20*time.Minute, side+": the end", subscribed(0, p))
		b.run(10 * time.Minute)
		if n := len(p.Status().Subscriptions); n != 0 {
			t.Errorf("%s: admitted again while far away", side)
		}
		if side == "producer" && (b.count("c", event.Unsubscribed, wire.NotAllowed) < 2 || b.count("c", event.Unsubscribed, wire.UnknownPeer) > 0) {
			t.Error("a consumer that is too far away is told something else")
		}
		b.drift(5 * time.Millisecond)
		b.within(30*time.Minute, side+": the return", subscribed(1, p))
	}
}

// sampled is a directory that keeps the last round trip to each peer that it was told.
type sampled struct {
	*discovery.Discovery
	rtt map[ident.PeerID]runtime.RTT
}

func (d sampled) Sample(peer ident.PeerID, rtt runtime.RTT) { d.rtt[peer] = rtt }

func TestHandshakeTellsBothSidesTheRoundTrip(t *testing.T) {
	b := newBedWith(t, 1, invariants.Options{Byzantine: []string{"p", "c"}}, "p", "c") // two sets of streams on a node
	sides := map[string]sampled{}
	for _, host := range []string{"p", "c"} {
		sides[host] = sampled{b.nodes[host].Discovery(), map[ident.PeerID]runtime.RTT{}}
	}
	p, err := stream.Produce(b.streams("p", sides["p"]), name, stream.ProducerConfig{}, stream.WithCodec[[]byte](stream.Bytes{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Consume(b.streams("c", sides["c"]), name, stream.ConsumerConfig{}, stream.WithCodec[[]byte](stream.Bytes{})); err != nil {
		t.Fatal(err)
	}
	b.within(10*time.Second, "consumer", subscribed(1, p))
	b.run(time.Second)
	for host, other := range map[string]string{"p": "c", "c": "p"} {
		if got := sides[host].rtt[b.id(other)].Min; got < 2*time.Millisecond || got > 20*time.Millisecond {
			t.Errorf("%s heard that the round trip to %s is %s, over links of 1ms", host, other, got)
		}
	}
}

func TestRoundTripsAreMeasuredOnlyWhileTheyMatter(t *testing.T) {
	for _, side := range []string{"producer", "consumer"} {
		b := newBed(t, 1, "p", "c")
		pc, cc, by, of := stream.ProducerConfig{RTTBelow: time.Second}, stream.ConsumerConfig{}, "p", "c"
		if side == "consumer" {
			pc, cc, by, of = stream.ProducerConfig{}, stream.ConsumerConfig{RTTBelow: time.Second}, "c", "p"
		}
		p := b.produce("p", pc)
		c := b.consume("c", cc)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		measured := func(d time.Duration) int {
			before := b.count(by, event.Pinged)
			b.run(d)
			return b.count(by, event.Pinged) - before
		}
		if n := measured(5 * time.Minute); n < 5 || n > 20 {
			t.Errorf("%s measured %d round trips to %s in 5 minutes, want about 10", by, n, of)
		}
		c.Close()
		measured(time.Minute)
		if n := measured(5 * time.Minute); n != 0 {
			t.Errorf("%s measured %d round trips to %s after the end", by, n, of)
		}
	}
}

func TestRevocationEndsASubscriptionAtOnceAndIsForgivenAtOnce(t *testing.T) {
	for _, side := range []string{"producer", "consumer"} {
		deny := &ticket.DenyList{}
		validators := []ticket.Validator{ticket.Deny(tickettest.Validator{Issuer: issuer.PeerID()}, deny)}
		b := newBed(t, 1)
		rights := map[string]ticket.Ticket{}
		for _, host := range []string{"p", "c"} {
			rights[host] = b.right(host, time.Hour)
			b.config[host] = func(c *discovery.Config) { c.Tickets = []ticket.Ticket{rights[host]} }
			b.boot(host)
		}
		pc, cc, revoked := stream.ProducerConfig{Tickets: validators}, stream.ConsumerConfig{}, "c"
		if side == "consumer" {
			pc, cc, revoked = stream.ProducerConfig{}, stream.ConsumerConfig{Tickets: validators}, "p"
		}
		p := b.produce("p", pc)
		c := b.consume("c", cc)
		b.within(5*time.Second, "subscription", subscribed(1, p))
		if err := deny.Replace([]ticket.ID{rights[revoked].ID()}, nil); err != nil {
			t.Fatal(err)
		}
		b.within(100*time.Millisecond, side+": the end", subscribed(0, p))
		b.run(time.Second)
		if n := b.count("c", event.Unsubscribed, wire.Revoked); n == 0 {
			t.Errorf("%s: nobody says that the ticket was revoked", side)
		}
		if s := c.Status(); len(s.Pending) != 1 || s.Pending[0].Reason != wire.Revoked {
			t.Errorf("%s: pending %+v", side, s.Pending)
		}
		if err := deny.Replace(nil, nil); err != nil {
			t.Fatal(err)
		}
		within := 100 * time.Millisecond
		if side == "producer" {
			within = 25 * time.Second // it cannot tell: the consumer asks again now and then
		}
		b.within(within, side+": the return", subscribed(1, p))
	}
}

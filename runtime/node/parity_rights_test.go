package node_test

import (
	"errors"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/ticket/jwt"
	"github.com/smalti/smalti/runtime/wire"
)

// impatient has a consumer ask again soon, even after a verdict.
var impatient = stream.Backoff{First: 50 * time.Millisecond, Max: 200 * time.Millisecond}

// ticketRenewal: who renews its ticket in time keeps its subscription, on either
// side.
func ticketRenewal(x *trial) {
	k := signer(x, 1)
	v := []ticket.Validator{judge(x, k, "issuer")}
	d := texts.With(
		stream.Producing[string](stream.ProducerConfig{Tickets: v}), stream.Consuming[string](stream.ConsumerConfig{Tickets: v}))
	n0, n1 := x.node("n0", holding(k, "issuer", 3*time.Second)), x.node("n1", holding(k, "issuer", 3*time.Second))
	p, c := produce(x, n0, d), consume(x, n1, d)
	serves(x, p, 1)
	passes(x, p, c)
	end := p.Status().Subscriptions[0].Expires
	for _, n := range []*node.Node{n0, n1} {
		must(n.Discovery().ReplaceTicket(x.ticket(k, jwt.Token{Issuer: "issuer"}, n.ID(), time.Hour)))
	}
	x.within("the end of the old tickets", func() bool { return x.env().Clock.Now().After(end.Add(500 * time.Millisecond)) })
	passes(x, p, c)
	for side, s := range map[string]stream.Status{"producer": p.Status(), "consumer": c.Status()} {
		if len(s.Subscriptions) != 1 || s.Subscriptions[0].Expires.Before(end.Add(time.Minute)) {
			x.Errorf("%s: %+v", side, s)
		}
	}
	if n := x.log.count(n0, event.SubEnded) + x.log.count(n1, event.Unsubscribed, wire.Expired); n != 0 {
		x.Errorf("%d ends", n)
	}
	if n := x.log.count(n0, event.SubExpiry); n != 1 {
		x.Errorf("the right changed %d times, want 1", n)
	}
}

// revocationOnTheProducer: who loses its right is cut off at once, whether its
// ticket was denied or it does not show it any more; others are served on.
func revocationOnTheProducer(x *trial) {
	k, deny := signer(x, 1), &ticket.DenyList{}
	d := texts.With(
		stream.Producing[string](stream.ProducerConfig{Tickets: []ticket.Validator{ticket.Deny(judge(x, k, "issuer"), deny)}}),
		stream.Consuming[string](stream.ConsumerConfig{Backoff: impatient}))
	n0 := x.node("n0")
	n1, n2 := x.node("n1", holding(k, "issuer", time.Hour)), x.node("n2", holding(k, "issuer", time.Hour))
	p := produce(x, n0, d)
	c2 := consume(x, n2, d)
	serves(x, p, 1)
	c1 := consume(x, n1, d)
	serves(x, p, 2)
	// Who never heard that it was subscribed is not told what it missed.
	x.within("the consumer's side", func() bool { return len(c1.Status().Subscriptions) == 1 })
	held := n1.Discovery().Me().Tickets[0]
	cut := func(what string, why wire.Reason, do func()) {
		x.Helper()
		do()
		x.soon(what, func() bool { return x.log.count(n0, event.SubEnded, why) == 1 })
		passes(x, p, c2)
		empty(x, c1)
		x.within("the refusal", func() bool {
			s := c1.Status().Pending
			return len(s) == 1 && s[0].Reason == why && s[0].Tries > 1
		})
	}
	back := func(what string, do func()) {
		x.Helper()
		do()
		serves(x, p, 2)
		x.within(what, func() bool { return len(c1.Status().Subscriptions) == 1 })
		var gap *stream.Gap
		if d, err := c1.Recv(x.limited(10 * time.Second)); !errors.As(err, &gap) || gap.Count != 1 {
			x.Errorf("got %q, %v; want a gap of what it had no right to", d.Value, err)
		}
		passes(x, p, c1, c2)
	}
	cut("the end by the deny-list", wire.Revoked, func() { x.deny(deny, held.ID()) })
	back("the return", func() { x.deny(deny) })
	cut("the end without a ticket", wire.NotAllowed, func() { n1.Discovery().RemoveTicketsOf(held.Class) })
	back("the return with it", func() { must(n1.Discovery().AddTicket(held)) })
}

// deny replaces what a list denies.
func (x *trial) deny(l *ticket.DenyList, ids ...ticket.ID) {
	x.Helper()
	if err := l.Replace(ids, nil); err != nil {
		x.Fatal(err)
	}
}

// maxRTT: a limit on the round trip keeps out who is known to be farther away, on
// either side, and nobody else.
func maxRTT(x *trial) {
	limit := func(name string, producer, consumer time.Duration) *stream.Def[string] {
		return stream.Define(name,
			stream.Producing[string](stream.ProducerConfig{RTTBelow: producer}), stream.Consuming[string](stream.ConsumerConfig{RTTBelow: consumer}))
	}
	n0, n1 := x.node("n0"), x.node("n1")
	measured(x, n0, n1)
	near := limit("near", 5*time.Second, 5*time.Second)
	p, c := produce(x, n0, near), consume(x, n1, near)
	serves(x, p, 1)
	passes(x, p, c)
	for _, d := range []*stream.Def[string]{limit("far to the producer", time.Nanosecond, 0), limit("far to the consumer", 0, time.Nanosecond)} {
		p, c := produce(x, n0, d), consume(x, n1, d)
		x.within(d.Name(), func() bool {
			s := c.Status()
			return len(s.Pending) == 1 && s.Pending[0].Reason == wire.NotAllowed
		})
		tried := c.Status().Pending[0].Tries > 0
		if tried != (d.Name() == "far to the producer") || len(p.Status().Subscriptions) != 0 {
			x.Errorf("%s: %+v", d.Name(), c.Status())
		}
	}
	// Nobody has measured the round trip to an entry that was put in by hand.
	n2 := x.node("n2", alone)
	me := *n0.Discovery().Me()
	me.Tickets, me.Streams = nil, []ident.StreamPrefix{ident.Stream("far to the consumer").Prefix()}
	if err := n2.Discovery().InsertUnsigned(x.ctx, me); err != nil {
		x.Fatal(err)
	}
	unknown := consume(x, n2, limit("far to the consumer", 0, time.Nanosecond))
	x.within("an attempt", func() bool { return x.log.count(n2, event.Subscribing) > 0 })
	unknown.Close()
}

// clockSteps: rights follow the wall clock of who enforces them, in either
// direction; everything else does not notice.
func clockSteps(x *trial) {
	k := signer(x, 1)
	guarded := stream.Define("guarded",
		stream.Producing[string](stream.ProducerConfig{Tickets: []ticket.Validator{judge(x, k, "issuer")}}),
		stream.Consuming[string](stream.ConsumerConfig{Backoff: impatient}))
	n0, n1 := x.node("n0", steppable), x.node("n1", steppable, holding(k, "issuer", time.Hour))
	p, open := produce(x, n0, guarded), produce(x, n0, texts)
	c, free := consume(x, n1, guarded), consume(x, n1, texts)
	serves(x, p, 1)
	serves(x, open, 1)
	passes(x, p, c)
	x.step("n0", 2*time.Hour)
	x.soon("the end", func() bool { return x.log.count(n0, event.SubEnded, wire.Expired) == 1 })
	x.within("the refusal", func() bool { return x.log.count(n0, event.SubRefused, wire.Expired) > 0 })
	passes(x, open, free)
	x.step("n0", -2*time.Hour)
	serves(x, p, 1)
	passes(x, p, c)
	// A node whose clock goes back is heard all the same.
	x.step("n1", -time.Hour)
	must(n1.Discovery().AddTags(ident.NewTag("late")))
	x.within("the news of a node in the past", func() bool {
		peer, ok := n0.Discovery().Catalog().Get(n1.ID())
		return ok && peer.Entry.HasTag(ident.NewTag("late"))
	})
	// One whose clock is ahead is not, until that is over.
	x.step("n1", 2*time.Hour)
	must(n1.Discovery().AddTags(ident.NewTag("early")))
	x.within("the refusal of an entry of the future", func() bool {
		return slices.ContainsFunc(x.log.told(n0, event.EntryRefused), func(e event.Event) bool { return e.Peer == n1.ID() })
	})
	passes(x, open, free)
	if peer, ok := n0.Discovery().Catalog().Get(n1.ID()); !ok || peer.Entry.HasTag(ident.NewTag("early")) {
		x.Error("an entry of the future was taken, or the one before was lost")
	}
	if n := x.log.count(n0, event.SubEnded); n != 1 {
		x.Errorf("%d ends, want 1", n)
	}
}

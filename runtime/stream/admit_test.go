package stream_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/ticket/tickettest"
	"github.com/smalti/smalti/runtime/wire"
)

func tag(name string) ident.Tag { return ident.NewTag(name) }

// hasTag requires a tag of one peer; others pass.
func hasTag(name string, b *bed, host string) func(discovery.Peer) bool {
	return func(p discovery.Peer) bool { return p.Entry.Peer != b.id(host) || p.Entry.HasTag(tag(name)) }
}

var issuer = ident.KeyFromSeed([32]byte{7})

// right is a ticket for a host that ends at d of the world's time.
func (b *bed) right(host string, d time.Duration) ticket.Ticket {
	return tickettest.Issue(issuer, b.id(host), b.Env().Clock.Now().Add(d-b.Now()))
}

func tickets() []ticket.Validator {
	return []ticket.Validator{tickettest.Validator{Issuer: issuer.PeerID()}}
}

func TestWhoHasNoRightNeverLearnsOfCapacity(t *testing.T) {
	b := newBed(t, 1, "p", "c", "d", "stranger")
	p := b.produce("p", stream.ProducerConfig{MaxConsumers: 1, Require: func(p discovery.Peer) bool { return p.Entry.Peer != b.id("stranger") }})
	b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "first", subscribed(1, p))
	b.consume("stranger", stream.ConsumerConfig{})
	b.consume("d", stream.ConsumerConfig{})
	b.run(20 * time.Second)
	for host, want := range map[string]wire.Reason{"stranger": wire.NotAllowed, "d": wire.NoCapacity} {
		if n, all := b.count(host, event.Unsubscribed, want), b.count(host, event.Unsubscribed); n == 0 || n != all {
			t.Errorf("%s: %d of %d refusals are %s, want all", host, n, all, want)
		}
	}
	if n := b.count("p", event.SubAccepted); n != 1 {
		t.Errorf("%d accepted, want 1", n)
	}
}

func TestOnePeerHoldsNoMoreSlotsThanItMay(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{MaxPerPeer: 2})
	for range 3 {
		b.consume("c", stream.ConsumerConfig{})
	}
	b.run(30 * time.Second)
	if n := len(p.Status().Subscriptions); n != 2 {
		t.Errorf("%d subscriptions of one peer, want 2", n)
	}
	if n := b.count("p", event.SubRefused, wire.NoCapacity); n == 0 {
		t.Error("no refusal for want of capacity")
	}
}

func TestFreedSlotGoesToTheNext(t *testing.T) {
	b := newBed(t, 1, "p", "c", "d")
	p := b.produce("p", stream.ProducerConfig{MaxConsumers: 1})
	c := b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "first", subscribed(1, p))
	b.consume("d", stream.ConsumerConfig{})
	b.run(5 * time.Second)
	c.Close()
	b.within(15*time.Second, "second", func() bool {
		s := p.Status().Subscriptions
		return len(s) == 1 && s[0].Peer == b.id("d")
	})
}

func TestTicketsAreRefusedWithTheirReason(t *testing.T) {
	b := newBed(t, 1, "p", "absent", "expired", "foreign", "good")
	p := b.produce("p", stream.ProducerConfig{Tickets: tickets()})
	other := ident.KeyFromSeed([32]byte{8})
	must(b.nodes["expired"].Discovery().SetTickets([]ticket.Ticket{b.right("expired", -time.Second)}))
	must(b.nodes["foreign"].Discovery().SetTickets([]ticket.Ticket{tickettest.Issue(other, b.id("foreign"), b.Env().Clock.Now().Add(time.Hour))}))
	must(b.nodes["good"].Discovery().SetTickets([]ticket.Ticket{b.right("good", time.Hour)}))
	b.run(5 * time.Second)
	for _, host := range []string{"absent", "expired", "foreign", "good"} {
		b.consume(host, stream.ConsumerConfig{})
	}
	b.run(10 * time.Second)
	for host, want := range map[string]wire.Reason{"absent": wire.NotAllowed, "expired": wire.Expired, "foreign": wire.NotAllowed} {
		if n := b.count(host, event.Unsubscribed, want); n == 0 || n != b.count(host, event.Unsubscribed) {
			t.Errorf("%s: %d refusals as %s of %d, want all", host, n, want, b.count(host, event.Unsubscribed))
		}
	}
	if s := p.Status().Subscriptions; len(s) != 1 || s[0].Peer != b.id("good") || s[0].Expires.IsZero() {
		t.Errorf("got subscriptions %v, want that of good, with its end", s)
	}
}

func TestNothingIsEnqueuedAfterTheEndOfARight(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Tickets: tickets(), Online: stream.AtLeast(0)})
	const end = 10 * time.Second
	must(b.nodes["c"].Discovery().SetTickets([]ticket.Ticket{b.right("c", end)}))
	c := b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	// A datum for the very instant at which the right ends: whichever runs
	// first, the timer or the datum, it is not enqueued.
	env := b.nodes["p"].Env()
	s := env.Scheduler.Strand("test")
	for _, at := range []time.Duration{end - 1, end, end + time.Millisecond} {
		env.Clock.AfterFunc(s, at-b.Now(), func() {
			if _, err := p.TrySend(payload(0, 8)); err != nil {
				t.Error(err)
			}
		})
	}
	g := b.receive("c", c, 0)
	b.run(end - b.Now() + time.Second)
	if len(g.values) != 1 {
		t.Errorf("%d datums delivered, want only the one before the end", len(g.values))
	}
	if e := b.last("p", event.SubEnded); e.Reason != wire.Expired || e.At > int64(end+time.Second) {
		t.Errorf("got %s at %s, want expired at %s", e.Event, time.Duration(e.At), end)
	}
	if n := b.sum("p", event.InputDropped, "nobody"); n != 0 {
		t.Errorf("InputDropped names a peer")
	}
	if n := b.count("p", event.InputDropped); n == 0 {
		t.Error("datums that nobody had a right to were not told to be dropped")
	}
}

func TestClockSteppedOverTheEndOfARightKeepsDatumsOutAtOnce(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	must(b.nodes["c"].Discovery().SetTickets([]ticket.Ticket{b.right("c", time.Hour)}))
	p := b.produce("p", stream.ProducerConfig{Tickets: tickets(), Online: stream.AtLeast(0)})
	b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	// The timer may take a second to notice; the datum does not wait for it.
	env := b.nodes["p"].Env()
	env.Clock.AfterFunc(env.Scheduler.Strand("test"), time.Second, func() {
		if _, err := p.TrySend(payload(0, 8)); err != nil {
			t.Error(err)
		}
	})
	b.run(time.Second - time.Nanosecond)
	b.Host("p").StepClock(2 * time.Hour)
	b.run(2 * time.Second)
	if n := b.sum("p", event.Enqueued, "c"); n != 0 {
		t.Errorf("%d datums enqueued after the end, want none", n)
	}
	if e := b.last("p", event.SubDraining); e.Reason != wire.Expired {
		t.Errorf("got %s, want expired", e.Event)
	}
	if e := b.last("p", event.InputDropped); e.Reason != wire.Expired || e.N != 1 {
		t.Errorf("got %s, want the datum told to be lost, as expired", e.Event)
	}
}

func TestRenewedTicketDoesNotDisconnect(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	both := []string{"p", "c"}
	renew := func(d time.Duration) {
		for _, h := range both {
			must(b.nodes[h].Discovery().SetTickets([]ticket.Ticket{b.right(h, d)}))
		}
	}
	renew(10 * time.Second)
	p := b.produce("p", stream.ProducerConfig{Tickets: tickets()})
	b.consume("c", stream.ConsumerConfig{Tickets: tickets()})
	b.within(8*time.Second, "consumer", subscribed(1, p))
	for end := 20 * time.Second; end < 2*time.Minute; end += 10 * time.Second {
		renew(end)
		b.run(end - 2*time.Second - b.Now())
	}
	if n := b.count("p", event.SubEnded) + b.count("c", event.Unsubscribed, wire.Expired); n != 0 {
		t.Errorf("%d ends in spite of renewals, want none", n)
	}
	// And without one it does end, on whichever side is first.
	b.run(15 * time.Second)
	if n := len(p.Status().Subscriptions); n != 0 {
		t.Errorf("%d subscriptions after the end of the last ticket, want none", n)
	}
}

func TestShorterRightEndsASubscriptionThatIsIdle(t *testing.T) {
	for _, side := range []string{"producer", "consumer"} {
		b := newBed(t, 1, "p", "c")
		pc, cc, of := stream.ProducerConfig{Tickets: tickets()}, stream.ConsumerConfig{}, "c"
		if side == "consumer" {
			pc, cc, of = stream.ProducerConfig{}, stream.ConsumerConfig{Tickets: tickets()}, "p"
		}
		must(b.nodes[of].Discovery().SetTickets([]ticket.Ticket{b.right(of, time.Hour)}))
		p := b.produce("p", pc)
		b.consume("c", cc)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		end := b.Now() + 20*time.Second
		must(b.nodes[of].Discovery().SetTickets([]ticket.Ticket{b.right(of, end)}))
		b.run(end - time.Second - b.Now())
		if n := len(p.Status().Subscriptions); n != 1 {
			t.Errorf("%s: %d subscriptions before the end, want 1", side, n)
		}
		b.within(3*time.Second, side+": the end", subscribed(0, p))
	}
}

func TestClockStepEndsARightAtTheNewTime(t *testing.T) {
	for judge, holder := range map[string]string{"p": "c", "c": "p"} {
		b := newBed(t, 1, "p", "c")
		pc, cc := stream.ProducerConfig{Tickets: tickets()}, stream.ConsumerConfig{}
		if judge == "c" {
			pc, cc = stream.ProducerConfig{}, stream.ConsumerConfig{Tickets: tickets()}
		}
		must(b.nodes[holder].Discovery().SetTickets([]ticket.Ticket{b.right(holder, time.Minute)}))
		p := b.produce("p", pc)
		b.consume("c", cc)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		b.Host(judge).StepClock(-time.Minute)
		b.run(70 * time.Second)
		if n := len(p.Status().Subscriptions); n != 1 {
			t.Errorf("%d subscriptions a minute before the end by the clock of %s, want 1", n, judge)
		}
		b.Host(judge).StepClock(time.Minute)
		b.within(2*time.Second, "end", subscribed(0, p))
	}
}

// The step may come when the timer has fired and its strand has not had its turn yet. Which of
// the two is first at that instant is up to the seed.
func TestClockStepAtTheEndOfARightMovesItsEnd(t *testing.T) {
	for seed := range uint64(8) {
		for judge, holder := range map[string]string{"p": "c", "c": "p"} {
			b := newBed(t, seed, "p", "c")
			pc, cc := stream.ProducerConfig{Tickets: tickets()}, stream.ConsumerConfig{}
			if judge == "c" {
				pc, cc = stream.ProducerConfig{}, stream.ConsumerConfig{Tickets: tickets()}
			}
			const end = 20 * time.Second
			must(b.nodes[holder].Discovery().SetTickets([]ticket.Ticket{b.right(holder, end)}))
			env := b.Env()
			env.Clock.AfterFunc(env.Scheduler.Strand("step"), end-b.Now(), func() { b.Host(judge).StepClock(-10 * time.Second) })
			p := b.produce("p", pc)
			b.consume("c", cc)
			b.within(5*time.Second, "consumer", subscribed(1, p))
			b.run(end + 9*time.Second - b.Now())
			if n := len(p.Status().Subscriptions); n != 1 {
				t.Errorf("seed %d: %d subscriptions a second before the end by the clock of %s, want 1", seed, n, judge)
			}
			b.within(3*time.Second, "end", subscribed(0, p))
		}
	}
}

// Nobody tells a consumer that a ticket is good again, when it is the clock that was wrong.
func TestConsumerWhoseClockIsSetRightComesBack(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	must(b.nodes["p"].Discovery().SetTickets([]ticket.Ticket{b.right("p", time.Hour)}))
	p := b.produce("p", stream.ProducerConfig{})
	b.consume("c", stream.ConsumerConfig{Tickets: tickets()})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.Host("c").StepClock(2 * time.Hour)
	b.within(5*time.Second, "end", subscribed(0, p))
	b.run(time.Minute)
	if n := b.count("c", event.Unsubscribed, wire.Expired); n != 1 {
		t.Errorf("%d subscriptions ended as expired, want one", n)
	}
	b.Host("c").StepClock(-2 * time.Hour)
	b.within(11*time.Second, "return", subscribed(1, p))
}

func TestLostTagEndsTheSubscriptionAndANewOneBringsItBack(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	must(b.nodes["c"].Discovery().AddTags(tag("member")))
	p := b.produce("p", stream.ProducerConfig{Require: hasTag("member", b, "c")})
	b.consume("c", stream.ConsumerConfig{})
	b.within(15*time.Second, "consumer", subscribed(1, p))
	b.nodes["c"].Discovery().RemoveTags(tag("member"))
	b.within(5*time.Second, "end", subscribed(0, p))
	if e := b.last("p", event.SubDraining); e.Reason != wire.NotAllowed {
		t.Errorf("got %s, want not-allowed", e.Event)
	}
	b.run(30 * time.Second)
	tries := b.count("c", event.Subscribing)
	if tries < 3 || tries > 30 {
		t.Errorf("%d attempts in 30 s of refusals, want some and not many", tries)
	}
	must(b.nodes["c"].Discovery().AddTags(tag("member")))
	b.within(15*time.Second, "return", subscribed(1, p))
}

func TestPeerThatDepartsIsCut(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{})
	b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	// Only discovery of the consumer ends: its streams go on.
	b.nodes["c"].Discovery().Stop(b.nodes["c"].Env().Scheduler.Strand("test"), func() {})
	b.within(5*time.Second, "end", subscribed(0, p))
	if e := b.last("p", event.SubDraining); e.Reason != wire.UnknownPeer {
		t.Errorf("got %s, want unknown-peer", e.Event)
	}
}

// hiding is a directory that does not tell of a peer until it is revealed.
type hiding struct {
	*discovery.Discovery
	peer   ident.PeerID
	hidden []discovery.Change
	reveal func()
}

func (h *hiding) Subscribe(s runtime.Strand, f func([]discovery.Change)) (stop func()) {
	h.reveal = func() { s.Post(func() { f(h.hidden) }) }
	return h.Discovery.Subscribe(s, func(changes []discovery.Change) {
		for _, c := range changes {
			if c.Peer == h.peer {
				h.hidden = append(h.hidden, c)
			} else {
				f([]discovery.Change{c})
			}
		}
	})
}

// asking is a directory that tells when an exchange of catalogs is asked for.
type asking struct {
	*discovery.Discovery
	asked func(ident.PeerID)
}

func (a asking) SyncThen(s runtime.Strand, peer ident.PeerID, addrs []string, done func(error)) {
	a.asked(peer)
	a.Discovery.SyncThen(s, peer, addrs, done)
}

func TestUnknownConsumerExchangesCatalogsAndComesAgain(t *testing.T) {
	b := newBedWith(t, 1, invariants.Options{Byzantine: []string{"p", "c"}}, "p", "c") // two sets of streams on a node
	hides := &hiding{Discovery: b.nodes["p"].Discovery(), peer: b.id("c")}
	var asked []ident.PeerID
	asks := asking{b.nodes["c"].Discovery(), func(peer ident.PeerID) {
		if asked = append(asked, peer); len(asked) == 1 {
			hides.reveal()
		}
	}}
	onP := b.streams("p", hides)
	onC := b.streams("c", asks)
	p, err := stream.Produce(onP, name, stream.ProducerConfig{}, stream.WithCodec[[]byte](stream.Bytes{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Consume(onC, name, stream.ConsumerConfig{}, stream.WithCodec[[]byte](stream.Bytes{})); err != nil {
		t.Fatal(err)
	}
	b.within(5*time.Second, "consumer", subscribed(1, p))
	if n := b.count("c", event.Unsubscribed, wire.UnknownPeer); n != 1 || len(asked) != 1 || asked[0] != b.id("p") {
		t.Errorf("refused %d times as unknown, asked for %d exchanges; want 1 and 1 with p", n, len(asked))
	}
}

// keeping is a directory of which nobody leaves.
type keeping struct{ asking }

func (k keeping) Subscribe(s runtime.Strand, f func([]discovery.Change)) (stop func()) {
	return k.asking.Subscribe(s, func(changes []discovery.Change) {
		f(slices.DeleteFunc(slices.Clone(changes), func(c discovery.Change) bool { return c.To == nil }))
	})
}

func TestWhoCannotBeDialledIsLookedForByDiscovery(t *testing.T) {
	b := newBedWith(t, 1, invariants.Options{Byzantine: []string{"c"}}, "p", "c") // two sets of streams on a node
	var asked []ident.PeerID
	onC := b.streams("c", keeping{asking{b.nodes["c"].Discovery(), func(peer ident.PeerID) { asked = append(asked, peer) }}})
	p := b.produce("p", stream.ProducerConfig{})
	if _, err := stream.Consume(onC, name, stream.ConsumerConfig{}, stream.WithCodec[[]byte](stream.Bytes{})); err != nil {
		t.Fatal(err)
	}
	b.within(5*time.Second, "consumer", subscribed(1, p))
	if len(asked) > 0 {
		t.Errorf("asked for %d exchanges while all is well, want none", len(asked))
	}
	b.Host("p").Crash()
	b.within(2*time.Minute, "dials that fail", func() bool { return b.count("c", event.Unsubscribed, wire.DialFailed) > 2 })
	if len(asked) != 1 || asked[0] != b.id("p") {
		t.Errorf("asked for %d exchanges, want one with p, after the first dial of three that failed", len(asked))
	}
}

// streams serves streams on a host in place of its node's.
func (b *bed) streams(host string, d stream.Directory) *stream.Streams {
	b.t.Helper()
	env := b.nodes[host].Env()
	b.nodes[host].Streams().Close(time.Minute, env.Scheduler.Strand("test"), func(error) {})
	s, err := stream.New(env, d, stream.Config{})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func TestCallbackThatPanicsRefusesAndIsReported(t *testing.T) {
	b := newBedWith(t, 1, panics, "p", "c")
	b.produce("p", stream.ProducerConfig{Require: func(p discovery.Peer) bool { panic("no idea") }})
	b.consume("c", stream.ConsumerConfig{})
	b.run(5 * time.Second)
	if n := b.count("c", event.Unsubscribed, wire.CallbackPanic); n == 0 || n != b.count("c", event.Unsubscribed) {
		t.Errorf("%d refusals of %d for the panic, want all", n, b.count("c", event.Unsubscribed))
	}
	if e := b.last("p", event.CallbackPanicked); e.Peer != b.id("c") || !strings.HasPrefix(e.Text, "require: no idea < ") || !strings.Contains(e.Text, "TestCallbackThatPanics") || e.Stream != ident.Stream(name) {
		t.Errorf("got %s, want the panic of require about c", e.Event)
	}
}

package stream_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

func TestRefusedConsumerAppealsWithItsNewEntryAtOnce(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Require: func(p discovery.Peer) bool { return p.Entry.HasTag(tag("gold")) }})
	// Refusals are remembered for so long that only news can end them.
	c := b.consume("c", stream.ConsumerConfig{Backoff: stream.Backoff{First: time.Hour, Max: 24 * time.Hour}})
	b.run(time.Minute)
	if n := b.count("c", event.Unsubscribed, wire.NotAllowed); n != 1 {
		t.Fatalf("%d refusals, want 1", n)
	}
	if s := c.Status(); len(s.Pending) != 1 || s.Pending[0].Reason != wire.NotAllowed || s.Pending[0].Peer != b.id("p") {
		t.Errorf("pending: %+v", s.Pending)
	}
	must(b.nodes["c"].Discovery().AddTags(tag("gold")))
	b.within(2*time.Second, "subscription", subscribed(1, p))
	b.run(time.Second)
	if s := c.Status(); len(s.Pending) != 0 || len(s.Subscriptions) != 1 {
		t.Errorf("then: %+v", s)
	}
}

// The entry may change while an attempt is under way that is refused for the old one.
func TestConsumerAppealsWithAnEntryThatChangedMeanwhile(t *testing.T) {
	late := 0
	for wait := time.Duration(0); wait < 60*time.Millisecond; wait += time.Millisecond {
		b := newBed(t, 1, "p", "c")
		p := b.produce("p", stream.ProducerConfig{Require: func(p discovery.Peer) bool { return p.Entry.HasTag(tag("gold")) }})
		b.run(time.Minute)
		b.consume("c", stream.ConsumerConfig{Backoff: stream.Backoff{First: time.Hour, Max: 24 * time.Hour}})
		b.run(wait)
		if b.count("c", event.Subscribing) == 1 && b.count("c", event.Unsubscribed) == 0 {
			late++
		}
		must(b.nodes["c"].Discovery().AddTags(tag("gold")))
		b.within(2*time.Second, "subscription", subscribed(1, p))
	}
	if late < 3 {
		t.Errorf("the entry changed %d times while an attempt was under way, want more", late)
	}
}

func TestConsumerThatGivesUpWaitsForNews(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	must(b.nodes["p"].Discovery().AddStream(ident.Stream(name))) // advertised by nobody who serves it
	b.consume("c", stream.ConsumerConfig{Backoff: stream.Backoff{First: time.Second, Max: 2 * time.Second, GiveUp: 10 * time.Second}})
	b.run(30 * time.Second)
	tries := b.count("c", event.Subscribing)
	if tries < 5 {
		t.Fatalf("%d attempts in 10s", tries)
	}
	b.run(10 * time.Minute)
	if n := b.count("c", event.Subscribing); n != tries {
		t.Errorf("%d attempts after it gave up", n-tries)
	}
	p := b.produce("p", stream.ProducerConfig{})
	must(b.nodes["p"].Discovery().AddTags(tag("news")))
	b.within(2*time.Second, "subscription", subscribed(1, p))
}

func TestConsumerThatDepartsIsServedOnIfTheProducerSaysSo(t *testing.T) {
	for _, keep := range []bool{false, true} {
		b := newBed(t, 1, "p", "c")
		p := b.produce("p", stream.ProducerConfig{KeepDeparted: keep})
		g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
		b.within(5*time.Second, "consumer", subscribed(1, p))
		b.nodes["c"].Discovery().Stop(b.nodes["c"].Env().Scheduler.Strand("test"), func() {})
		b.within(5*time.Second, "departure", func() bool { return b.count("p", event.PeerDeparted) == 1 })
		b.run(100 * time.Millisecond)
		_, err := p.TrySend(payload(0, 8))
		b.run(time.Second)
		if (err == nil) != keep || g.inOrder(0, 0) != keep {
			t.Errorf("keep %t: sent %v, received %v", keep, err, g.values)
		}
		if n := b.count("p", event.SubDraining, wire.UnknownPeer); (n == 0) != keep {
			t.Errorf("keep %t: ended %d times", keep, n)
		}
	}
}

// telling is a directory that tells what a test has it tell.
type telling struct {
	*discovery.Discovery
	tell func(...discovery.Change)
}

func (d *telling) Subscribe(s runtime.Strand, f func([]discovery.Change)) (stop func()) {
	d.tell = func(changes ...discovery.Change) { s.Post(func() { f(changes) }) }
	return d.Discovery.Subscribe(s, f)
}

func TestConsumerThatDepartedAndReturnedIsOneAsAnyOther(t *testing.T) {
	for _, returns := range []bool{true, false} {
		b := newBedWith(t, 1, invariants.Options{Byzantine: []string{"p", "c"}}, "p", "c") // two sets of streams on a node
		dir := &telling{Discovery: b.nodes["p"].Discovery()}
		p, err := stream.Produce(b.streams("p", dir), name, stream.ProducerConfig{KeepDeparted: true}, stream.WithCodec[[]byte](stream.Bytes{}))
		if err != nil {
			t.Fatal(err)
		}
		c := b.consume("c", stream.ConsumerConfig{})
		b.within(5*time.Second, "consumer", subscribed(1, p))
		peer, _ := dir.Catalog().Get(b.id("c"))
		dir.tell(discovery.Change{Peer: b.id("c"), From: peer})
		if returns {
			dir.tell(discovery.Change{Peer: b.id("c"), To: peer})
		}
		b.run(time.Second)
		if n := len(p.Status().Subscriptions); n != 1 {
			t.Fatalf("returns %t: %d subscriptions, want 1 all the while", returns, n)
		}
		c.Close()
		b.within(time.Second, "end", subscribed(0, p))
		b.consume("c", stream.ConsumerConfig{})
		b.run(5 * time.Second)
		if again := len(p.Status().Subscriptions) == 1; again != returns || b.count("c", event.Unsubscribed, wire.UnknownPeer) > 0 == returns {
			t.Errorf("returns %t: served again %t", returns, again)
		}
	}
}

func TestProducerThatWithdrawsIsPendingNoMore(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Require: func(discovery.Peer) bool { return false }})
	c := b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "refusal", func() bool { return len(c.Status().Pending) == 1 && c.Status().Pending[0].Reason == wire.NotAllowed })
	b.task("p", p.Close)
	b.within(5*time.Second, "the end of waiting", func() bool { return len(c.Status().Pending) == 0 })
}

func TestProducersIncarnationsAreToldApart(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{})
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.sendAll(p, 0, 4)
	b.Host("p").Restart()
	b.run(time.Second)
	p = b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(0)})
	b.sendAll(p, 5, 6) // before the consumer is back
	b.within(time.Minute, "return", subscribed(1, p))
	b.sendAll(p, 7, 7)
	if len(g.values) != 6 || g.values[5] != 7 {
		t.Errorf("received %v", g.values)
	}
	if len(g.gaps) != 1 || !g.gaps[0].Unknown || g.gaps[0].Count != 2 || g.gaps[0].To != 2 {
		t.Errorf("gaps %+v, want one of the 2 datums of the new incarnation", g.gaps)
	}
}

// That a producer ended in order once says nothing of how its next incarnation ends.
func TestRestartAfterAnOrderlyEndIsToldAsOne(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	open := func() { must(b.nodes["p"].Discovery().AddTags(tag("open"))) }
	open()
	p := b.produce("p", stream.ProducerConfig{})
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{Require: hasTag("open", b, "p")}), 0)
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.task("p", p.Close)
	b.run(time.Second)
	p = b.produce("p", stream.ProducerConfig{})
	b.within(20*time.Second, "the next incarnation", subscribed(1, p))
	b.nodes["p"].Discovery().RemoveTags(tag("open"))
	b.within(5*time.Second, "end for the tag", subscribed(0, p))
	b.Host("p").Restart()
	b.run(time.Second)
	p = b.produce("p", stream.ProducerConfig{})
	open()
	b.within(time.Minute, "the third incarnation", subscribed(1, p))
	b.run(time.Second)
	if len(g.gaps) != 1 || !g.gaps[0].Unknown {
		t.Errorf("told of %v, want that the producer restarted", g.gaps)
	}
}

func TestPatienceBeginsAnewAfterALinkThatHeld(t *testing.T) {
	b, p := newPuppet(t, startFrame(1, 9, 5))
	p.ends = wire.ConnectionLost
	b.consume("c", stream.ConsumerConfig{Backoff: stream.Backoff{First: 100 * time.Millisecond, Max: time.Second, GiveUp: 10 * time.Second}})
	b.run(6 * time.Second) // some attempts fail
	p.ends = wire.None
	b.run(30 * time.Second)
	tries := len(p.dials)
	for _, l := range p.links {
		l.Close(wire.ConnectionLost)
	}
	b.within(2*time.Second, "the next attempt", func() bool { return len(p.dials) > tries })
}

// A consumer that is too slow again and again leaves the producer alone for longer each time,
// however long the producer was patient.
func TestConsumerThatIsTooSlowAgainAndAgainComesBackLater(t *testing.T) {
	b, p := newPuppet(t, startFrame(1, 9, 5))
	b.consume("c", stream.ConsumerConfig{Backoff: stream.Backoff{First: 100 * time.Millisecond, Max: 20 * time.Second}})
	for range 60 {
		b.run(time.Second)
		for _, l := range p.links {
			l.Close(wire.TooSlow)
		}
		p.links = nil
	}
	// Each comes after a wait drawn from twice as much, up to 20 s.
	if n := len(p.dials); n < 5 || n > 20 {
		t.Errorf("%d attempts within a minute, want about ten", n)
	}
}

func TestRefusalIsNotQuestionedSoon(t *testing.T) {
	tries := 0
	for seed := range uint64(10) {
		b := newBed(t, seed, "p", "c")
		b.produce("p", stream.ProducerConfig{Require: func(discovery.Peer) bool { return false }})
		b.consume("c", stream.ConsumerConfig{Backoff: stream.Backoff{First: 10 * time.Millisecond, Max: time.Minute}})
		b.run(3 * time.Second)
		tries += b.count("c", event.Subscribing)
	}
	// One each, and now and then one more: a wait is drawn from a minute. Doubling from
	// 10 ms, it would be about ten each.
	if tries < 10 || tries > 20 {
		t.Errorf("%d attempts of ten consumers within three seconds", tries)
	}
}

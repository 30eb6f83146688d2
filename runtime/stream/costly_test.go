package stream_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// wordy has a number and a long text.
type wordy struct{ stream.Bytes }

var words = strings.Repeat("a", 2000)

func (wordy) Fields(data []byte) (any, error) {
	return map[string]any{"i": int64(binary.BigEndian.Uint64(data)), "s": words}, nil
}

// Expressions that cost a processor are ended, and cost the consumers with others nothing.
func TestCostlyCriteriaEndTheirConsumersAndNoOthers(t *testing.T) {
	b := newBed(t, 1, "p", "plain", "picky", "costly")
	p, err := stream.Produce(b.nodes["p"].Streams(), name, stream.ProducerConfig{Lag: stream.DropOldest, Queue: 64}, stream.WithCodec(stream.Codec[[]byte](wordy{})))
	must(err)
	plain := b.receive("plain", b.consume("plain", stream.ConsumerConfig{}), 0)
	picky := b.receive("picky", b.consume("picky", stream.ConsumerConfig{Criteria: `i >= 0 && i < 1000000`}), 0)
	b.consume("costly", stream.ConsumerConfig{Criteria: `matches(s, "(\\pL?){100}!N")`})
	b.consume("costly", stream.ConsumerConfig{Criteria: `matches(s, "(\\pL?){100}!M")`})
	b.within(5*time.Second, "consumers", subscribed(4, p))
	const datums = 1000 // of which one consumer's criteria cost 2^20 units each, and 8 s in all
	for i := range datums {
		_, err := p.TrySend(payload(i, 8))
		must(err)
		b.run(time.Millisecond)
	}
	b.run(time.Second)
	if !plain.inOrder(0, datums-1) || !picky.inOrder(0, datums-1) || len(plain.gaps)+len(picky.gaps) > 0 {
		t.Errorf("received %d and %d of %d, told %v and %v", len(plain.values), len(picky.values), datums, plain.gaps, picky.gaps)
	}
	if n := b.count("costly", event.Unsubscribed, wire.BadCriteria); n != 2 {
		t.Errorf("%d subscriptions ended with bad-criteria, want the 2 that are costly", n)
	}
	if n := b.count("picky", event.Unsubscribed); n != 0 {
		t.Errorf("%d subscriptions with cheap criteria ended", n)
	}
}

// What a producer compiles for one peer is bounded. Criteria that it has are not compiled anew.
func TestCompilationsForOnePeerAreBounded(t *testing.T) {
	b := newBedWith(t, 1, invariants.Options{Byzantine: []string{"c"}}, "p", "c")
	_, err := stream.Produce(b.nodes["p"].Streams(), name, stream.ProducerConfig{MaxPerPeer: 1000}, stream.WithCodec(stream.Codec[[]byte](wordy{})))
	must(err)
	b.run(2 * time.Second)
	ask := func(links int, expr func(i int) string) map[wire.Reason]int {
		before := len(b.events)
		env := b.nodes["c"].Env()
		s := env.Scheduler.Strand("asks")
		for i := range links {
			hello := wire.MustMarshal(struct {
				Version  uint16         `cbor:"1,keyasint"`
				Stream   ident.StreamID `cbor:"2,keyasint"`
				Criteria string         `cbor:"3,keyasint"`
			}{1, ident.Stream(name), expr(i)})
			s.Post(func() {
				l := env.Transport.Dial(b.id("p"), []string{b.Host("p").Addr()}, runtime.Protocol{Name: stream.Protocol}, s, &dialled{b: b})
				_, _ = l.Send(hello)
			})
		}
		b.run(time.Second)
		ends := map[wire.Reason]int{}
		for _, r := range b.events[before:] {
			switch {
			case r.Kind == event.SubRefused:
				ends[r.Reason]++
			case r.Kind == event.SubAccepted:
				ends[wire.None]++
			}
		}
		return ends
	}
	const most, more = 64, 40
	ends := ask(most+more, func(i int) string { return fmt.Sprintf("i > %d &&", i) })
	if n := ends[wire.BadCriteria]; n < most || n > most+10 || n+ends[wire.Overloaded] != most+more {
		t.Errorf("%d at once: %v, want %d bad-criteria and then overloaded", most+more, ends, most)
	}
	b.run(10 * time.Second)
	if ends := ask(100, func(int) string { return "i > 5" }); ends[wire.None] != 100 {
		t.Errorf("100 with the same criteria: %v, want all to be admitted", ends)
	}
}

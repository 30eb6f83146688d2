package stream_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
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

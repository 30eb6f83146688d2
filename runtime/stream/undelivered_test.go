package stream_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// parity has the field "even" of a payload's number.
type parity struct{ stream.Bytes }

var errFields = errors.New("no fields")

func (parity) Fields(data []byte) (any, error) {
	i := binary.BigEndian.Uint64(data)
	if i%10 == 9 {
		return nil, errFields
	}
	return map[string]any{"i": int64(i), "even": i%2 == 0}, nil
}

// outcast is what an undelivered sink was told.
type outcast struct {
	number int
	why    wire.Reason
}

// sink makes a producer that tells what reaches nobody.
func (b *bed) sink(c stream.ProducerConfig) (*stream.Producer[[]byte], *[]outcast) {
	b.t.Helper()
	list := &[]outcast{}
	p, err := stream.Produce(b.nodes["p"].Streams(), name, c, stream.WithCodec(stream.Codec[[]byte](parity{})),
		stream.OnUndelivered(func(v []byte, why wire.Reason) {
			*list = append(*list, outcast{int(binary.BigEndian.Uint64(v)), why})
		}))
	if err != nil {
		b.t.Fatal(err)
	}
	return p, list
}

func (b *bed) sendAll(p *stream.Producer[[]byte], from, to int) {
	b.t.Helper()
	for i := from; i <= to; i++ {
		if _, err := p.TrySend(payload(i, 8)); err != nil {
			b.t.Fatal(err)
		}
	}
	b.run(time.Second)
}

func TestUndeliveredDatumsComeWithTheReason(t *testing.T) {
	b := newBed(t, 1, "p", "c", "d")
	p, lost := b.sink(stream.ProducerConfig{Online: stream.AtLeast(0)})
	b.sendAll(p, 0, 2)
	for i := range 3 {
		if (*lost)[i] != (outcast{i, wire.NoConsumer}) {
			t.Errorf("without consumers: got %v", *lost)
		}
	}
	*lost = nil
	even := b.consume("c", stream.ConsumerConfig{Criteria: "even"})
	c := b.receive("c", even, 0)
	d := b.receive("d", b.consume("d", stream.ConsumerConfig{Criteria: "i > 100"}), 0)
	b.within(5*time.Second, "consumers", subscribed(2, p))
	b.sendAll(p, 0, 9)
	if len(c.values) != 5 || len(d.values) != 0 || len(c.gaps)+len(d.gaps) != 0 {
		t.Errorf("received %v and %v, gaps %v and %v", c.values, d.values, c.gaps, d.gaps)
	}
	want := []outcast{{1, wire.NoMatch}, {3, wire.NoMatch}, {5, wire.NoMatch}, {7, wire.NoMatch}, {9, wire.NoMatch}}
	if len(*lost) != len(want) {
		t.Fatalf("got %v, want %v", *lost, want)
	}
	for i := range want {
		if (*lost)[i] != want[i] {
			t.Errorf("got %v, want %v", *lost, want)
		}
	}
	// The fields of datum 9 cannot be read: it fails once for each expression.
	if n := b.count("p", event.CriteriaFailed); n != 2 {
		t.Errorf("%d failures of criteria, want 2", n)
	}
	b.sendAll(p, 10, 18)
	if n := b.count("p", event.CriteriaFailed); n != 2 || !slices.Equal(c.values, []int{0, 2, 4, 6, 8, 10, 12, 14, 16, 18}) {
		t.Errorf("after a batch without failures: %d are told, want 2 still; received %v", n, c.values)
	}
	even.Close()
	b.within(5*time.Second, "end of one", subscribed(1, p))
	b.sendAll(p, 19, 19)
	if n := b.count("p", event.CriteriaFailed); n != 3 {
		t.Errorf("%d failures of criteria once nobody asks for one of them, want 3", n)
	}
}

func TestUndeliveredTellsThatEveryQueueIsFull(t *testing.T) {
	b := newBed(t, 1)
	small(b, "p", "c")
	p, lost := b.sink(stream.ProducerConfig{Queue: 4, Lag: stream.DropNewest})
	b.consume("c", stream.ConsumerConfig{Queue: 1})
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.fill(p, 100)
	if len(*lost) == 0 || int64(len(*lost)) != laggedFor(b, "c") {
		t.Errorf("%d datums undelivered, %d lagged", len(*lost), laggedFor(b, "c"))
	}
	for _, x := range *lost {
		if x.why != wire.Lagged {
			t.Errorf("got %v", x)
		}
	}
}

func TestSinkThatPanicsHurtsNobody(t *testing.T) {
	b := newBedWith(t, 1, panics, "p", "c")
	p, err := stream.Produce(b.nodes["p"].Streams(), name, stream.ProducerConfig{Online: stream.AtLeast(0)}, stream.WithCodec(stream.Bytes{}),
		stream.OnUndelivered(func([]byte, wire.Reason) { panic("sink") }))
	if err != nil {
		t.Fatal(err)
	}
	b.sendAll(p, 0, 1)
	if n := b.count("p", event.CallbackPanicked); n != 2 {
		t.Errorf("%d panics told, want 2", n)
	}
	g := b.receive("c", b.consume("c", stream.ConsumerConfig{}), 0)
	b.within(5*time.Second, "consumer", subscribed(1, p))
	b.sendAll(p, 2, 3)
	if !g.inOrder(2, 3) {
		t.Errorf("received %v", g.values)
	}
}

func TestCriteriaThatNobodyCanAnswerAreRefused(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	b.produce("p", stream.ProducerConfig{}) // its datums have no fields
	c := b.consume("c", stream.ConsumerConfig{Criteria: "even"})
	b.run(5 * time.Second)
	if n := b.count("c", event.Unsubscribed, wire.BadCriteria); n == 0 {
		t.Error("not refused")
	}
	if pending := c.Status().Pending; len(pending) != 1 || pending[0].Reason != wire.BadCriteria || pending[0].Tries == 0 {
		t.Errorf("pending: %+v", pending)
	}
	if _, err := stream.Consume[int](b.nodes["c"].Streams(), name, stream.ConsumerConfig{Criteria: "1 +"}); !errors.Is(err, stream.ErrConfig) {
		t.Errorf("criteria that do not compile: %v", err)
	}
}

func TestGapUnderCriteriaCountsWhatMatches(t *testing.T) {
	for _, lag := range []stream.Lag{stream.DropNewest, stream.DropOldest} {
		b := newBed(t, 1)
		small(b, "p", "c")
		p, _ := b.sink(stream.ProducerConfig{Queue: 4, Lag: lag})
		c := b.consume("c", stream.ConsumerConfig{Queue: 1, Criteria: "even"})
		b.within(5*time.Second, "consumer", subscribed(1, p))
		b.fill(p, 200)
		g := b.receive("c", c, 0)
		b.run(5 * time.Second)
		missed := uint64(0)
		for _, gap := range g.gaps {
			missed += gap.Count
		}
		if len(g.gaps) == 0 || int(missed)+len(g.values) != 100 {
			t.Errorf("%s: %d datums received and %d missed, want 100 together", lag, len(g.values), missed)
		}
	}
}

package stream_test

import (
	"context"
	"encoding/binary"
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

// puppet is a producer that says what a test has it say to each link.
type puppet struct {
	links []runtime.Link
	says  [][]byte        // to every new link, at once
	ends  wire.Reason     // None: the link stays
	dials []time.Duration // when the consumer came
	b     *bed
	*discovery.Discovery
}

func (p *puppet) accept(s runtime.Strand) func(runtime.Link) {
	return func(l runtime.Link) {
		p.dials = append(p.dials, p.b.Now())
		p.links = append(p.links, l)
		l.Bind(s, p)
		_, _ = l.Send(p.says...)
		if p.ends != wire.None {
			l.Close(p.ends)
		}
	}
}

func (p *puppet) OnOpen()                 {}
func (p *puppet) OnMessage([]byte)        {}
func (p *puppet) OnWritable()             {}
func (p *puppet) OnClosed(runtime.Closed) {}

func newPuppet(t *testing.T, says ...[]byte) (*bed, *puppet) {
	b := newBedWith(t, 1, invariants.Options{Byzantine: []string{"p", "c"}})
	p := &puppet{b: b, says: says}
	b.Host("p").Boot(func(_ context.Context, env *runtime.Env) {
		h := b.Host("p")
		d, err := discovery.New(env, discovery.Config{Network: h.Config().Network, Key: h.Key(), Verifier: b.verifier})
		if err != nil {
			panic(err)
		}
		p.Discovery = d
		must(d.AddStream(ident.Stream(name)))
		s := env.Scheduler.Strand("puppet")
		if _, err := env.Transport.Listen(runtime.Protocol{Name: stream.Protocol}, s, p.accept(s)); err != nil {
			panic(err)
		}
	})
	b.boot("c")
	return b, p
}

func startFrame(version uint16, incarnation, next uint64) []byte {
	return append([]byte{0}, wire.MustMarshal(struct {
		Version     uint16 `cbor:"1,keyasint"`
		Incarnation uint64 `cbor:"2,keyasint"`
		Next        uint64 `cbor:"3,keyasint"`
	}{version, incarnation, next})...)
}

// startAfter is a start message of a consumer that may have missed datums of this producer
// from first on, or some of the one before.
func startAfter(incarnation, next, before, first uint64) []byte {
	return append([]byte{0}, wire.MustMarshal(struct {
		Version     uint16 `cbor:"1,keyasint"`
		Incarnation uint64 `cbor:"2,keyasint"`
		Next        uint64 `cbor:"3,keyasint"`
		Before      uint64 `cbor:"5,keyasint,omitempty"`
		First       uint64 `cbor:"6,keyasint,omitempty"`
	}{1, incarnation, next, before, first})...)
}

func datumFrame(seq uint64, i int) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{1}, seq), payload(i, 8)...)
}

func gapFrame(from, to uint64) []byte {
	return countedGap(from, to, to-from+1)
}

func countedGap(from, to, count uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte{2}, from), to), count)
}

func TestGapsArriveInTheirPlace(t *testing.T) {
	b, _ := newPuppet(t, startFrame(1, 9, 5), datumFrame(5, 50), gapFrame(6, 8), datumFrame(9, 90), datumFrame(12, 120), gapFrame(14, 14))
	c := b.consume("c", stream.ConsumerConfig{})
	b.run(5 * time.Second)
	for _, want := range []struct{ from, to uint64 }{{5, 0}, {6, 8}, {9, 0}, {10, 11}, {12, 0}, {13, 14}} {
		d, err := c.TryRecv()
		gap, isGap := err.(*stream.Gap) //nolint:errorlint // nothing wraps it
		if d.Seq != want.from || d.Incarnation != 9 || isGap != (want.to != 0) || isGap && (gap.From != want.from || gap.To != want.to) {
			t.Errorf("got %d, %v; want %d to %d", d.Seq, err, want.from, want.to)
		}
	}
}

func TestProducerThatBreaksTheProtocolIsLeftForAWhile(t *testing.T) {
	ok := startFrame(1, 9, 5)
	for what, says := range map[string][][]byte{
		"datum first": {datumFrame(1, 1)}, "garbage": {{77}}, "half a gap": {ok, {2, 0}}, "nothing": {{}}, "another version": {startFrame(2, 9, 5)},
		"no incarnation": {startFrame(1, 0, 5)}, "no number": {startFrame(1, 9, 0)}, "start twice": {ok, ok},
		"datum before its start": {ok, datumFrame(4, 1)}, "datum twice": {ok, datumFrame(5, 1), datumFrame(5, 1)},
		"gap backwards": {ok, countedGap(7, 5, 1)}, "gap to the end of numbers": {ok, gapFrame(5, 1<<64-1)}, "half a datum": {ok, {1, 0, 0}},
		"datum without a number that an event can have": {ok, datumFrame(1<<63, 1)}, "gap up to such a number": {ok, gapFrame(5, 1<<63)},
		"start with such a number": {startFrame(1, 9, 1<<63)}, "first after next": {startAfter(9, 5, 0, 6)},
		"gap of nothing": {ok, countedGap(5, 6, 0)}, "gap of more than it has": {ok, countedGap(5, 6, 3)},
	} {
		b, p := newPuppet(t, says...)
		b.consume("c", stream.ConsumerConfig{})
		b.run(time.Minute)
		if n := b.count("c", event.Unsubscribed, wire.ProtocolViolation); n < 2 || n != len(p.dials) {
			t.Errorf("%s: %d violations in %d links, want one in each, and more than one", what, n, len(p.dials))
		}
		if n := len(p.dials); n > 40 {
			t.Errorf("%s: %d attempts in a minute", what, n)
		}
	}
}

func TestProducerThatNeverAnswersIsLeftForAWhile(t *testing.T) {
	b, p := newPuppet(t)
	b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "attempt", func() bool { return len(p.dials) == 1 })
	b.run(5*time.Second + 100*time.Millisecond)
	if n := b.count("c", event.Unsubscribed, wire.HandshakeTimeout); n != 1 {
		t.Errorf("%d attempts ended as taking too long after 5s, want one", n)
	}
	b.within(time.Second, "the next attempt", func() bool { return len(p.dials) == 2 })
}

func TestUnknownKindsOfMessageArePassedOver(t *testing.T) {
	b, p := newPuppet(t, startFrame(1, 9, 5), []byte{77}, datumFrame(5, 50), []byte{3, 1, 2}, append([]byte{255}, make([]byte, wire.MaxControl)...), datumFrame(6, 60))
	c := b.consume("c", stream.ConsumerConfig{})
	b.run(5 * time.Second)
	for _, want := range []uint64{5, 6} {
		if d, err := c.TryRecv(); d.Seq != want || err != nil {
			t.Errorf("got %d, %v; want %d", d.Seq, err, want)
		}
	}
	if n := b.marked("c", "stream/unknown-message"); n != 1 || len(p.dials) != 1 {
		t.Errorf("%d marks in %d links, want one in one", n, len(p.dials))
	}
}

func TestSameIncarnationDoesNotGoBack(t *testing.T) {
	b, p := newPuppet(t, startFrame(1, 9, 5), datumFrame(5, 1))
	c := b.consume("c", stream.ConsumerConfig{})
	b.run(5 * time.Second)
	p.links[0].Close(wire.ConnectionLost) // and starts with 5 again
	b.run(20 * time.Second)
	if b.count("c", event.Unsubscribed, wire.ProtocolViolation) == 0 {
		t.Error("a producer that goes back was believed")
	}
	for n := 0; ; n++ {
		if _, err := c.TryRecv(); err != nil {
			if n != 1 {
				t.Errorf("%d datums, want 1", n)
			}
			break
		}
	}
}

func TestBackOffResetsOnlyAfterALinkThatHeld(t *testing.T) {
	// A producer that accepts and hangs up at once is dialled at intervals that
	// grow to the cap: about 12 attempts in a minute, where an interval that was
	// reset each time would give hundreds.
	b, p := newPuppet(t, startFrame(1, 9, 5))
	b.consume("c", stream.ConsumerConfig{})
	b.run(2 * time.Second)
	hangUp := func(d time.Duration) int {
		before, end := len(p.dials), b.Now()+d
		for b.Now() < end {
			for _, l := range p.links {
				l.Close(wire.ConnectionLost)
			}
			p.links = nil
			b.run(50 * time.Millisecond)
		}
		return len(p.dials) - before
	}
	if n := hangUp(time.Minute); n < 8 || n > 40 {
		t.Errorf("%d attempts in a minute of links that do not hold, want 8 to 40", n)
	}
	b.run(30 * time.Second) // now it holds
	begin := b.Now()
	hangUp(50 * time.Millisecond)
	b.within(time.Second, "attempt", func() bool { return p.dials[len(p.dials)-1] >= begin })
}

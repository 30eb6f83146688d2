package node_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// line is a datum of which few fill a narrow link.
var line = strings.Repeat("-", 100)

// lagging is a producer on a narrow host, a consumer that does not receive, and
// one that does.
type lagging struct {
	*trial
	n0, n1        *node.Node
	p             *stream.Producer[string]
	stalls, quick *stream.Consumer[string]
}

func newLagging(x *trial, lag stream.Lag) lagging {
	x.Helper()
	d := lines.With(
		stream.Producing[string](stream.ProducerConfig{Queue: 4, Lag: lag, DrainMax: time.Second}),
		stream.Consuming[string](stream.ConsumerConfig{Queue: 1}))
	l := lagging{trial: x, n0: x.node("n0", narrow), n1: x.node("n1", narrow)}
	n2 := x.node("n2", narrow)
	l.p, l.stalls = produce(x, l.n0, d), consume(x, l.n1, d)
	serves(x, l.p, 1)
	l.quick = consume(x, n2, d)
	serves(x, l.p, 2)
	return l
}

// pass sends a datum that the quick consumer gets.
func (l lagging) pass() {
	l.Helper()
	send(l.trial, l.p, line)
	recv(l.trial, l.quick)
}

// accounts receives until every datum of from to total has come or was told to be
// missing, each once and in order. last tells whether the last one came.
func accounts(x *trial, c *stream.Consumer[string], from, total uint64) (missed uint64, last bool) {
	x.Helper()
	for next := from; next <= total; {
		d, err := c.Recv(x.limited(10 * time.Second))
		var gap *stream.Gap
		switch {
		case errors.As(err, &gap) && gap.From == next && gap.Count == gap.To-gap.From+1 && !gap.AtMost && !gap.Unknown:
			missed, next, last = missed+gap.Count, gap.To+1, false
		case err != nil || d.Seq != next:
			x.Fatalf("got datum %d, %v, where %d is due", d.Seq, err, next)
		default:
			next, last = next+1, true
		}
	}
	return missed, last
}

func laggingDisconnect(x *trial) {
	l := newLagging(x, stream.Disconnect)
	total := uint64(0)
	for ; x.log.count(l.n1, event.Unsubscribed, wire.TooSlow) == 0; total++ {
		if total == 1000 {
			x.Fatal("nobody is too slow")
		}
		l.pass()
	}
	if n := x.log.count(l.n0, event.SubDraining, wire.TooSlow); n != 1 {
		x.Errorf("%d subscriptions were cut, want 1", n)
	}
	serves(x, l.p, 1)
	if d, err := l.stalls.Recv(x.limited(10 * time.Second)); err != nil || d.Seq != 1 {
		x.Errorf("got datum %d, %v, want the first one", d.Seq, err)
	}
	serves(x, l.p, 2) // it comes back when its application goes on
	l.pass()
	total++
	missed, last := accounts(x, l.stalls, 2, total)
	if missed == 0 || !last {
		x.Errorf("missed %d, got the last one: %t", missed, last)
	}
}

func laggingDropNewest(x *trial) { laggingDrop(x, stream.DropNewest) }
func laggingDropOldest(x *trial) { laggingDrop(x, stream.DropOldest) }

func laggingDrop(x *trial, lag stream.Lag) {
	x.Helper()
	const total = 200
	l := newLagging(x, lag)
	for range total {
		l.pass()
	}
	missed, last := accounts(x, l.stalls, 1, total)
	if missed == 0 || last != (lag == stream.DropOldest) {
		x.Errorf("missed %d, got the last one: %t", missed, last)
	}
	if dropped := x.log.sum(l.n0, l.n1.ID(), event.Dropped, wire.Lagged); dropped != int64(missed) {
		x.Errorf("told of %d, dropped %d", missed, dropped)
	}
	if n := x.log.count(l.n0, event.SubEnded); n != 0 {
		x.Errorf("%d subscriptions ended", n)
	}
	l.pass()
	if d, err := l.stalls.Recv(x.limited(10 * time.Second)); err != nil || d.Seq != total+1 {
		x.Errorf("the next one: %d, %v", d.Seq, err)
	}
}

func backPressure(x *trial) {
	d := lines.With(
		stream.Producing[string](stream.ProducerConfig{Queue: 4, Lag: stream.Block}),
		stream.Consuming[string](stream.ConsumerConfig{Queue: 1}))
	n0 := x.node("n0", narrow)
	p, c := produce(x, n0, d), consume(x, x.node("n1", narrow), d)
	serves(x, p, 1)
	sent := uint64(0)
	for full := 0; full < 20; { // and stays so
		_, err := p.TrySend(line)
		switch {
		case err == nil:
			sent, full = sent+1, 0
		case errors.Is(err, stream.ErrFull):
			full++
			x.sleep(10 * time.Millisecond)
		default:
			x.Fatal(err)
		}
		if sent == 200 {
			x.Fatal("nothing holds the producer up")
		}
	}
	waits := x.task(func(ctx context.Context) error { _, err := p.Send(ctx, line); return err })
	if _, err := p.Send(x.limited(100*time.Millisecond), line); !errors.Is(err, context.DeadlineExceeded) {
		x.Errorf("sent to a full producer: %v", err)
	}
	if waits.Get() != nil {
		x.Errorf("another one was sent: %v", waits.Get().err)
	}
	if missed, _ := accounts(x, c, 1, sent+1); missed != 0 {
		x.Errorf("missed %d", missed)
	}
	if err := x.await("the send", waits); err != nil {
		x.Error(err)
	}
	if n := x.log.count(n0, event.SubEnded); n != 0 {
		x.Errorf("%d subscriptions ended", n)
	}
}

// reading is a datum that criteria look into.
type reading struct {
	N   int    `cbor:"n"`
	Pad string `cbor:"pad"`
}

// sink keeps what reached nobody.
type sink struct {
	mu   sync.Mutex
	lost map[wire.Reason][]int
}

func (s *sink) add(r reading, why wire.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost[why] = append(s.lost[why], r.N)
}

// has tells whether a sink has exactly the readings from from to to, for a reason.
func (s *sink) has(why wire.Reason, from, to int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.lost[why]
	return len(list) == to-from+1 && list[0] == from && list[len(list)-1] == to
}

func undeliveredSink(x *trial) {
	s := &sink{lost: map[wire.Reason][]int{}}
	d := stream.Define("readings", stream.OnUndelivered(s.add),
		stream.Producing[reading](stream.ProducerConfig{Queue: 4, Online: stream.AtLeast(0), Lag: stream.DropNewest, DrainMax: time.Second}),
		stream.Consuming[reading](stream.ConsumerConfig{Queue: 1, Criteria: "n > 100"}))
	p := produce(x, x.node("n0", narrow), d)
	put := func(from, to int) {
		for i := from; i <= to; i++ {
			send(x, p, reading{i, line})
		}
	}
	put(0, 2)
	x.within("no consumer", func() bool { return s.has(wire.NoConsumer, 0, 2) })
	c := consume(x, x.node("n1", narrow), d)
	serves(x, p, 1)
	put(3, 5)
	x.within("no match", func() bool { return s.has(wire.NoMatch, 3, 5) })
	put(101, 200)
	got, missed := 0, uint64(0)
	for got+int(missed) < 100 {
		v, err := c.Recv(x.limited(10 * time.Second))
		var gap *stream.Gap
		switch {
		case errors.As(err, &gap):
			missed += gap.Count
		case err != nil:
			x.Fatal(err)
		default:
			got++
			if v.Value.N <= 100 {
				x.Errorf("got %d", v.Value.N)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.lost[wire.Lagged]); missed == 0 || n != int(missed) || len(s.lost) != 3 {
		x.Errorf("missed %d, %d undelivered; for %d reasons", missed, n, len(s.lost))
	}
}

var errMood = errors.New("not in the mood")

// moody is a codec that refuses on demand.
type moody struct{ quiet }

func (moody) Append(b []byte, v string) ([]byte, error) {
	switch v {
	case "refuse":
		return b, errMood
	case "panic":
		panic("encode")
	}
	return append(b, v...), nil
}

func encodeFailure(x *trial) {
	d := stream.Define("moody", stream.WithCodec[string](moody{}), stream.Producing[string](stream.ProducerConfig{MaxDatum: 8}))
	n0 := x.node("n0")
	p, c := produce(x, n0, d), consume(x, x.node("n1"), d)
	serves(x, p, 1)
	for _, bad := range []struct {
		datum string
		cause error
		size  int
	}{{"refuse", errMood, 0}, {"panic", wire.CallbackPanic, 0}, {"123456789", wire.TooLarge, 9}} {
		_, err := p.Send(x.ctx, bad.datum)
		var back *stream.SendError[string]
		var encode *stream.EncodeError
		if !errors.As(err, &back) || back.Datum != bad.datum || !errors.As(err, &encode) || encode.Size != bad.size || !errors.Is(err, bad.cause) {
			x.Errorf("%s: %v", bad.datum, err)
		}
	}
	if n, err := p.SendBatch(x.ctx, []string{"one", "refuse", "three"}); n != 1 || !errors.Is(err, errMood) {
		x.Errorf("batch: %d sent, %v", n, err)
	}
	send(x, p, "12345678")
	for seq, want := range []string{"one", "12345678"} {
		if got, err := c.Recv(x.limited(10 * time.Second)); err != nil || got.Value != want || got.Seq != uint64(seq+1) {
			x.Errorf("got %q as datum %d, %v; want %q", got.Value, got.Seq, err, want)
		}
	}
	if n := x.log.count(n0, event.EncodeFailed); n != 4 {
		x.Errorf("%d failures told, want 4", n)
	}
}

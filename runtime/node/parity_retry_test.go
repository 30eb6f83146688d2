package node_test

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// waits gives for how long a consumer's node waited after each end for a reason,
// before it dialled again.
func waits(x *trial, n *node.Node, why wire.Reason) (list []time.Duration) {
	since := int64(-1)
	for _, e := range x.log.all(n) {
		switch {
		case e.Kind == event.Unsubscribed && e.Reason == why:
			since = e.Mono
		case e.Kind == event.Subscribing && since >= 0:
			list, since = append(list, time.Duration(e.Mono-since)), -1
		}
	}
	return list
}

// backoffPerCloseReason: what may pass is tried again soon, a verdict only when
// there is news.
func backoffPerCloseReason(x *trial) {
	passing := []wire.Reason{wire.TooSlow, wire.NoCapacity, wire.UnknownPeer, wire.ConnectionLost, wire.Overloaded}
	verdicts := []wire.Reason{
		wire.GracefulShutdown, wire.StreamNotFound, wire.NotAllowed, wire.Expired, wire.Revoked, wire.Filtered, wire.BadCriteria,
		wire.CallbackPanic, wire.ProtocolViolation, wire.VersionMismatch,
	}
	ends := map[ident.StreamID]wire.Reason{}
	var streams []*stream.Def[string]
	config := stream.ConsumerConfig{Backoff: stream.Backoff{First: 10 * time.Millisecond, Max: 10_000 * time.Hour}}
	for _, r := range append(passing, verdicts...) {
		d := stream.Define("ends with "+r.String(), stream.Consuming[string](config))
		ends[d.Stream()] = r
		streams = append(streams, d)
	}
	p := x.puppet()
	p.offers(func(l runtime.Link, id ident.StreamID) { l.Close(ends[id]) }, streams...)
	n := x.node("n")
	var consumers []*stream.Consumer[string]
	for _, d := range streams {
		consumers = append(consumers, consume(x, n, d))
	}
	tries := func(i int) (int64, wire.Reason) {
		s := consumers[i].Status().Pending
		if len(s) != 1 {
			return 0, wire.None
		}
		return s[0].Tries, s[0].Reason
	}
	x.within("what may pass to be tried again and again", func() bool {
		for i := range passing {
			if n, _ := tries(i); n < 5 {
				return false
			}
		}
		return true
	})
	x.within("the verdicts", func() bool { return x.log.count(n, event.Unsubscribed, verdicts...) == len(verdicts) })
	check := func(when string, want int64) {
		x.Helper()
		for i, r := range verdicts {
			if n, why := tries(len(passing) + i); n != want || why != r {
				x.Errorf("%s: %s: %d attempts, the last ended with %s; want %d", when, r, n, why, want)
			}
		}
	}
	check("at first", 1)
	must(p.AddTags(ident.NewTag("news")))
	x.within("the verdicts after news", func() bool { return x.log.count(n, event.Unsubscribed, verdicts...) == 2*len(verdicts) })
	check("after news", 2)
}

func noCapacityRetryTiming(x *trial) {
	const most = 200 * time.Millisecond
	d := texts.With(
		stream.Producing[string](stream.ProducerConfig{MaxConsumers: 1}),
		stream.Consuming[string](stream.ConsumerConfig{Backoff: stream.Backoff{First: most, Max: most}}))
	n1, n2 := x.node("n1"), x.node("n2")
	p := produce(x, x.node("n0"), d)
	c1 := consume(x, n1, d)
	serves(x, p, 1)
	c2 := consume(x, n2, d)
	x.within("refusals", func() bool { return len(waits(x, n2, wire.NoCapacity)) >= 10 })
	var total time.Duration
	list := waits(x, n2, wire.NoCapacity)
	for _, w := range list {
		total += w
		if w > most+time.Second { // for a machine that is busy
			x.Errorf("waited %s, at most %s is configured", w, most)
		}
	}
	if mean := total / time.Duration(len(list)); mean < most/8 {
		x.Errorf("waited %s on average: that is no back-off", mean)
	}
	c1.Close()
	if err := c2.When().Subscribed().Wait(x.limited(5 * time.Second)); err != nil {
		x.Fatalf("the free slot: %v", err)
	}
	passes(x, p, c2)
}

// handshakeTimeout: a consumer that connects and says nothing is given up, and
// holds no slot until then.
func handshakeTimeout(x *trial) {
	d := texts.With(stream.Producing[string](stream.ProducerConfig{MaxConsumers: 1}))
	n0 := x.node("n0")
	pr := produce(x, n0, d)
	p := x.puppet()
	x.settle()
	begin := x.env().Clock.Mono()
	silent := p.dial(n0)
	c := consume(x, x.node("n1"), d)
	serves(x, pr, 1)
	passes(x, pr, c)
	x.within("the end", func() bool { return silent.closed.Get() != nil })
	took, end := x.env().Clock.Mono()-begin, silent.closed.Get()
	if end.Reason != wire.HandshakeTimeout || end.Local || took < 4*time.Second || took > 8*time.Second {
		x.Errorf("after %s: %v, local %t; want %s of the peer after 5s", took, end, end.Local, wire.HandshakeTimeout)
	}
	passes(x, pr, c)
}

// protocolViolation: whoever breaks the protocol is cut off, and nobody else is.
func protocolViolation(x *trial) {
	n0, n1 := x.node("n0"), x.node("n1")
	good := produce(x, n0, lines)
	p := x.puppet()
	x.settle()
	// As a consumer.
	for _, c := range []struct {
		what string
		says [][]byte
		want wire.Reason
	}{
		{"garbage", [][]byte{{0xff}}, wire.ProtocolViolation},
		{"nothing", [][]byte{{}}, wire.ProtocolViolation},
		{"too much", [][]byte{make([]byte, wire.MaxHandshake+1)}, wire.ProtocolViolation},
		{"no version", [][]byte{subscribeFrame(0, lines.Stream())}, wire.VersionMismatch},
		{"another stream", [][]byte{subscribeFrame(1, texts.Stream())}, wire.StreamNotFound},
		{"a second word", [][]byte{subscribeFrame(1, lines.Stream()), {1}}, wire.ProtocolViolation},
	} {
		h := p.dial(n0, c.says...)
		x.within(c.what, func() bool { return h.closed.Get() != nil })
		if end := h.closed.Get(); end.Reason != c.want || end.Local {
			x.Errorf("%s: %v, local %t; want %s", c.what, end, end.Local, c.want)
		}
	}
	// As a producer.
	start := func(incarnation uint64) []byte { return startFrame(1, incarnation, 5) }
	says := [][][]byte{
		{{77}},
		{datumFrame(1)},
		{startFrame(2, 1, 5)},
		{start(2), start(2)},
		{start(3), datumFrame(4)},
		{start(4), datumFrame(5), datumFrame(5)},
		{start(5), {1, 0}},
	}
	var mu sync.Mutex
	said := 0
	p.offers(func(l runtime.Link, _ ident.StreamID) {
		mu.Lock()
		defer mu.Unlock()
		if said < len(says) {
			_, _ = l.Send(says[said]...)
			said++
		}
	}, lines)
	c := consume(x, n1, lines)
	for i := range says {
		x.within(fmt.Sprintf("end of link %d", i+1), func() bool { return x.log.count(n1, event.Unsubscribed, wire.ProtocolViolation) == i+1 })
		must(p.AddTags(ident.NewTag(fmt.Sprintf("news %d", i))))
	}
	serves(x, good, 1)
	send(x, good, "good")
	for {
		d, err := c.Recv(x.limited(10 * time.Second))
		var gap *stream.Gap
		switch {
		case err != nil && !errors.As(err, &gap):
			x.Fatal(err)
		case d.Producer == p.id(): // what it said before it broke the protocol
		case err != nil || d.Value != "good":
			x.Fatalf("got %q, %v", d.Value, err)
		default:
			return
		}
	}
}

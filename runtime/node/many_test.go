package node_test

import (
	"errors"
	"fmt"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
)

// mostStreams is how many streams a node may have at most.
const mostStreams = 4096

// wide gives a node room for as many streams as there may be.
func wide(_ *trial, _ string, s *setup) { s.Limits = discovery.Limits{Streams: mostStreams} }

func TestManyStreamsOverNetsim(t *testing.T) { inWorld(t, func(x *trial) { manyStreams(x, 512) }) }

func TestManyStreamsOverQUIC(t *testing.T) {
	onMachine(t, func(x *trial) { manyStreams(x, most()) })
}

// manyStreams has a node consume all streams of another. All are subscribed soon, and
// work, whether the application takes what comes on others or not.
func manyStreams(x *trial, n int) {
	const stalled = 16
	a, b := x.node("n0", wide), x.node("n1", wide)
	x.settle()
	names := make([]string, n)
	consumers := make([]*stream.Consumer[string], n)
	for i := range n {
		names[i] = fmt.Sprint("stream ", i)
		consumers[i] = mustConsume(x, b, names[i], stream.ConsumerConfig{Queue: 1})
	}
	producers := mustProduce(x, a, names...)
	began := x.env().Clock.Mono()
	x.by(10*time.Second, "all subscriptions", func() bool { return x.log.count(b, event.Subscribed) == n })
	x.Logf("%d subscriptions in %s", n, x.env().Clock.Mono()-began)
	large := string(make([]byte, 60_000))
	for _, p := range producers[:stalled] {
		for range 40 { // more than the link and the queue hold
			if _, err := p.Send(x.limited(10*time.Second), large); err != nil {
				x.Fatal(err)
			}
		}
	}
	for round := range 3 {
		for i, p := range producers[stalled:] {
			if _, err := p.Send(x.limited(10*time.Second), fmt.Sprint(round, i)); err != nil {
				x.Fatal(err)
			}
		}
		for i, c := range consumers[stalled:] {
			if d, err := c.Recv(x.limited(10 * time.Second)); err != nil || d.Value != fmt.Sprint(round, i) {
				x.Fatalf("stream %d, round %d: got %q, %v", stalled+i, round, d.Value, err)
			}
		}
	}
}

func mustConsume(x *trial, n *node.Node, name string, c stream.ConsumerConfig) *stream.Consumer[string] {
	x.Helper()
	made, err := stream.Consume[string](n.Streams(), name, c)
	if err != nil {
		x.Fatal(err)
	}
	return made
}

func mustProduce(x *trial, n *node.Node, names ...string) (list []*stream.Producer[string]) {
	x.Helper()
	for _, name := range names {
		made, err := stream.Produce[string](n.Streams(), name, stream.ProducerConfig{Lag: stream.DropNewest})
		if err != nil {
			x.Fatal(err)
		}
		list = append(list, made)
	}
	return list
}

// mostIdle is the most memory of a subscription on which nothing is under way, on each of
// the two nodes, in bytes.
const mostIdle = 4 << 10

// most is how many streams the tests over QUIC have: a quarter with -short, with which the race
// detector runs, that makes them ten times as slow.
func most() int {
	if testing.Short() {
		return mostStreams / 4
	}
	return mostStreams
}

func TestIdleSubscriptionsCostLittle(t *testing.T) {
	onMachine(t, func(x *trial) {
		streams := most()
		a, b := x.node("n0"), x.node("n1")
		x.settle()
		for range streams {
			mustConsume(x, b, "stream", stream.ConsumerConfig{})
		}
		x.sleep(time.Second)
		before := inUse(x)
		if _, err := stream.Produce[string](a.Streams(), "stream", stream.ProducerConfig{MaxPerPeer: mostStreams}); err != nil {
			x.Fatal(err)
		}
		x.by(10*time.Second, "all subscriptions", func() bool { return x.log.count(b, event.Subscribed) == streams })
		x.sleep(2 * time.Second)
		each := (inUse(x) - before) / streams
		x.Logf("%d bytes for both ends of a subscription", each)
		if each > 2*mostIdle {
			x.Errorf("both ends of an idle subscription cost %d bytes, want at most %d each", each, mostIdle)
		}
	})
}

// inUse returns how many bytes are in use, without what the log keeps.
func inUse(x *trial) int {
	x.log.mu.Lock()
	x.log.events = nil
	x.log.mu.Unlock()
	var m goruntime.MemStats
	goruntime.GC()
	goruntime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// entryFollowsStreams: the entry says what the node produces, however often that changes.
func entryFollowsStreams(x *trial) {
	const n = 600
	a := x.node("n0", wide)
	b := x.node("n1", wide)
	x.settle()
	offers := func(names ...string) func() bool {
		return func() bool {
			p, known := b.Discovery().Catalog().Get(a.ID())
			if !known || len(p.Entry.Streams) != len(names) {
				return false
			}
			for _, name := range names {
				if !p.Entry.HasStream(ident.Stream(name)) {
					return false
				}
			}
			return true
		}
	}
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint("stream ", i))
	}
	producers := mustProduce(x, a, names...)
	x.within("all", offers(names...))
	for _, p := range producers[:n/2] {
		if err := p.Close(x.limited(10 * time.Second)); err != nil {
			x.Fatal(err)
		}
	}
	x.within("half of them", offers(names[n/2:]...))
	for i := range n / 2 {
		names[i] = fmt.Sprint("another ", i)
	}
	mustProduce(x, a, names[:n/2]...)
	x.within("others in their place", offers(names...))
}

// tooManyStreams: a stream that the entry has no room for is an error.
func tooManyStreams(x *trial) {
	a := x.node("n0")
	var producers []*stream.Producer[string]
	for i := range 256 {
		producers = append(producers, mustProduce(x, a, fmt.Sprint("stream ", i))...)
	}
	_, err := stream.Produce[string](a.Streams(), "one more", stream.ProducerConfig{})
	if limit, ok := errors.AsType[*discovery.LimitError](err); !ok || limit.What != "streams" || limit.Max != 256 {
		x.Errorf("stream 257: %v, want that the limit of streams is told", err)
	}
	if err := producers[0].Close(x.limited(10 * time.Second)); err != nil {
		x.Fatal(err)
	}
	mustProduce(x, a, "one more")
	x.soon("257 producers were opened", func() bool { return x.log.count(a, event.ProducerOpened) == 257 })
}

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
)

var stressFor = flag.Duration("stress", 2*time.Second, "how long the stress test puts load on the nodes")

// books judges what one node reports: its own books must balance whatever the
// others say.
type books struct {
	host  string
	begin time.Time

	mu  sync.Mutex
	set *invariants.Set
}

func newBooks(host string) *books {
	return &books{host: host, begin: time.Now(), set: invariants.New(invariants.Options{})}
}

func (l *books) Event(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set.Event(&event.Record{At: int64(time.Since(l.begin)), Host: l.host, Event: e})
}

func (l *books) check(t *testing.T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set.Finish(time.Since(l.begin))
	for _, v := range l.set.Violations() {
		t.Errorf("%s", v)
	}
}

// source names a producer's incarnation.
type source struct {
	peer        ident.PeerID
	incarnation uint64
}

// account follows what one consumer gets: of each source every number once, in
// order, as a datum or within a gap.
type account struct{ next map[source]uint64 }

func (a *account) take(s source, from, to uint64) error {
	if next, known := a.next[s]; known && from != next {
		return fmt.Errorf("%d to %d of %s comes where %d should", from, to, s.peer.Short(), next)
	}
	a.next[s] = to + 1
	return nil
}

// TestNothingIsLostUncounted puts eight producers of all lag policies and 64
// consumers, which come, read at their own pace and go, on real QUIC.
func TestNothingIsLostUncounted(t *testing.T) {
	const producers, hosts, perHost = 8, 8, 8
	key, err := freshKey()
	if err != nil {
		t.Fatal(err)
	}
	s := settings{network: ident.Network("stress of " + key.PeerID().String()), listen: "127.0.0.1:0", key: key}
	var nodes []*process
	var reports []*books
	for i := range producers + hosts {
		if i > 0 {
			if s.key, err = freshKey(); err != nil {
				t.Fatal(err)
			}
		}
		l := newBooks(fmt.Sprintf("n%d", i))
		p, err := start(s, l)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			s.bootstrap = []discovery.Endpoint{p.Endpoint()}
		}
		nodes, reports = append(nodes, p), append(reports, l)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var load sync.WaitGroup
	var sent, received, missed, came atomic.Int64
	go func() { // on a busy machine it takes a while until there is load at all
		begin := time.Now()
		for time.Since(begin) < *stressFor || received.Load() == 0 && time.Since(begin) < time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	for i, n := range nodes[:producers] {
		lag := stream.Lag(i % 4)
		p, err := stream.Produce(n.Streams(), "load", stream.ProducerConfig{Lag: lag, Queue: 64, BlockMax: time.Second}, stream.WithCodec(stream.Bytes{}))
		if err != nil {
			t.Fatal(err)
		}
		load.Go(func() {
			for k := uint64(1); ; k++ {
				seq, err := p.Send(ctx, binary.BigEndian.AppendUint64(make([]byte, 0, 200), k)[:8+k%190])
				if err != nil {
					break
				}
				if seq != k {
					t.Errorf("datum %d has number %d", k, seq)
				}
				sent.Add(1)
				if k%16 == 0 && n.Env().Sleep(ctx, time.Millisecond) != nil {
					break
				}
			}
		})
	}
	for _, n := range nodes[producers:] {
		for range perHost {
			load.Go(func() {
				for ctx.Err() == nil {
					came.Add(1)
					consume(ctx, t, n, &received, &missed)
				}
			})
		}
	}
	load.Wait()
	var all sync.WaitGroup
	for _, n := range nodes {
		all.Go(func() {
			var undrained *stream.UndrainedError
			if err := n.Close(); err != nil && !errors.As(err, &undrained) {
				t.Errorf("close: %v", err)
			}
		})
	}
	all.Wait()
	for _, l := range reports {
		l.check(t)
	}
	t.Logf("%d datums sent, %d received and %d told to be missing by %d consumers", sent.Load(), received.Load(), missed.Load(), came.Load())
	if received.Load() == 0 || came.Load() < hosts*perHost {
		t.Error("there was no load")
	}
}

// consume is one consumer's life: it reads for a while, at its own pace.
func consume(ctx context.Context, t *testing.T, n *process, received, missed *atomic.Int64) {
	c, err := stream.Consume(n.Streams(), "load", stream.ConsumerConfig{Queue: 32}, stream.WithCodec(stream.Bytes{}))
	if err != nil {
		t.Errorf("consume: %v", err)
		return
	}
	defer c.Close()
	life, cancel := context.WithTimeout(ctx, time.Duration(100+rand.IntN(2000))*time.Millisecond)
	defer cancel()
	pace := time.Duration(rand.IntN(3)) * time.Millisecond
	a := account{next: map[source]uint64{}}
	for i := 0; ; i++ {
		d, err := c.Recv(life)
		at := source{d.Producer, d.Incarnation}
		var gap *stream.Gap
		switch {
		case errors.As(err, &gap):
			// A consumer whose first link ended before start knows no number.
			_, known := a.next[at]
			if gap.Count != gap.To-gap.From+1 || gap.AtMost || gap.Gone || gap.Unknown && known {
				t.Errorf("%v of %+v", gap, at)
			}
			missed.Add(int64(gap.Count))
			err = a.take(at, gap.From, gap.To)
		case err != nil:
			return // its life is over
		default:
			received.Add(1)
			if len(d.Value) < 8 || binary.BigEndian.Uint64(d.Value) != d.Seq {
				t.Errorf("datum %d of %s is another one", d.Seq, d.Producer.Short())
			}
			err = a.take(at, d.Seq, d.Seq)
		}
		if err != nil {
			t.Error(err)
			return
		}
		if pace > 0 && i%8 == 0 && n.Env().Sleep(life, pace) != nil {
			return
		}
	}
}

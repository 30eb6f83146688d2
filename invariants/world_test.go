package invariants_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/invariants/linear"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/sim"
)

// TestRealNodesPass runs real nodes through partitions and crashes: what the
// checkers assume of events is what nodes report.
func TestRealNodesPass(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { runNodes(t, seed) })
	}
}

func runNodes(t *testing.T, seed uint64) {
	w := sim.New(sim.Config{Seed: seed, Buggify: seed%2 == 1})
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	consumers := []string{"a", "b", "c"}
	o := invariants.Options{ExpectPeers: append([]string{"p"}, consumers...), Flow: 10 * time.Second}
	for _, c := range consumers {
		o.Expect = append(o.Expect, invariants.Pair{Consumer: c, Producer: "p", Stream: ident.Stream("s")})
	}
	set, admissions := invariants.New(o), linear.NewCollector()
	w.Observe(set.Event)
	w.Observe(admissions.Event)
	counts := map[event.Kind]int{}
	w.Observe(func(r *event.Record) { counts[r.Kind]++ })

	nodes := map[string]*node.Node{}
	start := func(env *runtime.Env, h *sim.Host) *node.Node {
		n, err := node.New(env, node.Config{Discovery: discovery.Config{
			Key: h.Key(), Network: h.Config().Network,
			Bootstrap: []discovery.Endpoint{{Peer: w.Host("p").Key().PeerID(), Addrs: []string{w.Host("p").Addr()}}},
		}})
		if err != nil {
			t.Errorf("start %s: %v", h.Name(), err)
		}
		nodes[h.Name()] = n
		return n
	}
	w.Host("p").Boot(func(ctx context.Context, env *runtime.Env) {
		p, err := stream.Produce[int64](start(env, w.Host("p")).Streams(), "s", stream.ProducerConfig{MaxConsumers: 3})
		for i := int64(1); err == nil; i++ {
			var seq uint64
			if seq, err = p.Send(ctx, i); err == nil {
				env.Report(&event.Event{Kind: event.AppSent, Stream: p.Stream(), Incarnation: p.Incarnation(), From: seq, N: i})
				err = env.Sleep(ctx, 20*time.Millisecond)
			}
		}
	})
	for _, name := range consumers {
		h := w.Host(name)
		h.Boot(func(ctx context.Context, env *runtime.Env) {
			c, err := stream.Consume[int64](start(env, h).Streams(), "s", stream.ConsumerConfig{})
			if err != nil {
				t.Errorf("consume on %s: %v", name, err)
				return
			}
			for d, err := range c.All(ctx) {
				if gap, ok := errors.AsType[*stream.Gap](err); ok {
					e := event.Event{Kind: event.AppMissed, Peer: gap.Producer, Stream: c.Stream(), Incarnation: gap.Incarnation, From: gap.From, To: gap.To, N: int64(gap.Count)}
					if gap.Unknown {
						e.Text = invariants.GapUnknown
					}
					env.Report(&e)
				} else if err == nil {
					env.Report(&event.Event{Kind: event.AppReceived, Peer: d.Producer, Stream: c.Stream(), Incarnation: d.Incarnation, From: d.Seq, N: d.Value})
				}
			}
		})
	}
	err := w.RunTask("faults", func(ctx context.Context) {
		sleep := func(d time.Duration) { _ = w.Env().Sleep(ctx, d) }
		sleep(5 * time.Second)
		w.Net.Partition([]string{"a"}, []string{"p"})
		sleep(2 * time.Second)
		w.Host("b").Restart()
		sleep(40 * time.Second)
		w.Net.Heal()
		w.Host("p").Restart()
		sleep(3 * time.Second)
		w.Net.Isolate("c")
		sleep(20 * time.Second)
		w.Net.Heal()
		w.Report(&event.Event{Kind: event.Quiesced})
		sleep(90 * time.Second)
		set.Settle(w.Now())
		for _, name := range []string{"p", "a", "b", "c"} {
			_ = nodes[name].Close(ctx)
		}
	})
	if err != nil {
		t.Error(err)
	}
	set.Finish(w.Now())
	for _, v := range set.Violations() {
		t.Error(v)
	}
	for _, r := range admissions.Results() {
		if r.Verdict != linear.Ok || r.Operations == 0 {
			t.Errorf("got %+v, want ok of some operations", r)
		}
	}
	for _, k := range []event.Kind{event.AppReceived, event.Unsubscribed, event.SubEnded, event.PeerUpdated, event.ProducerClosed} {
		if counts[k] == 0 {
			t.Errorf("the run had no %s", k)
		}
	}
}

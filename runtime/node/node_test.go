package node_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/sim"
)

// start boots a host with a node that bootstraps from first, and runs body on
// it.
func start(t *testing.T, w *sim.World, name, first string, body func(ctx context.Context, n *node.Node)) {
	h, b := w.Host(name), w.Host(first)
	h.Boot(func(ctx context.Context, env *runtime.Env) {
		n, err := node.New(env, node.Config{Discovery: discovery.Config{
			Network: h.Config().Network, Key: h.Key(),
			Bootstrap: []discovery.Endpoint{{Peer: b.Key().PeerID(), Addrs: []string{b.Addr()}}},
		}})
		if err != nil {
			t.Error(err)
			return
		}
		body(ctx, n)
	})
}

func TestNodeRefusesTwoIdentities(t *testing.T) {
	w := sim.New(sim.Config{Seed: 1})
	defer w.Close()
	h := w.Host("a")
	h.Boot(func(_ context.Context, env *runtime.Env) {
		_, err := node.New(env, node.Config{Discovery: discovery.Config{Network: h.Config().Network, Key: ident.KeyFromSeed([32]byte{9})}})
		if err == nil || !strings.Contains(err.Error(), "give both the same key") {
			t.Errorf("two identities: %v", err)
		}
	})
	if err := w.Run(time.Second); err != nil {
		t.Fatal(err)
	}
}

func TestNodeRefusesTwoNetworks(t *testing.T) {
	key, other := newKey(t), ident.Network("n2")
	_, err := node.New(realEnv(t, key, nil), node.Config{Discovery: discovery.Config{Network: other, Key: key}})
	for _, want := range []string{"give both the same network", other.Short(), ident.Network("n1").Short()} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("two networks: got %v, want %q in it", err, want)
		}
	}
}

func TestCloseDeliversLeavesAndPutsEverythingAway(t *testing.T) {
	for seed := range uint64(10) {
		w := sim.New(sim.Config{Seed: seed})
		var order []event.Kind
		w.Observe(func(r *event.Record) {
			if r.Host == "p" && (r.Kind == event.ProducerClosed || r.Kind == event.NodeStopped) || r.Host == "c" && r.Kind == event.PeerDeparted {
				order = append(order, r.Kind)
			}
		})
		const count = 500
		received, closes := 0, 0
		start(t, w, "p", "p", func(ctx context.Context, n *node.Node) {
			p, err := stream.Produce[int](n.Streams(), "numbers", stream.ProducerConfig{Lag: stream.Block, Queue: 8})
			if err != nil {
				t.Error(err)
				return
			}
			for i := range count {
				if _, err := p.Send(ctx, i); err != nil {
					t.Error(err)
				}
			}
			for range 2 { // twice is fine
				if err := n.Close(ctx); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
				closes++
			}
			if _, err := p.Send(ctx, 0); !errors.Is(err, stream.ErrClosed) {
				t.Errorf("send after close: %v", err)
			}
			if _, err := stream.Consume[int](n.Streams(), "numbers", stream.ConsumerConfig{}); !errors.Is(err, stream.ErrClosed) {
				t.Errorf("consume after close: %v", err)
			}
		})
		start(t, w, "c", "p", func(ctx context.Context, n *node.Node) {
			c, err := stream.Consume[int](n.Streams(), "numbers", stream.ConsumerConfig{})
			if err != nil {
				t.Error(err)
				return
			}
			for d, err := range c.All(ctx) {
				if err != nil || d.Value != received {
					t.Errorf("seed %d: received %d, %v, want %d", seed, d.Value, err, received)
				}
				received++
			}
		})
		if err := w.Run(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		if received != count || closes != 2 {
			t.Errorf("seed %d: received %d of %d, closed %d times", seed, received, count, closes)
		}
		if got, want := fmt.Sprint(order), "[producer.closed peer.departed node.stopped]"; got != want && got != "[producer.closed node.stopped peer.departed]" {
			t.Errorf("seed %d: order %s, want %s", seed, got, want)
		}
		if tasks, timers, strands := w.Host("p").Pending(); tasks+timers+strands != 0 {
			t.Errorf("seed %d: %d tasks, %d timers, %d strands are left", seed, tasks, timers, strands)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

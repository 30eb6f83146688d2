package discovery_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
)

func TestEventsTellChangesInOrderAndOfLag(t *testing.T) {
	c := newCluster(t, 21, 2)
	c.within(5*time.Second, "convergence", func() bool { return c.agree(names(2), names(2)) })
	fast, slow, late := c.nodes["n0"].Events(0), c.nodes["n0"].Events(2), c.nodes["n0"].Events(5)
	var seen []discovery.Change
	var end error
	c.task(func(ctx context.Context) {
		for {
			x, err := fast.Next(ctx)
			if end = err; err != nil {
				return
			}
			seen = append(seen, x)
		}
	})
	for i := range 5 {
		must(c.nodes["n1"].AddTags(ident.NewTag(string(rune('a' + i)))))
		c.run(time.Second)
	}
	c.leave("n1")
	c.run(time.Second)
	if len(seen) != 7 || seen[0].From != nil || seen[6].To != nil {
		t.Fatalf("told of %d changes, want the peer, 5 tags and the end", len(seen))
	}
	for i := 1; i < 6; i++ {
		if len(seen[i].To.Entry.Tags) != i || seen[i].From != seen[i-1].To {
			t.Errorf("change %d has %d tags, or does not follow the one before", i, len(seen[i].To.Entry.Tags))
		}
	}
	var got []discovery.Change
	var errs []error
	c.task(func(ctx context.Context) {
		for range 5 {
			x, err := slow.Next(ctx)
			got, errs = append(got, x), append(errs, err)
			if len(errs) == 4 {
				slow.Close()
				slow.Close()
			}
		}
	})
	c.run(time.Second)
	var lag *discovery.LagError
	if len(errs) != 5 || errs[0] != nil || !errors.As(errs[1], &lag) || lag.Missed != 4 || errs[2] != nil || errs[3] != nil || !errors.Is(errs[4], discovery.ErrEventsClosed) {
		t.Fatalf("got %v, want a peer, 4 missed, two changes, and the end", errs)
	}
	if got[0].To != seen[0].To || got[2].To != seen[5].To || got[3].To != nil {
		t.Error("what was there at first and the newest changes are not what is left")
	}
	c.task(func(ctx context.Context) {
		for _, want := range []uint64{0, 1, 0, 0, 0, 0, 0} { // after the peer, five of the six changes
			_, err := late.Next(ctx)
			if lag = nil; errors.As(err, &lag) != (want > 0) || lag != nil && lag.Missed != want {
				t.Errorf("got %v, want %d missed", err, want)
			}
		}
		late.Close()
	})
	fast.Close()
	c.run(time.Second)
	if !errors.Is(end, discovery.ErrEventsClosed) {
		t.Errorf("a reader that waits at the close got %v", end)
	}
}

func TestDialAddsBootstrapPeers(t *testing.T) {
	c := newCluster(t, 22, 1)
	c.boot("n1")
	c.run(20 * time.Second)
	if c.nodes["n1"].Catalog().Len() != 1 {
		t.Fatal("somebody found a node that nobody told of")
	}
	if err := c.nodes["n1"].Dial(discovery.Endpoint{Peer: c.id("n0")}); err == nil {
		t.Error("an endpoint without an address was taken")
	}
	if err := c.nodes["n1"].Dial(c.endpoint("n1"), c.endpoint("n0"), c.endpoint("n2")); err != nil {
		t.Fatal(err)
	}
	c.within(5*time.Second, "convergence", func() bool { return c.agree(names(2), names(2)) })
	c.run(time.Minute)
	c.boot("n2")
	c.within(15*time.Second, "convergence with one that was dialled in vain", func() bool { return c.agree(names(3), names(3)) })
	var err error
	for i := 0; i < 300 && err == nil; i++ {
		err = c.nodes["n1"].Dial(c.endpoint("n0"))
	}
	if err != nil {
		t.Errorf("one that is known counts again: %v", err)
	}
	for i := 0; i < 300 && err == nil; i++ {
		err = c.nodes["n1"].Dial(discovery.Endpoint{Peer: ident.PeerID{1, byte(i), byte(i >> 8)}, Addrs: c.endpoint("n0").Addrs})
	}
	if !errors.Is(err, discovery.ErrTooManyEndpoints) {
		t.Errorf("300 more: %v", err)
	}
}

// registry is a Bootstrapper that everybody asks, as a directory is.
type registry struct {
	t       *testing.T
	members *[]discovery.Endpoint
	stopped *int
}

func (r registry) Bootstrap(env *runtime.Env, s runtime.Strand, network ident.NetworkID, found func([]discovery.Endpoint)) (stop func()) {
	if network != ident.Network("sim") {
		r.t.Errorf("asked for network %v", network)
	}
	var timer runtime.Timer
	timer = env.Clock.AfterFunc(s, time.Second, func() {
		found(*r.members)
		timer.Reset(5 * time.Second)
	})
	return func() { timer.Stop(); *r.stopped++ }
}

func TestBootstrappersFindPeers(t *testing.T) {
	c := newCluster(t, 23, 0)
	const hosts = 6
	stopped := 0
	members := []discovery.Endpoint{{Peer: ident.PeerID{1}, Addrs: []string{"nonsense"}}}
	for i := range hosts {
		h := c.Host(name(i))
		members = append(members, c.endpoint(name(i)))
		h.Boot(func(_ context.Context, env *runtime.Env) {
			d, err := discovery.New(env, discovery.Config{
				Network: h.Config().Network, Key: h.Key(), Verifier: c.verifier,
				Bootstrappers: []discovery.Bootstrapper{registry{t, &members, &stopped}},
			})
			if err != nil {
				panic(err)
			}
			c.nodes[h.Name()] = d
		})
	}
	c.within(10*time.Second, "convergence", func() bool { return c.agree(names(hosts), names(hosts)) })
	c.leave("n5")
	if stopped != 1 {
		t.Errorf("%d bootstrappers were stopped, want 1", stopped)
	}
}

func TestPeersTooFarAwayAreLeftOutUntilTheyAreNear(t *testing.T) {
	c := newCluster(t, 24, 2)
	h := c.Host("n2")
	far := netsim.Path{Latency: netsim.Latency{Base: 80 * time.Millisecond}}
	move := func(p netsim.Path) {
		for _, way := range [][2]string{{"n1", "n2"}, {"n2", "n1"}} {
			if err := c.Net.SetPath(way[0], way[1], p); err != nil {
				t.Fatal(err)
			}
		}
	}
	move(far)
	h.Boot(func(_ context.Context, env *runtime.Env) {
		d, err := discovery.New(env, discovery.Config{
			Network: h.Config().Network, Key: h.Key(), Verifier: c.verifier, MaxRTT: 50 * time.Millisecond,
			Bootstrap: []discovery.Endpoint{c.endpoint("n0")},
		})
		if err != nil {
			panic(err)
		}
		c.nodes["n2"] = d
	})
	c.within(10*time.Second, "convergence", func() bool { return c.agree(names(3), names(3)) })
	near := map[ident.PeerID]bool{}
	c.nodes["n2"].Subscribe(h.Env().Scheduler.Strand("test"), func(changes []discovery.Change) {
		for _, x := range changes {
			near[x.Peer] = x.To != nil
		}
	})
	counted := func() (n int) {
		for range c.nodes["n2"].Catalog().Near() {
			n++
		}
		return n
	}
	c.run(time.Minute)
	if near[c.id("n1")] || !near[c.id("n0")] || counted() != 1 {
		t.Errorf("n1 at 160 ms is near: %t, n0 at 2 ms: %t, %d are", near[c.id("n1")], near[c.id("n0")], counted())
	}
	move(netsim.Path{})
	c.run(10 * time.Minute)
	if !near[c.id("n1")] || counted() != 2 {
		t.Error("n1 came near, and is left out still")
	}
}

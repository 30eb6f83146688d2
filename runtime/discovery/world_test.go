package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
)

// cluster is a number of hosts that run discovery, all with the first as their
// bootstrap peer.
type cluster struct {
	*sim.World
	t        *testing.T
	nodes    map[string]*discovery.Discovery // of the present incarnation
	events   map[event.Kind]map[string]int   // by "host peer"
	verifier discovery.Verifier              // of the whole world
	news     bool                            // an event came since the last look
}

func newCluster(t *testing.T, seed uint64, hosts int) *cluster {
	c := &cluster{
		World: sim.New(sim.Config{Seed: seed}), t: t,
		nodes: map[string]*discovery.Discovery{}, events: map[event.Kind]map[string]int{},
		verifier: discovery.NewVerifier(0),
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	c.Observe(func(r *event.Record) {
		c.news = true
		if c.events[r.Event.Kind] == nil {
			c.events[r.Event.Kind] = map[string]int{}
		}
		c.events[r.Event.Kind][r.Host+" "+r.Event.Peer.Short()]++
	})
	for i := range hosts {
		c.boot(name(i), c.endpoint(name(0)))
	}
	return c
}

func name(i int) string { return fmt.Sprintf("n%d", i) }

func (c *cluster) boot(host string, bootstrap ...discovery.Endpoint) {
	h := c.Host(host)
	h.Boot(func(_ context.Context, env *runtime.Env) {
		d, err := discovery.New(env, discovery.Config{
			Network: h.Config().Network, Key: h.Key(), Bootstrap: bootstrap, Verifier: c.verifier,
		})
		if err != nil {
			panic(err)
		}
		c.nodes[host] = d
	})
}

func (c *cluster) endpoint(host string) discovery.Endpoint {
	return discovery.Endpoint{Peer: c.id(host), Addrs: []string{c.Host(host).Addr()}}
}

func (c *cluster) id(host string) ident.PeerID { return c.Host(host).Key().PeerID() }

func (c *cluster) run(d time.Duration) {
	c.t.Helper()
	if err := c.Run(c.Now() + d); err != nil {
		c.t.Fatal(err)
	}
}

// within runs until ok holds, and fails if that takes longer than d. It looks after
// each event, for without one nothing changes that it could look at.
func (c *cluster) within(d time.Duration, what string, ok func() bool) {
	c.t.Helper()
	c.news = true
	done, err := c.RunUntil(func() bool {
		looks := c.news
		c.news = false
		return looks && ok()
	}, c.Now()+d)
	done = done || ok()
	if err != nil {
		c.t.Fatal(err)
	}
	if !done {
		c.t.Fatalf("%s: not within %s", what, d)
	}
}

// agree tells whether each of hosts has exactly the present entries of want.
func (c *cluster) agree(hosts, want []string) bool {
	for _, host := range hosts {
		d := c.nodes[host]
		if d == nil || d.Catalog().Len() != len(want) {
			return false
		}
		for _, other := range want {
			p, found := d.Catalog().Get(c.id(other))
			if !found || c.nodes[other] == nil || p.Entry.Version != c.nodes[other].Me().Version {
				return false
			}
		}
	}
	return true
}

func (c *cluster) count(k event.Kind, host, peer string) int {
	return c.events[k][host+" "+c.id(peer).Short()]
}

// leave stops discovery of a host and then the host.
func (c *cluster) leave(host string) {
	c.t.Helper()
	stopped, env := false, c.Host(host).Env()
	c.nodes[host].Stop(env.Scheduler.Strand("test"), func() { stopped = true })
	c.within(500*time.Millisecond, "stop of "+host, func() bool { return stopped })
	if _, timers, strands := c.Host(host).Pending(); timers+strands > 0 {
		c.t.Errorf("after the stop of %s: %d timers armed, %d strands with work", host, timers, strands)
	}
	delete(c.nodes, host)
	c.Host(host).Crash()
}

func names(n int) (list []string) {
	for i := range n {
		list = append(list, name(i))
	}
	return list
}

func TestTenNodesConvergeFromOneAddress(t *testing.T) {
	for seed := range uint64(5) {
		c := newCluster(t, seed, 10)
		c.within(5*time.Second, "convergence", func() bool { return c.agree(names(10), names(10)) })
		c.run(time.Second)
		for _, a := range names(10) {
			for _, b := range names(10) {
				if n := c.count(event.PeerDiscovered, a, b); a != b && n != 1 {
					t.Errorf("seed %d: %s reported %s discovered %d times, want once", seed, a, b, n)
				}
			}
			if n := c.count(event.EntryPublished, a, a); n != 1 {
				t.Errorf("seed %d: %s published %d times, want once", seed, a, n)
			}
		}
		started, ended := c.events[event.SyncStarted], c.events[event.SyncEnded]
		crossed := int64(0)
		c.Observe(func(r *event.Record) {
			if r.Event.Kind == event.SyncEnded {
				crossed += r.Event.N
			}
		})
		c.run(30 * time.Second)
		if crossed != 0 {
			t.Errorf("seed %d: %d entries crossed between equal catalogs", seed, crossed)
		}
		if len(started) != len(ended) {
			t.Errorf("seed %d: %d pairs began exchanges and %d ended them", seed, len(started), len(ended))
		}
		c.rtts()
	}
}

// rtts checks that the round trips of the links arrived in the catalogs: a
// network of one millisecond each way has no less than two.
func (c *cluster) rtts() {
	c.t.Helper()
	for _, a := range names(len(c.nodes)) {
		known := 0
		for p := range c.nodes[a].Catalog().All() {
			switch {
			case p.Entry.Peer == c.id(a) && p.RTT != 0:
				c.t.Errorf("%s has a round trip of %s to itself", a, p.RTT)
			case p.RTT != 0 && (p.RTT < 2*time.Millisecond || p.RTT > 20*time.Millisecond):
				c.t.Errorf("%s measured %s over links of 1 ms", a, p.RTT)
			case p.RTT != 0:
				known++
			}
		}
		if known == 0 {
			c.t.Errorf("%s knows no round trip", a)
		}
	}
}

func TestChangesReachEveryoneInAFewRounds(t *testing.T) {
	for seed := range uint64(5) {
		c := newCluster(t, seed, 10)
		c.within(5*time.Second, "convergence", func() bool { return c.agree(names(10), names(10)) })
		c.run(time.Second)
		stream := ident.Stream("s")
		must(c.nodes["n7"].AddStream(stream))
		know := func() (n int) {
			for _, d := range c.nodes {
				if p, found := d.Catalog().Get(c.id("n7")); found && p.Entry.HasStream(stream) {
					n++
				}
			}
			return n
		}
		// Pushes alone reach most, within a few rounds of at most 150 ms.
		c.within(time.Second, "news to 8 of 10", func() bool { return know() >= 8 })
		c.within(20*time.Second, "news to all", func() bool { return know() == 10 })
	}
}

func TestDepartureSpreadsAndStalePeersDoNotUndoIt(t *testing.T) {
	for seed := range uint64(5) {
		c := newCluster(t, seed, 6)
		all := names(6)
		c.within(5*time.Second, "convergence", func() bool { return c.agree(all, all) })
		// n5 does not hear that n3 leaves, and tells everybody of it afterwards.
		c.Net.Isolate("n5")
		c.leave("n3")
		rest := []string{"n0", "n1", "n2", "n4"}
		knows := func(host string) bool {
			_, found := c.nodes[host].Catalog().Get(c.id("n3"))
			return found
		}
		c.within(20*time.Second, "departure", func() bool { return !slices.ContainsFunc(rest, knows) })
		if !knows("n5") {
			t.Fatalf("seed %d: the isolated node heard of the departure", seed)
		}
		c.run(5 * time.Second) // n5 does not find out by itself meanwhile
		c.Net.Unisolate("n5")
		c.within(60*time.Second, "departure at the stale peer", func() bool { return !knows("n5") })
		c.run(60 * time.Second)
		for _, host := range append(rest, "n5") {
			if knows(host) {
				t.Errorf("seed %d: %s has the departed node again", seed, host)
			}
			if n := c.count(event.PeerDeparted, host, "n3"); n != 1 {
				t.Errorf("seed %d: %s reported the departure %d times, want once", seed, host, n)
			}
			if n := c.count(event.PeerDiscovered, host, "n3"); n != 1 {
				t.Errorf("seed %d: %s discovered the node %d times, want once", seed, host, n)
			}
		}
	}
}

func TestDepartedNodesReturn(t *testing.T) {
	c := newCluster(t, 1, 4)
	all := names(4)
	c.within(5*time.Second, "convergence", func() bool { return c.agree(all, all) })
	// The bootstrap peer itself, which knows nobody when it comes back.
	c.leave("n0")
	rest := []string{"n1", "n2", "n3"}
	c.within(20*time.Second, "departure", func() bool { return c.agree(rest, rest) })
	c.boot("n0")
	c.within(20*time.Second, "return", func() bool { return c.agree(all, all) })
}

func TestRestartWithClockSetBackSupersedes(t *testing.T) {
	for _, back := range []time.Duration{10 * time.Second, time.Hour} {
		c := newCluster(t, 2, 5)
		all := names(5)
		c.within(5*time.Second, "convergence", func() bool { return c.agree(all, all) })
		stream := ident.Stream("of the first run")
		must(c.nodes["n4"].AddStream(stream))
		c.within(20*time.Second, "news", func() bool { return c.agree(all, all) })
		before := c.nodes["n4"].Me().Version
		c.Host("n4").Crash()
		c.Host("n4").StepClock(-back)
		c.Host("n4").Restart()
		// A node whose clock is far behind takes the others for the future, but
		// they must take it.
		c.within(60*time.Second, "news of the restart", func() bool {
			for _, host := range names(4) {
				p, found := c.nodes[host].Catalog().Get(c.id("n4"))
				if !found || p.Entry.Version.Started <= before.Started || p.Entry.HasStream(stream) {
					return false
				}
			}
			return true
		})
	}
}

func TestPartitionsHeal(t *testing.T) {
	for seed := range uint64(5) {
		c := newCluster(t, seed, 8)
		all, left, right := names(8), names(8)[:4], names(8)[4:]
		c.within(5*time.Second, "convergence", func() bool { return c.agree(all, all) })
		c.Net.Partition(left, right)
		c.run(40 * time.Second)
		must(c.nodes["n1"].AddStream(ident.Stream("left")))
		must(c.nodes["n6"].AddStream(ident.Stream("right")))
		c.run(20 * time.Second)
		if c.agree(all, all) {
			t.Fatalf("seed %d: news crossed the partition", seed)
		}
		c.Net.Unpartition(left, right)
		c.within(60*time.Second, "convergence after the heal", func() bool { return c.agree(all, all) })
	}
}

func TestChurnDuringAPartitionSettles(t *testing.T) {
	for seed := range uint64(10) {
		c := newCluster(t, 100+seed, 8)
		all := names(8)
		c.within(5*time.Second, "convergence", func() bool { return c.agree(all, all) })
		left, right := all[:4], all[4:]
		c.Net.Partition(left, right)
		c.run(time.Duration(seed) * 5 * time.Second)
		c.Host("n2").Restart()
		c.leave("n6")
		c.run(20 * time.Second)
		c.Net.Unpartition(left, right)
		rest := []string{"n0", "n1", "n2", "n3", "n4", "n5", "n7"}
		c.within(60*time.Second, "convergence after the heal", func() bool { return c.agree(rest, rest) })
	}
}

func TestSyncsWithOnePeerAreShared(t *testing.T) {
	c := newCluster(t, 5, 2)
	c.within(5*time.Second, "convergence", func() bool { return c.agree(names(2), names(2)) })
	c.run(300 * time.Millisecond)
	a := c.nodes["n0"]
	s := c.Host("n0").Env().Scheduler.Strand("test")
	before, done := c.count(event.SyncStarted, "n0", "n1"), 0
	for range 10 {
		a.SyncThen(s, c.id("n1"), nil, func(err error) {
			if err != nil {
				t.Error(err)
			}
			done++
		})
	}
	c.within(time.Second, "exchange", func() bool { return done == 10 })
	if n := c.count(event.SyncStarted, "n0", "n1") - before; n != 1 {
		t.Errorf("%d exchanges for ten callers, want 1", n)
	}
}

func TestSyncWithTellsWhatWentWrong(t *testing.T) {
	c := newCluster(t, 6, 2)
	c.within(5*time.Second, "convergence", func() bool { return c.agree(names(2), names(2)) })
	env := c.Host("n0").Env()
	d := c.nodes["n0"]
	ended := false
	env.Scheduler.Go("test", func(ctx context.Context) {
		defer func() { ended = true }()
		if err := d.SyncWith(ctx, c.id("n1"), nil); err != nil {
			t.Errorf("exchange with a peer: %v", err)
		}
		if err := d.SyncWith(ctx, c.id("n0"), nil); !errors.Is(err, discovery.ErrSelf) {
			t.Errorf("with itself: got %v, want %v", err, discovery.ErrSelf)
		}
		var reason wire.Reason
		if err := d.SyncWith(ctx, ident.PeerID{1}, []string{"10.99.99.99:1"}); !errors.As(err, &reason) {
			t.Errorf("with nobody: got %v, want a reason", err)
		}
		short, cancel := env.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		if err := d.SyncWith(short, ident.PeerID{1}, []string{"10.99.99.99:1"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cut short: got %v, want %v", err, context.DeadlineExceeded)
		}
	})
	c.within(30*time.Second, "task", func() bool { return ended })
	stopped := 0
	s := env.Scheduler.Strand("test")
	d.Stop(s, func() { stopped++ })
	d.Stop(s, func() { stopped++ })
	d.SyncThen(s, c.id("n1"), nil, func(err error) {
		if !errors.Is(err, runtime.ErrStopped) {
			t.Errorf("after the stop: got %v, want %v", err, runtime.ErrStopped)
		}
		stopped++
	})
	c.within(time.Second, "stop", func() bool { return stopped == 3 })
	d.Stop(s, func() { stopped++ })
	c.within(time.Second, "stop of what is stopped", func() bool { return stopped == 4 })
}

func TestAStoppedNodeIsSilent(t *testing.T) {
	c := newCluster(t, 7, 3)
	c.within(5*time.Second, "convergence", func() bool { return c.agree(names(3), names(3)) })
	env := c.Host("n2").Env()
	stopped, late := false, 0
	c.nodes["n2"].Stop(env.Scheduler.Strand("test"), func() { stopped = true })
	c.within(500*time.Millisecond, "stop", func() bool { return stopped })
	c.Observe(func(r *event.Record) {
		if k := r.Event.Kind; r.Host == "n2" && k >= event.PeerDiscovered && k <= event.SyncEnded {
			late++
		}
	})
	must(c.nodes["n2"].AddStream(ident.Stream("too late")))
	c.run(30 * time.Second)
	if late > 0 {
		t.Errorf("%d events after the stop", late)
	}
	if got := c.nodes["n2"].Catalog().Len(); got != 3 {
		t.Errorf("the catalog of a stopped node has %d peers, want the 3 it had", got)
	}
	before := c.nodes["n2"].Me().Version
	again, err := discovery.New(env, discovery.Config{Network: c.Host("n2").Config().Network, Key: c.Host("n2").Key()})
	if err != nil {
		t.Fatal(err)
	}
	if again.Me().Version.Started <= before.Started {
		t.Errorf("run %s follows run %s", again.Me().Version, before)
	}
}

func TestSameSeedSameRun(t *testing.T) {
	run := func() sim.Stats {
		c := newCluster(t, 11, 6)
		c.run(20 * time.Second)
		return c.Stats()
	}
	if a, b := run(), run(); a != b {
		t.Errorf("got %+v and %+v of one seed", a, b)
	}
}

func TestBootstrapIsTriedUntilItAnswers(t *testing.T) {
	c := newCluster(t, 8, 0)
	c.boot("n1", c.endpoint("n0"))
	c.boot("n2", c.endpoint("n0"))
	c.run(5 * time.Minute)
	c.boot("n0", c.endpoint("n0"))
	// The back-off is at most 10 s, a dial that was begun before takes 5.
	c.within(16*time.Second, "convergence", func() bool { return c.agree(names(3), names(3)) })
}

func TestClocksAheadAreRefusedUntilTheyAreNot(t *testing.T) {
	c := newCluster(t, 9, 3)
	c.within(5*time.Second, "convergence", func() bool { return c.agree(names(3), names(3)) })
	c.Host("n3").StepClock(80 * time.Second)
	c.boot("n3", c.endpoint("n0"))
	c.run(20 * time.Second)
	if !c.agree(names(3), names(3)) {
		t.Error("an entry 80 s ahead was taken")
	}
	if c.count(event.EntryRefused, "n0", "n3") == 0 {
		t.Error("the refusal was not reported")
	}
	c.within(60*time.Second, "convergence once it is within the drift", func() bool { return c.agree(names(4), names(4)) })
}

// must is for calls that cannot fail here.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

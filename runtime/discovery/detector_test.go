package discovery_test

import (
	"context"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// converged is a cluster whose nodes know each other, and have for a while.
func converged(t *testing.T, seed uint64, hosts int) *cluster {
	t.Helper()
	c := newCluster(t, seed, hosts)
	c.within(10*time.Second, "convergence", func() bool { return c.agree(names(hosts), names(hosts)) })
	c.run(30 * time.Second)
	return c
}

// total counts the events of a kind about a peer, on all hosts.
func (c *cluster) total(k event.Kind, peer string) (n int) {
	for host := range c.nodes {
		n += c.count(k, host, peer)
	}
	return n
}

func without(list []string, gone ...string) (rest []string) {
	for _, x := range list {
		keep := true
		for _, g := range gone {
			keep = keep && x != g
		}
		if keep {
			rest = append(rest, x)
		}
	}
	return rest
}

func TestCrashIsNoticedByAllThenForgottenThenUndone(t *testing.T) {
	for _, hosts := range []int{2, 3, 8, 20} {
		c := converged(t, uint64(hosts), hosts)
		dead := name(hosts - 1)
		rest := without(names(hosts), dead)
		before := c.nodes[dead].Me().Version
		c.Host(dead).Crash()
		delete(c.nodes, dead)
		c.within(30*time.Second, "notice of the crash", func() bool { return c.agree(rest, rest) })
		for _, host := range rest {
			if n := c.count(event.PeerHidden, host, dead); n != 1 {
				t.Errorf("%d hosts: %s hid it %d times, want once", hosts, host, n)
			}
			if c.count(event.PeerDeparted, host, dead) != 0 {
				t.Errorf("%d hosts: %s forgot it at once", hosts, host)
			}
		}
		c.run(5 * time.Minute)
		if n := c.total(event.PeerDeparted, dead); n != len(rest) {
			t.Errorf("%d hosts: %d of %d forgot it after PurgeAfter", hosts, n, len(rest))
		}
		for _, host := range rest {
			for _, other := range rest {
				if n := c.count(event.PeerHidden, host, other); n != 0 {
					t.Errorf("%d hosts: %s hid %s, which is up", hosts, host, other)
				}
			}
		}
		c.boot(dead, c.endpoint(name(0)))
		c.within(20*time.Second, "return", func() bool { return c.agree(names(hosts), names(hosts)) })
		if v := c.nodes[dead].Me().Version; v.Compare(before) <= 0 {
			t.Errorf("%d hosts: came back as %s, was %s", hosts, v, before)
		}
	}
}

func TestNodeThatOnlySleptReturnsWithANewerVersion(t *testing.T) {
	c := converged(t, 4, 8)
	before := c.nodes["n5"].Me().Version
	c.Net.Isolate("n5")
	rest := without(names(8), "n5")
	c.within(40*time.Second, "suspicion", func() bool { return c.agree(rest, rest) })
	c.run(20 * time.Second)
	c.Net.Unisolate("n5")
	c.within(40*time.Second, "return", func() bool { return c.agree(names(8), names(8)) })
	if v := c.nodes["n5"].Me().Version; v.Started != before.Started || v.Updated <= before.Updated {
		t.Errorf("version %s after %s, want a newer one of the same run", v, before)
	}
	for _, host := range rest {
		if c.count(event.PeerDeparted, host, "n5") != 0 {
			t.Errorf("%s forgot it", host)
		}
		if hid, back := c.count(event.PeerHidden, host, "n5"), c.count(event.PeerReturned, host, "n5"); hid != back {
			t.Errorf("%s: hidden %d times, returned %d times", host, hid, back)
		}
	}
	c.run(2 * time.Minute)
	if !c.agree(names(8), names(8)) {
		t.Error("they do not agree any more")
	}
}

// accuse has members of the network say, over and over, that a peer does not answer.
func (c *cluster) accuse(members []string, victim string, times int) {
	for _, m := range members {
		h := c.Host(m)
		env := h.Env()
		s := env.Scheduler.Strand("liar")
		closed := 0
		for i := range times {
			env.Clock.AfterFunc(s, time.Duration(i)*2*time.Second, func() {
				p, found := c.nodes["n0"].Catalog().Get(c.id(victim))
				if !found {
					return
				}
				word, err := discovery.SignSuspicion(h.Config().Network, c.id(victim), p.Entry.Version, h.Key())
				if err != nil {
					c.t.Error(err)
					return
				}
				link := env.Transport.Dial(c.id("n0"), []string{c.Host("n0").Addr()}, runtime.Protocol{Name: gossip}, s, silent{&closed})
				_, _ = link.Send(wire.MustMarshal(map[int]any{3: [][]byte{word.Raw()}}))
			})
		}
	}
}

func TestTheAccusedRefutesAndStays(t *testing.T) {
	c := converged(t, 5, 12)
	before := c.nodes["n1"].Me().Version
	c.accuse([]string{"n7", "n8", "n9", "n10", "n11"}, "n1", 20)
	c.run(time.Minute)
	if n := c.total(event.PeerHidden, "n1"); n != 0 {
		t.Errorf("hidden by %d nodes on the word of others", n)
	}
	v := c.nodes["n1"].Me().Version
	if v.Compare(before) <= 0 {
		t.Error("it did not refute")
	}
	if published := c.count(event.EntryPublished, "n1", "n1"); published > 62 {
		t.Errorf("%d versions in a minute of accusations", published)
	}
	c.within(20*time.Second, "agreement", func() bool { return c.agree(names(12), names(12)) })
}

func TestAccusationsByNobodyAreIgnored(t *testing.T) {
	c := converged(t, 6, 6)
	h := c.Host("n5")
	before := c.nodes["n1"].Me().Version
	closed := 0
	for i := range 5 {
		stranger := c.Host(name(100 + i))
		stranger.Boot(func(_ context.Context, env *runtime.Env) {
			s := env.Scheduler.Strand("liar")
			s.Post(func() {
				word, err := discovery.SignSuspicion(h.Config().Network, c.id("n1"), before, stranger.Key())
				if err != nil {
					t.Error(err)
				}
				link := env.Transport.Dial(c.id("n0"), []string{c.Host("n0").Addr()}, runtime.Protocol{Name: gossip}, s, silent{&closed})
				_, _ = link.Send(wire.MustMarshal(map[int]any{3: [][]byte{word.Raw()}}))
			})
		})
	}
	c.run(time.Minute)
	if v := c.nodes["n1"].Me().Version; v != before || c.total(event.PeerHidden, "n1") != 0 {
		t.Errorf("strangers made it publish %s after %s", v, before)
	}
}

func TestHalvesThatForgotEachOtherMeetAgain(t *testing.T) {
	c := converged(t, 7, 10)
	// Without the bootstrap peer nobody dials anybody that is not in the catalog, but
	// lost peers.
	c.leave("n0")
	all := names(10)[1:]
	c.within(20*time.Second, "departure", func() bool { return c.agree(all, all) })
	left, right := all[:4], all[4:]
	c.Net.Partition(left, right)
	c.within(2*time.Minute, "notice", func() bool { return c.agree(left, left) && c.agree(right, right) })
	c.run(time.Hour)
	for _, a := range left {
		for _, b := range right {
			if c.count(event.PeerDeparted, a, b) != 1 || c.count(event.PeerDeparted, b, a) != 1 {
				t.Fatalf("%s and %s did not forget each other once", a, b)
			}
		}
	}
	c.Net.Unpartition(left, right)
	c.within(time.Minute, "convergence after the heal", func() bool { return c.agree(all, all) })
}

func TestAllOfANetworkMayRestartAtOnce(t *testing.T) {
	c := converged(t, 8, 8)
	c.run(2 * time.Minute) // so that peers are in the store
	c.leave("n0")          // the bootstrap peer, for good
	rest := names(8)[1:]
	c.within(20*time.Second, "departure", func() bool { return c.agree(rest, rest) })
	for _, host := range rest {
		c.Host(host).Restart()
	}
	c.within(time.Minute, "convergence", func() bool { return c.agree(rest, rest) })
}

func TestChangesReachAFewDozenNodesInASecond(t *testing.T) {
	const hosts = 60
	c := converged(t, 9, hosts)
	for i := range 5 {
		from := name(7 * i)
		must(c.nodes[from].AddStream(ident.Stream("s")))
		c.run(time.Millisecond)
		c.within(time.Second, "news of "+from, func() bool { return c.agree(names(hosts), names(hosts)) })
		c.run(2 * time.Second)
	}
}

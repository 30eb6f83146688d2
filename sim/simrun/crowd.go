package simrun

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/smalti/smalti/internal/wall"
	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/sim"
)

// What a measurement does, in virtual time.
const (
	crowdLatency  = 50 * time.Millisecond // one way
	crowdLossPPM  = 50_000                // while false departures are counted
	crowdPatience = 10 * time.Minute      // for a storm
	crowdSoon     = 2 * time.Minute       // for everything else
	crowdSettle   = 30 * time.Second
	crowdWindow   = time.Minute
)

// crowdMemory is above what the heap of 10,000 nodes does not grow if it can be helped.
const crowdMemory = 18 << 30

// crowd is a world of nodes that run discovery and nothing else, and what their
// events say.
type crowd struct {
	*sim.World
	nodes    []*discovery.Discovery
	verifier *discovery.WorldVerifier

	pairs   int // who knows whom, nodes themselves left out
	hidden  int // times that a node was taken for dead
	subject ident.PeerID
	version uint64 // of the subject's entry, updated
	knowing int    // nodes that have it
	missing int    // nodes that hid the subject
}

func newCrowd(seed uint64, n int) *crowd {
	c := &crowd{
		World:    sim.New(sim.Config{Seed: seed, Budget: 1 << 40, Path: netsim.Path{Latency: netsim.Latency{Base: crowdLatency}}}),
		verifier: discovery.NewWorldVerifier(4 * n),
	}
	c.Observe(c.event)
	for range n {
		c.join()
	}
	return c
}

// join boots one more node, which knows the first.
func (c *crowd) join() {
	i := len(c.nodes)
	h, first := c.Host(fmt.Sprintf("n%d", i)), c.Host("n0")
	c.nodes = append(c.nodes, nil)
	h.Boot(func(_ context.Context, env *runtime.Env) {
		d, err := discovery.New(env, discovery.Config{
			Network: h.Config().Network, Key: h.Key(), Verifier: c.verifier,
			Bootstrap: []discovery.Endpoint{{Peer: first.Key().PeerID(), Addrs: []string{first.Addr()}}},
		})
		if err != nil {
			panic(err)
		}
		c.nodes[i] = d
	})
}

func (c *crowd) event(r *event.Record) {
	about := r.Peer == c.subject
	switch r.Kind {
	case event.PeerDiscovered, event.PeerReturned:
		c.pairs++
		if about {
			c.knowing++
		}
	case event.PeerHidden:
		c.pairs--
		c.hidden++
		if about {
			c.missing++
		}
	case event.PeerDeparted:
		if r.Reason == 0 {
			c.pairs--
		}
	case event.PeerUpdated:
		if about && r.To >= c.version {
			c.knowing++
		}
	case event.EntryPublished:
		if r.Node == c.subject {
			c.version, c.knowing = r.To, 0
		}
	}
}

// until runs until ok holds, and gives how long that took, -1 for too long.
func (c *crowd) until(within time.Duration, ok func() bool) (int64, error) {
	began := c.Now()
	done, err := c.RunUntil(ok, began+within)
	if err != nil || !done {
		return -1, err
	}
	return int64(c.Now() - began), nil
}

// complete tells whether everybody knows everybody.
func (c *crowd) complete() bool { return c.pairs == len(c.nodes)*(len(c.nodes)-1) }

// check compares the catalogs with what the events said.
func (c *crowd) check() error {
	pairs := 0
	for _, d := range c.nodes {
		if d != nil {
			pairs += d.Catalog().Len() - 1
		}
	}
	if pairs != c.pairs {
		return fmt.Errorf("bench discovery: catalogs have %d pairs, events told of %d", pairs, c.pairs)
	}
	return nil
}

// rate measures what each node sends a second while f runs.
func (c *crowd) rate(f func() error) (bytes, messages int64, err error) {
	before, began := c.Net.Traffic(), c.Now()
	err = f()
	after := c.Net.Traffic()
	share := uint64(max(1, (c.Now()-began).Milliseconds())) * uint64(len(c.nodes))
	return int64((after.Bytes - before.Bytes) * 1000 / share), int64((after.Datagrams - before.Datagrams) * 1000 / share), err
}

// measureCrowd measures a network of n nodes.
func measureCrowd(seed uint64, n int, progress io.Writer) (r crowdReport, err error) {
	defer wall.Hoard(200, crowdMemory)()
	elapsed := wall.Since()
	c := newCrowd(seed, n)
	defer func() {
		if closed := c.Close(); err == nil {
			err = closed
		}
	}()
	r = crowdReport{Bench: "discovery", Nodes: n}
	for _, phase := range []struct {
		name string
		run  func(*crowdReport) error
	}{{"storm", c.storm}, {"steady", c.steady}, {"spread", c.spread}, {"join", c.newcomer}, {"loss", c.lossy}, {"crash", c.crash}} {
		began, before := c.Now(), elapsed()
		if err := phase.run(&r); err != nil {
			return r, err
		}
		took := elapsed() - before
		if r.StormWall == 0 {
			r.StormWall = int64(took)
		}
		fmt.Fprintf(progress, "%d nodes: %s took %s, and %s of real time\n", n, phase.name, c.Now()-began, took.Round(time.Millisecond))
		if err := c.check(); err != nil {
			return r, err
		}
	}
	r.Wall, r.Verifies, r.Steps = int64(elapsed()), c.verifier.Verified(), c.Stats().Steps
	return r, nil
}

func (c *crowd) storm(r *crowdReport) (err error) {
	r.StormBytes, r.StormMsgs, err = c.rate(func() (err error) {
		r.Storm, err = c.until(crowdPatience, c.complete)
		return err
	})
	r.Heap = wall.Heap()
	return err
}

func (c *crowd) steady(r *crowdReport) (err error) {
	if err := c.Run(c.Now() + crowdSettle); err != nil {
		return err
	}
	r.SteadyBytes, r.SteadyMsgs, err = c.rate(func() error { return c.Run(c.Now() + crowdWindow) })
	return err
}

func (c *crowd) spread(r *crowdReport) (err error) {
	d := c.nodes[len(c.nodes)/2]
	c.subject, c.knowing = d.Me().Peer, 0
	if err := d.AddTags(ident.NewTag("changed")); err != nil {
		return err
	}
	r.Spread, err = c.until(crowdSoon, func() bool { return c.knowing == len(c.nodes)-1 })
	return err
}

func (c *crowd) newcomer(r *crowdReport) (err error) {
	r.JoinBytes, r.JoinMsgs, err = c.rate(func() (err error) {
		c.join()
		r.Join, err = c.until(crowdSoon, c.complete)
		return err
	})
	return err
}

func (c *crowd) lossy(r *crowdReport) error {
	hidden := c.hidden
	path := netsim.Path{Latency: netsim.Latency{Base: crowdLatency}, LossPPM: crowdLossPPM}
	if err := c.Net.SetDefault(path); err != nil {
		return err
	}
	if err := c.Run(c.Now() + crowdWindow); err != nil {
		return err
	}
	path.LossPPM = 0
	if err := c.Net.SetDefault(path); err != nil {
		return err
	}
	err := c.Run(c.Now() + crowdSettle)
	r.False = int64(c.hidden - hidden)
	return err
}

func (c *crowd) crash(r *crowdReport) (err error) {
	i := len(c.nodes) / 3
	d := c.nodes[i]
	c.subject, c.missing = d.Me().Peer, 0
	c.Host(fmt.Sprintf("n%d", i)).Crash()
	c.nodes[i] = nil
	c.pairs -= d.Catalog().Len() - 1
	r.Crash, err = c.until(crowdSoon, func() bool { return c.missing == len(c.nodes)-1 })
	return err
}

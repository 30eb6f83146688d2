package node_test

import (
	"context"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/live"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/quicnet"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/ticket/jwt"
	"github.com/smalti/smalti/sim"
	"github.com/zeebo/blake3"
)

// lab is a world in which a test runs nodes: a simulated one, or this machine.
type lab interface {
	// boot starts a node, which bootstraps from the first.
	boot(name string, config discovery.Config) (*node.Node, error)
	key(name string) ident.Key
	env() *runtime.Env
}

// trial is one test in one lab: what it says runs unchanged in both.
type trial struct {
	testing.TB
	lab
	ctx   context.Context
	nodes []*node.Node
}

// option changes a node's configuration.
type option func(*trial, string, *discovery.Config)

// tagged gives a node tags.
func tagged(tags ...string) option {
	return func(_ *trial, _ string, c *discovery.Config) {
		for _, t := range tags {
			c.Tags = append(c.Tags, ident.NewTag(t))
		}
	}
}

// holding gives a node tickets that are issued to it by a key, for so long.
func holding(issuer jwt.SigningKey, name string, d time.Duration) option {
	return func(x *trial, host string, c *discovery.Config) {
		c.Tickets = append(c.Tickets, x.ticket(issuer, name, x.key(host).PeerID(), d))
	}
}

// ticket issues one.
func (x *trial) ticket(issuer jwt.SigningKey, name string, peer ident.PeerID, d time.Duration) ticket.Ticket {
	x.Helper()
	now := x.env().Clock.Now()
	t, err := issuer.Issue(peer, jwt.Token{Issuer: name, IssuedAt: now.Add(-time.Minute).Truncate(time.Second), Expires: now.Add(d)})
	if err != nil {
		x.Fatal(err)
	}
	return t
}

// alone keeps a node from bootstrapping.
func alone(x *trial, _ string, c *discovery.Config) { x.isolate(c) }

// isolate marks a configuration that shall know nobody.
func (x *trial) isolate(c *discovery.Config) { c.Bootstrap = []discovery.Endpoint{} }

// node starts a node.
func (x *trial) node(name string, options ...option) *node.Node {
	x.Helper()
	var c discovery.Config
	for _, o := range options {
		o(x, name, &c)
	}
	n, err := x.boot(name, c)
	if err != nil {
		x.Fatal(err)
	}
	x.nodes = append(x.nodes, n)
	return n
}

// settle has all nodes know each other.
func (x *trial) settle() {
	x.Helper()
	x.within("catalogs", func() bool {
		for _, n := range x.nodes {
			if n.Discovery().Catalog().Len() != len(x.nodes) {
				return false
			}
		}
		return true
	})
}

// sleep lets time pass.
func (x *trial) sleep(d time.Duration) {
	x.Helper()
	if err := x.env().Sleep(x.ctx, d); err != nil {
		x.Fatal(err)
	}
}

// within waits until ok holds, for at most 20 s.
func (x *trial) within(what string, ok func() bool) {
	x.Helper()
	for range 2000 {
		if ok() {
			return
		}
		x.sleep(10 * time.Millisecond)
	}
	x.Fatalf("%s: not within 20s", what)
}

// limited gives a context that ends after d.
func (x *trial) limited(d time.Duration) context.Context {
	ctx, cancel := x.env().WithTimeout(x.ctx, d)
	x.Cleanup(cancel)
	return ctx
}

// leave closes a node.
func (x *trial) leave(n *node.Node) {
	x.Helper()
	if err := n.Close(x.limited(10 * time.Second)); err != nil {
		x.Error(err)
	}
}

// simulated is a lab in a seeded world.
type simulated struct {
	*sim.World
	ctx      context.Context
	verifier discovery.Verifier
	first    *discovery.Endpoint
}

func (l *simulated) key(name string) ident.Key { return l.Host(name).Key() }
func (l *simulated) env() *runtime.Env         { return l.Env() }

func (l *simulated) boot(name string, c discovery.Config) (n *node.Node, err error) {
	h := l.Host(name)
	c.Network, c.Key, c.Verifier = h.Config().Network, h.Key(), l.verifier
	if l.first != nil && c.Bootstrap == nil {
		c.Bootstrap = []discovery.Endpoint{*l.first}
	} else if l.first == nil {
		l.first = &discovery.Endpoint{Peer: h.Key().PeerID(), Addrs: []string{h.Addr()}}
	}
	h.Boot(func(_ context.Context, env *runtime.Env) { n, err = node.New(env, node.Config{Discovery: c}) })
	if serr := l.Env().Sleep(l.ctx, time.Millisecond); serr != nil {
		return nil, serr
	}
	return n, err
}

// machine is a lab of real nodes on loopback.
type machine struct {
	t     testing.TB
	e     *runtime.Env
	first *discovery.Endpoint
}

func (l *machine) env() *runtime.Env { return l.e }

func (l *machine) key(name string) ident.Key {
	return ident.KeyFromSeed(blake3.Sum256([]byte(name + " of " + l.t.Name())))
}

func (l *machine) boot(name string, c discovery.Config) (*node.Node, error) {
	clock, scheduler := live.NewClock(nil), live.NewScheduler(live.SchedulerConfig{})
	c.Network, c.Key = ident.Network(l.t.Name()), l.key(name)
	t, err := quicnet.Listen(quicnet.Config{
		Key: c.Key, Network: c.Network, Listen: "127.0.0.1:0", Clock: clock,
	})
	if err != nil {
		return nil, err
	}
	if l.first != nil && c.Bootstrap == nil {
		c.Bootstrap = []discovery.Endpoint{*l.first}
	} else if l.first == nil {
		l.first = &discovery.Endpoint{Peer: c.Key.PeerID(), Addrs: t.Addrs()}
	}
	n, err := node.New(&runtime.Env{Clock: clock, Scheduler: scheduler, Transport: t}, node.Config{Discovery: c})
	l.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if n != nil {
			_ = n.Close(ctx) // what a test left open may have datums
		}
		t.Close()
		scheduler.Stop()
		clock.Stop()
	})
	return n, err
}

// inWorld runs a test over netsim.
func inWorld(t *testing.T, f func(x *trial)) {
	w := sim.New(sim.Config{Seed: 1})
	over := false
	w.Env().Scheduler.Go("trial", func(ctx context.Context) {
		f(&trial{TB: t, lab: &simulated{World: w, ctx: ctx, verifier: discovery.NewVerifier(0)}, ctx: ctx})
		over = true
	})
	if _, err := w.RunUntil(func() bool { return over || t.Failed() }, time.Hour); err != nil {
		t.Error(err)
	}
	if !over {
		t.Error("the trial did not end")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// onMachine runs a test over real QUIC.
func onMachine(t *testing.T, f func(x *trial)) {
	clock, scheduler := live.NewClock(nil), live.NewScheduler(live.SchedulerConfig{})
	t.Cleanup(func() {
		clock.Stop()
		scheduler.Stop()
	})
	f(&trial{TB: t, lab: &machine{t: t, e: &runtime.Env{Clock: clock, Scheduler: scheduler}}, ctx: t.Context()})
}

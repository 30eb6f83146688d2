package node_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/ticket/jwt"
	"github.com/smalti/smalti/runtime/wire"
)

// trial is one test in one lab: what it says runs unchanged in both.
type trial struct {
	testing.TB
	lab
	log   *log
	ctx   context.Context
	first *discovery.Endpoint // whom the others bootstrap from
	nodes []*node.Node
	known []*discovery.Discovery // of the nodes and of whoever else is there
}

// option changes what a node is made of.
type option func(*trial, string, *setup)

// tagged gives a node tags.
func tagged(tags ...string) option {
	return func(_ *trial, _ string, s *setup) {
		for _, t := range tags {
			s.Tags = append(s.Tags, ident.NewTag(t))
		}
	}
}

// holding gives a node a ticket that a key issues to it, for so long.
func holding(issuer jwt.SigningKey, name string, d time.Duration) option {
	return bearing(issuer, jwt.Token{Issuer: name}, d)
}

// bearing gives a node a ticket that says more than who issued it.
func bearing(issuer jwt.SigningKey, t jwt.Token, d time.Duration) option {
	return func(x *trial, host string, s *setup) {
		s.Tickets = append(s.Tickets, x.ticket(issuer, t, x.key(host).PeerID(), d))
	}
}

// alone keeps a node from bootstrapping.
func alone(_ *trial, _ string, s *setup) { s.Bootstrap = []discovery.Endpoint{} }

// narrow gives a node links that hold little.
func narrow(_ *trial, _ string, s *setup) { s.narrow = true }

// distant gives a node paths whose length a test decides.
func distant(_ *trial, _ string, s *setup) { s.distant = true }

// steppable gives a node a wall clock that can be stepped.
func steppable(_ *trial, _ string, s *setup) { s.steppable = true }

// ticket issues one.
func (x *trial) ticket(issuer jwt.SigningKey, t jwt.Token, peer ident.PeerID, d time.Duration) ticket.Ticket {
	x.Helper()
	now := x.env().Clock.Now()
	t.IssuedAt, t.Expires = now.Add(-time.Minute).Truncate(time.Second), now.Add(d)
	made, err := issuer.Issue(peer, t)
	if err != nil {
		x.Fatal(err)
	}
	return made
}

// boot starts a host. All bootstrap from the first one.
func (x *trial) boot(name string, options ...option) (*runtime.Env, discovery.Config) {
	x.Helper()
	s := &setup{Config: discovery.Config{Network: x.network(), Key: x.key(name)}}
	for _, o := range options {
		o(x, name, s)
	}
	env, err := x.host(name, s)
	if err != nil {
		x.Fatal(err)
	}
	switch {
	case x.first == nil:
		x.first = &discovery.Endpoint{Peer: env.Transport.Local(), Addrs: env.Transport.Addrs()}
	case s.Bootstrap == nil:
		s.Bootstrap = []discovery.Endpoint{*x.first}
	}
	return env, s.Config
}

// node starts a node.
func (x *trial) node(name string, options ...option) *node.Node {
	x.Helper()
	env, c := x.boot(name, options...)
	n, err := node.New(env, node.Config{Discovery: c})
	if err != nil {
		x.Fatal(err)
	}
	x.nodes = append(x.nodes, n)
	x.known = append(x.known, n.Discovery())
	return n
}

// end closes what a test left open, datums and all.
func (x *trial) end() {
	ctx, cancel := x.env().WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, n := range slices.Backward(x.nodes) {
		_ = n.Close(ctx)
	}
}

// settle has all nodes know each other.
func (x *trial) settle() {
	x.Helper()
	x.within("catalogs", func() bool {
		return !slices.ContainsFunc(x.known, func(d *discovery.Discovery) bool { return d.Catalog().Len() != len(x.known) })
	})
}

// sleep lets time pass.
func (x *trial) sleep(d time.Duration) {
	x.Helper()
	if err := x.env().Sleep(x.ctx, d); err != nil {
		x.Fatal(err)
	}
}

// within waits until ok holds, for longer than anything takes that is tried again.
func (x *trial) within(what string, ok func() bool) {
	x.Helper()
	x.by(20*time.Second, what, ok)
}

// soon waits until ok holds that needs no second attempt, even on a busy machine.
func (x *trial) soon(what string, ok func() bool) {
	x.Helper()
	x.by(2*time.Second, what, ok)
}

func (x *trial) by(d time.Duration, what string, ok func() bool) {
	x.Helper()
	for end := x.env().Clock.Mono() + d; !ok(); {
		if x.env().Clock.Mono() > end {
			x.Fatalf("%s: not within %s", what, d)
		}
		x.sleep(10 * time.Millisecond)
	}
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
	if err := x.leaving(n); err != nil {
		x.Error(err)
	}
}

// leaving closes a node and tells what was lost.
func (x *trial) leaving(n *node.Node) error { return n.Close(x.limited(10 * time.Second)) }

// task runs f beside the trial.
func (x *trial) task(f func(ctx context.Context) error) *runtime.Watch[*outcome] {
	var over runtime.Watch[*outcome]
	x.env().Scheduler.Go("beside", func(ctx context.Context) { over.Set(&outcome{f(ctx)}) })
	return &over
}

// outcome is how a task ended.
type outcome struct{ err error }

// await gives the error of a task once it has ended.
func (x *trial) await(what string, task *runtime.Watch[*outcome]) error {
	x.Helper()
	x.within(what, func() bool { return task.Get() != nil })
	return task.Get().err
}

// log keeps what nodes report.
type log struct {
	mu     sync.Mutex
	events []event.Event
}

// Event implements runtime.Observer.
func (l *log) Event(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// all gives what a node reported.
func (l *log) all(by *node.Node) (list []event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Node == by.ID() {
			list = append(list, e)
		}
	}
	return list
}

// told gives the events of a kind that a node reported, for some reasons or any.
func (l *log) told(by *node.Node, k event.Kind, reasons ...wire.Reason) []event.Event {
	return slices.DeleteFunc(l.all(by), func(e event.Event) bool {
		return e.Kind != k || len(reasons) > 0 && !slices.Contains(reasons, e.Reason)
	})
}

// count is how many those are.
func (l *log) count(by *node.Node, k event.Kind, reasons ...wire.Reason) int {
	return len(l.told(by, k, reasons...))
}

// sum adds what those count, about one peer.
func (l *log) sum(by *node.Node, about ident.PeerID, k event.Kind, reasons ...wire.Reason) (n int64) {
	for _, e := range l.told(by, k, reasons...) {
		if e.Peer == about {
			n += e.N
		}
	}
	return n
}

func produce[T any](x *trial, n *node.Node, d *stream.Def[T]) *stream.Producer[T] {
	x.Helper()
	p, err := d.Produce(n.Streams())
	if err != nil {
		x.Fatal(err)
	}
	return p
}

func consume[T any](x *trial, n *node.Node, d *stream.Def[T]) *stream.Consumer[T] {
	x.Helper()
	c, err := d.Consume(n.Streams())
	if err != nil {
		x.Fatal(err)
	}
	return c
}

// serves waits until a producer has n consumers.
func serves[T any](x *trial, p *stream.Producer[T], n int) {
	x.Helper()
	x.within("subscriptions", func() bool { return len(p.Status().Subscriptions) == n })
}

func send[T any](x *trial, p *stream.Producer[T], v T) {
	x.Helper()
	if _, err := p.Send(x.limited(10*time.Second), v); err != nil {
		x.Fatalf("send: %v", err)
	}
}

func recv[T any](x *trial, c *stream.Consumer[T]) T {
	x.Helper()
	d, err := c.Recv(x.limited(10 * time.Second))
	if err != nil {
		x.Fatalf("receive: %v", err)
	}
	return d.Value
}

// passes sends a datum and receives it.
func passes(x *trial, p *stream.Producer[string], consumers ...*stream.Consumer[string]) {
	x.Helper()
	send(x, p, "hello")
	for _, c := range consumers {
		if got := recv(x, c); got != "hello" {
			x.Errorf("got %q", got)
		}
	}
}

func empty[T any](x *trial, c *stream.Consumer[T]) {
	x.Helper()
	if d, err := c.TryRecv(); !errors.Is(err, stream.ErrEmpty) {
		x.Errorf("got %v, %v, want nothing", d.Value, err)
	}
}

// onlyFrom waits until a consumer has exactly these producers, and sees that it
// stays so.
func onlyFrom[T any](x *trial, c *stream.Consumer[T], producers ...*node.Node) {
	x.Helper()
	ok := func() bool {
		subs := c.Status().Subscriptions
		for _, s := range subs {
			if !slices.ContainsFunc(producers, func(n *node.Node) bool { return n.ID() == s.Peer }) {
				return false
			}
		}
		return len(subs) == len(producers)
	}
	x.within("the producers of a consumer", ok)
	x.sleep(time.Second)
	if !ok() {
		x.Errorf("then: %+v", c.Status())
	}
}

var texts = stream.Define[string]("texts")

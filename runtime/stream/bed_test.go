package stream_test

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
)

// panics are the invariants of tests in which callbacks panic.
var panics = invariants.Options{CallbacksMayPanic: true}

// name is the stream of these tests.
const name = "s"

// bed is a world of nodes; all have the host "p" as their bootstrap peer. Every
// event is judged by the invariants of package invariants: conservation of
// counts, order, completeness, capacity, expiry.
type bed struct {
	*sim.World
	t        *testing.T
	nodes    map[string]*node.Node
	config   map[string]func(*discovery.Config)
	shapes   map[string]func(*node.Config)
	events   []event.Record
	set      *invariants.Set
	verifier discovery.Verifier
}

func newBed(t *testing.T, seed uint64, hosts ...string) *bed {
	return newBedWith(t, seed, invariants.Options{}, hosts...)
}

func newBedWith(t *testing.T, seed uint64, o invariants.Options, hosts ...string) *bed {
	t.Helper()
	b := &bed{
		World: sim.New(sim.Config{Seed: seed}), t: t, set: invariants.New(o), verifier: discovery.NewVerifier(0),
		nodes: map[string]*node.Node{}, config: map[string]func(*discovery.Config){},
	}
	b.Observe(func(r *event.Record) {
		b.events = append(b.events, *r)
		b.set.Event(r)
	})
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		for _, v := range b.set.Violations() {
			t.Errorf("%s", v)
		}
	})
	for _, h := range hosts {
		b.boot(h)
	}
	return b
}

func (b *bed) boot(host string) {
	h := b.Host(host)
	h.Boot(func(_ context.Context, env *runtime.Env) {
		c := discovery.Config{Network: h.Config().Network, Key: h.Key(), Verifier: b.verifier}
		if host != "p" {
			c.Bootstrap = []discovery.Endpoint{{Peer: b.id("p"), Addrs: []string{b.Host("p").Addr()}}}
		}
		if change := b.config[host]; change != nil {
			change(&c)
		}
		config := node.Config{Discovery: c}
		if shape := b.shapes[host]; shape != nil {
			shape(&config)
		}
		n, err := node.New(env, config)
		if err != nil {
			panic(err)
		}
		b.nodes[host] = n
	})
	b.run(time.Millisecond)
}

// narrow gives a host small buffers, so that a consumer that does not read is
// felt after some kilobytes.
func (b *bed) narrow(hosts ...string) {
	for _, host := range hosts {
		b.Host(host).Configure(func(c *sim.HostConfig) {
			c.Endpoint = func(e *netsim.EndpointConfig) {
				e.SendMessages, e.SendBytes, e.LinkWindow = 4, 1<<10, 3<<10
			}
		})
	}
}

func (b *bed) id(host string) ident.PeerID { return b.Host(host).Key().PeerID() }

func (b *bed) run(d time.Duration) {
	b.t.Helper()
	if err := b.Run(b.Now() + d); err != nil {
		b.t.Fatal(err)
	}
}

// within runs until ok holds, and fails if that takes longer than d.
func (b *bed) within(d time.Duration, what string, ok func() bool) {
	b.t.Helper()
	done, err := b.RunUntil(ok, b.Now()+d)
	if err != nil {
		b.t.Fatal(err)
	}
	if !done {
		b.t.Fatalf("%s: not within %s", what, d)
	}
}

func (b *bed) produce(host string, c stream.ProducerConfig) *stream.Producer[[]byte] {
	b.t.Helper()
	p, err := stream.Produce(b.nodes[host].Streams(), name, c, stream.WithCodec[[]byte](stream.Bytes{}))
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *bed) consume(host string, c stream.ConsumerConfig) *stream.Consumer[[]byte] {
	b.t.Helper()
	k, err := stream.Consume(b.nodes[host].Streams(), name, c, stream.WithCodec[[]byte](stream.Bytes{}))
	if err != nil {
		b.t.Fatal(err)
	}
	return k
}

// task runs f on a host and gives its outcome, nil until it is over.
func (b *bed) task(host string, f func(ctx context.Context) error) *result {
	r := &result{}
	b.nodes[host].Env().Scheduler.Go("test", func(ctx context.Context) {
		r.err = f(ctx)
		r.over = true
	})
	return r
}

type result struct {
	over bool
	err  error
}

func (r *result) done() bool { return r.over }

// fill sends as many datums of 100 bytes as the producer takes without waiting, up
// to limit, and gives it a moment between two.
func (b *bed) fill(p *stream.Producer[[]byte], limit int) (sent int) {
	b.t.Helper()
	for ; sent < limit; sent++ {
		_, err := p.TrySend(payload(sent, 100))
		if errors.Is(err, stream.ErrFull) || errors.Is(err, stream.ErrOffline) {
			break
		}
		if err != nil {
			b.t.Fatal(err)
		}
		b.run(time.Millisecond)
	}
	return sent
}

// payload is datum i of size bytes, 8 at least.
func payload(i, size int) []byte {
	d := make([]byte, max(8, size))
	binary.BigEndian.PutUint64(d, uint64(i))
	return d
}

// got is what a task received: datums by number, gaps as text.
type got struct {
	values []int
	seqs   []uint64
	gaps   []*stream.Gap
	errs   []error
}

// receive takes what comes in a task, until the consumer is closed; it waits
// takes before each.
func (b *bed) receive(host string, c *stream.Consumer[[]byte], takes time.Duration) *got {
	g := &got{}
	env := b.nodes[host].Env()
	b.task(host, func(ctx context.Context) error {
		for d, err := range c.All(ctx) {
			var gap *stream.Gap
			switch {
			case errors.As(err, &gap):
				g.gaps = append(g.gaps, gap)
			case err != nil:
				g.errs = append(g.errs, err)
			default:
				g.values = append(g.values, int(binary.BigEndian.Uint64(d.Value)))
				g.seqs = append(g.seqs, d.Seq)
			}
			if takes > 0 {
				if err := env.Sleep(ctx, takes); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return g
}

// inOrder tells whether g is exactly the datums from to to.
func (g *got) inOrder(from, to int) bool {
	if len(g.values) != to-from+1 {
		return false
	}
	for i, v := range g.values {
		if v != from+i {
			return false
		}
	}
	return true
}

// count is how many events of a kind a host reported, for one reason or any.
func (b *bed) count(host string, k event.Kind, reasons ...wire.Reason) (n int) {
	for _, r := range b.events {
		if r.Host == host && r.Kind == k && (len(reasons) == 0 || r.Reason == reasons[0]) {
			n++
		}
	}
	return n
}

// wrong tells the invariants that a test begins to do something to the network, as
// scenarios do for their faults.
func (b *bed) wrong(what string) { b.Report(&event.Event{Kind: event.FaultBegan, Text: what}) }

// marked counts how often a host reached a rare place.
func (b *bed) marked(host, name string) (n int) {
	for _, r := range b.events {
		if r.Host == host && r.Kind == event.Mark && r.Text == name {
			n++
		}
	}
	return n
}

// sum adds the counts of the events of a kind that a host reported about a peer.
func (b *bed) sum(host string, k event.Kind, peer string) (n int64) {
	for _, r := range b.events {
		if r.Host == host && r.Kind == k && r.Peer == b.id(peer) {
			n += r.N
		}
	}
	return n
}

// last gives the latest event of a kind that a host reported.
func (b *bed) last(host string, k event.Kind) event.Record {
	b.t.Helper()
	for _, r := range slices.Backward(b.events) {
		if r.Host == host && r.Kind == k {
			return r
		}
	}
	b.t.Fatalf("%s reported no %s", host, k)
	return event.Record{}
}

func subscribed(n int, p *stream.Producer[[]byte]) func() bool {
	return func() bool { return len(p.Status().Subscriptions) == n }
}

// must is for calls that cannot fail here.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

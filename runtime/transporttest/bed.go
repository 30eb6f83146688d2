package transporttest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Bed is what a body works with. Its methods are for the body's task only, but
// for Errorf and Logf.
type Bed struct {
	t     testing.TB
	ctx   context.Context // the body's own, for as long as the body runs
	env   *runtime.Env
	world World
	can   Capability
	nodes []*Node
}

// aborted unwinds a body after Fatalf.
type aborted struct{}

// settle is how long the suite watches for what must not come any more.
const settle = 50 * time.Millisecond

func runBody(t testing.TB, ctx context.Context, w World, h Harness, limit time.Duration, body func(b *Bed)) {
	env := w.Env()
	inner, cancel := env.WithTimeout(ctx, limit)
	defer cancel()
	b := &Bed{t: t, ctx: inner, env: env, world: w, can: h.Can}
	defer func() {
		switch p := recover(); p.(type) {
		case nil, aborted:
		default:
			panic(p)
		}
	}()
	body(b)
	b.finish()
}

// finish closes all nodes and checks what holds of every link.
func (b *Bed) finish() {
	for _, n := range b.nodes {
		if !n.gone {
			n.Env.Transport.Close()
		}
	}
	for _, n := range b.nodes {
		for _, e := range n.endList() {
			if !n.gone {
				e.Wait("it is closed with its transport", closed)
			}
		}
	}
	b.Sleep(settle)
	for _, n := range b.nodes {
		for _, e := range n.endList() {
			for _, fault := range e.seen.Get().Faults {
				b.Errorf("%v: %s", e, fault)
			}
		}
	}
}

// Errorf fails the case and goes on.
func (b *Bed) Errorf(format string, args ...any) {
	b.t.Helper()
	b.t.Errorf(format, args...)
}

// Fatalf fails the case and ends its body.
func (b *Bed) Fatalf(format string, args ...any) {
	b.t.Helper()
	b.Errorf(format, args...)
	panic(aborted{})
}

// Logf notes something for whoever reads a failure.
func (b *Bed) Logf(format string, args ...any) { b.t.Logf(format, args...) }

// Mono is the time that all of the suite's times are read on.
func (b *Bed) Mono() time.Duration { return b.env.Clock.Mono() }

// Sleep lets d pass.
func (b *Bed) Sleep(d time.Duration) {
	if err := b.env.Sleep(b.ctx, d); err != nil {
		b.Fatalf("sleep for %v: %v", d, err)
	}
}

// Partition cuts x and y off from each other.
func (b *Bed) Partition(x, y *Node) { b.world.Partition(x.Name, y.Name) }

// Heal undoes all partitions.
func (b *Bed) Heal() { b.world.Heal() }

// Crash makes n vanish. Start it again with Restart.
func (b *Bed) Crash(n *Node) {
	n.gone = true
	b.world.Crash(n.Name)
}

// Until polls ok, for conditions that no handler hears of.
func (b *Bed) Until(what string, ok func() bool) {
	for !ok() {
		if err := b.env.Sleep(b.ctx, 5*time.Millisecond); err != nil {
			b.Fatalf("waiting until %s: %v", what, err)
		}
	}
}

// Node is a running node of a case.
type Node struct {
	Name  string
	Env   *runtime.Env
	ID    ident.PeerID
	Addrs []string

	bed    *Bed
	strand runtime.Strand
	events tally
	gone   bool

	mu   sync.Mutex // guards ends: acceptors add to it on their strand
	ends []*End
}

// Node starts the node called name with the transport's defaults.
func (b *Bed) Node(name string) *Node { return b.NodeWith(name, Options{}) }

// NodeWith starts the node called name.
func (b *Bed) NodeWith(name string, o Options) *Node {
	if o.Key.IsZero() {
		o.Key = keyOf(name)
	}
	if o.Network == (ident.NetworkID{}) {
		o.Network = ident.Network("transporttest")
	}
	if o.Versions == ([2]uint16{}) {
		o.Versions = [2]uint16{wire.VersionMin, wire.VersionMax}
	}
	n := &Node{Name: name, bed: b, ID: o.Key.PeerID()}
	o.Observer = &n.events
	env, err := b.world.Start(name, o)
	if err != nil {
		b.Fatalf("start node %s: %v", name, err)
	}
	n.Env = env
	n.strand = env.Scheduler.Strand("suite")
	n.Addrs = env.Transport.Addrs()
	if !o.KnowsNobody {
		env.Transport.SetKnown(func(ident.PeerID) bool { return true })
	}
	if got := env.Transport.Local(); got != n.ID {
		b.Fatalf("node %s is %s, want %s", name, got.Short(), n.ID.Short())
	}
	b.nodes = append(b.nodes, n)
	return n
}

// Pair starts two nodes, a and b.
func (b *Bed) Pair() (*Node, *Node) { return b.Node("a"), b.Node("b") }

// keyOf gives the key of the node called name.
func keyOf(name string) ident.Key {
	return ident.KeyFromSeed(runtime.SeedOf(1).Derive("transporttest", name))
}

// Do runs f on the node's strand and returns when it has run.
func (n *Node) Do(f func()) { n.doOn(n.strand, f) }

func (n *Node) doOn(s runtime.Strand, f func()) {
	var done runtime.Watch[bool]
	s.Post(func() {
		f()
		done.Set(true)
	})
	if _, err := done.Wait(n.bed.ctx, n.bed.env, func(ok bool) bool { return ok }); err != nil {
		n.bed.Fatalf("run on a strand of %s: %v", n.Name, err)
	}
}

// Stop closes the node's transport.
func (n *Node) Stop() { n.Env.Transport.Close() }

// Dial opens a link to another node; setup, which may be nil, runs in the turn
// of the dial.
func (n *Node) Dial(to *Node, proto string, setup func(e *End)) *End {
	return n.DialAt(to.ID, to.Addrs, proto, setup)
}

// DialAt opens a link to a peer at addresses.
func (n *Node) DialAt(peer ident.PeerID, addrs []string, proto string, setup func(e *End)) *End {
	return n.dialFor(peer, addrs, runtime.Protocol{Name: proto}, setup)
}

func (n *Node) dialFor(peer ident.PeerID, addrs []string, proto runtime.Protocol, setup func(e *End)) *End {
	e := n.newEnd(fmt.Sprintf("%s>%s", n.Name, proto.Name), true)
	n.Do(func() {
		e.link = n.Env.Transport.Dial(peer, addrs, proto, n.strand, e)
		if setup != nil {
			setup(e)
		}
	})
	return e
}

// Listener collects the links that a node accepts for a protocol.
type Listener struct {
	node *Node
	stop func()
	ends []*End // on the node's strand
	seen runtime.Watch[[]*End]
}

// Listen binds every link of proto to a new End; setup, which may be nil, runs
// right after.
func (n *Node) Listen(proto string, setup func(e *End)) *Listener {
	return n.listenFor(runtime.Protocol{Name: proto}, setup)
}

func (n *Node) listenFor(proto runtime.Protocol, setup func(e *End)) *Listener {
	l := &Listener{node: n}
	n.Do(func() {
		stop, err := n.Env.Transport.Listen(proto, n.strand, func(link runtime.Link) {
			e := n.newEnd(fmt.Sprintf("%s<%s#%d", n.Name, proto.Name, len(l.ends)), false)
			e.link = link
			link.Bind(n.strand, e)
			if setup != nil {
				setup(e)
			}
			l.ends = append(l.ends, e)
			l.seen.Set(l.ends)
		})
		l.stop = stop
		if err != nil {
			n.bed.Errorf("%s listens for %q: %v", n.Name, proto.Name, err)
		}
	})
	return l
}

// Accept waits for link number i.
func (l *Listener) Accept(i int) *End {
	ends, err := l.seen.Wait(l.node.bed.ctx, l.node.bed.env, func(ends []*End) bool { return len(ends) > i })
	if err != nil {
		l.node.bed.Fatalf("%s accepted %d links, waiting for number %d: %v", l.node.Name, len(ends), i, err)
	}
	return ends[i]
}

// Count says how many links were accepted so far.
func (l *Listener) Count() int { return len(l.seen.Get()) }

// Connect dials from n to another node and gives both ends, open.
func (n *Node) Connect(to *Node, l *Listener, proto string) (near, far *End) {
	i := l.Count()
	near = n.Dial(to, proto, nil)
	near.WaitOpen()
	return near, l.Accept(i)
}

func (n *Node) newEnd(name string, dialled bool) *End {
	e := &End{node: n, name: name, dialled: dialled, strand: n.strand}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ends = append(n.ends, e)
	return e
}

// forget takes e, whose link another end has taken over, off the list of ends
// that must hear OnClosed.
func (n *Node) forget(e *End) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ends = slices.DeleteFunc(n.ends, func(other *End) bool { return other == e })
}

func (n *Node) endList() []*End {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.ends)
}

// tally keeps what a node reported.
type tally struct {
	mu     sync.Mutex // observers are called from everywhere
	events []event.Event
}

func (x *tally) Event(e event.Event) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.events = append(x.events, e)
}

// Count says how many events of kind about peer the node reported.
func (n *Node) Count(kind event.Kind, peer ident.PeerID) (count int) {
	n.events.mu.Lock()
	defer n.events.mu.Unlock()
	for _, e := range n.events.events {
		if e.Kind == kind && e.Peer == peer {
			count++
		}
	}
	return count
}

// CountAll says how many events of kind the node reported.
func (n *Node) CountAll(kind event.Kind) int { return n.CountBefore(kind, ident.PeerID{}) }

// CountBefore says how many events of kind the node reported before the first one about peer.
func (n *Node) CountBefore(kind event.Kind, peer ident.PeerID) (count int) {
	n.events.mu.Lock()
	defer n.events.mu.Unlock()
	for _, e := range n.events.events {
		if e.Kind == kind && e.Peer == peer {
			return count
		}
		if e.Kind == kind {
			count++
		}
	}
	return count
}

// Refusals counts the reports of the node that a session with peer was refused for r: by the
// peer, or by the node.
func (n *Node) Refusals(peer ident.PeerID, r wire.Reason) (byPeer, own int) {
	n.events.mu.Lock()
	defer n.events.mu.Unlock()
	for _, e := range n.events.events {
		switch {
		case e.Kind != event.SessionRefused || e.Peer != peer || e.Reason != r:
		case e.N == 1:
			byPeer++
		default:
			own++
		}
	}
	return byPeer, own
}

// Sessions says how many sessions with peer the node has by its own reports.
func (n *Node) Sessions(peer ident.PeerID) int {
	return n.Count(event.SessionUp, peer) - n.Count(event.SessionDown, peer)
}

package node_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
)

// convergeWithBootstrap: ten nodes that know one address know each other soon.
func convergeWithBootstrap(x *trial) {
	for i := range 10 {
		x.node(fmt.Sprint("n", i))
	}
	x.by(10*time.Second, "catalogs of ten", func() bool {
		return !slices.ContainsFunc(x.known, func(d *discovery.Discovery) bool { return d.Catalog().Len() != 10 })
	})
	for _, d := range x.known {
		for p := range d.Catalog().All() {
			if p.Unsigned() {
				x.Errorf("%s holds %s on trust", d.Me().Peer.Short(), p.Entry.Peer.Short())
			}
		}
	}
}

// manualSyncTrigger: an entry on trust is replaced by the signed one, in both
// catalogs, when the two exchange them.
func manualSyncTrigger(x *trial) {
	n0, n1 := x.node("n0", alone), x.node("n1", alone)
	counts := func(n *node.Node) (signed, unsigned int) {
		for p := range n.Discovery().Catalog().All() {
			switch {
			case p.Entry.Peer == n.ID():
			case p.Unsigned():
				unsigned++
			default:
				signed++
			}
		}
		return signed, unsigned
	}
	check := func(when string, n *node.Node, signed, unsigned int) {
		if s, u := counts(n); s != signed || u != unsigned {
			x.Errorf("%s: %d signed and %d unsigned, want %d and %d", when, s, u, signed, unsigned)
		}
	}
	check("at first", n0, 0, 0)
	check("at first", n1, 0, 0)
	if err := n1.Discovery().InsertUnsigned(x.ctx, *n0.Discovery().Me()); err != nil {
		x.Fatal(err)
	}
	check("on trust", n0, 0, 0)
	check("on trust", n1, 0, 1)
	if err := n1.Discovery().SyncWith(x.limited(10*time.Second), n0.ID(), n0.Env().Transport.Addrs()); err != nil {
		x.Fatal(err)
	}
	check("after the exchange", n1, 1, 0)
	x.soon("the other side", func() bool { s, u := counts(n0); return s == 1 && u == 0 })
}

// differentNetworksAreIsolated: whoever is of another network learns nothing and
// tells nothing, whoever asks whom.
func differentNetworksAreIsolated(x *trial) {
	other := func(_ *trial, _ string, s *setup) { s.Network = ident.Network("another") }
	ours := []*node.Node{x.node("a0"), x.node("a1")}
	theirs := []*node.Node{x.node("b0", other, alone), x.node("b1", other, alone), x.node("b2", other, alone)}
	for _, from := range x.nodes {
		for _, to := range x.nodes {
			if from != to {
				_ = from.Discovery().SyncWith(x.limited(5*time.Second), to.ID(), to.Env().Transport.Addrs())
			}
		}
	}
	for _, side := range [][]*node.Node{ours, theirs} {
		x.within("its own network", func() bool {
			return !slices.ContainsFunc(side, func(n *node.Node) bool { return n.Discovery().Catalog().Len() < len(side) })
		})
		for _, n := range side {
			for p := range n.Discovery().Catalog().All() {
				if !slices.ContainsFunc(side, func(o *node.Node) bool { return o.ID() == p.Entry.Peer }) {
					x.Errorf("%s knows %s of another network", n.ID().Short(), p.Entry.Peer.Short())
				}
			}
		}
	}
}

// gracefulDeparture: each of three hears of both others, and that one left.
func gracefulDeparture(x *trial) {
	n0, n1, n2 := x.node("n0"), x.node("n1"), x.node("n2")
	x.settle()
	for _, n := range x.nodes {
		if got := x.log.count(n, event.PeerDiscovered); got != 2 {
			x.Errorf("%s discovered %d peers, want 2", n.ID().Short(), got)
		}
	}
	x.leave(n2)
	for _, n := range []*node.Node{n0, n1} {
		x.by(15*time.Second, "the departure", func() bool { return x.log.count(n, event.PeerDeparted) > 0 })
		if e := x.log.told(n, event.PeerDeparted); len(e) != 1 || e[0].Peer != n2.ID() {
			x.Errorf("%s heard %v, want that n2 left", n.ID().Short(), e)
		}
		if _, ok := n.Discovery().Catalog().Get(n2.ID()); ok {
			x.Errorf("%s has n2 still", n.ID().Short())
		}
	}
}

// stalePeersArePurged: a peer that ends without a word is hidden, then forgotten, and
// discovered again when it returns; whoever stayed is never forgotten.
func stalePeersArePurged(x *trial) {
	impatient := func(_ *trial, _ string, s *setup) {
		s.SyncTimeout, s.SuspicionTimeout, s.PurgeAfter = time.Second, 500*time.Millisecond, 4*time.Second
	}
	n0, n1, n2 := x.node("n0", impatient), x.node("n1", impatient), x.node("n2", impatient)
	x.settle()
	x.sleep(time.Second) // neighbours find each other
	gone := n2.ID()
	n2.Env().Transport.Close()
	both := []*node.Node{n0, n1}
	everywhere := func(k event.Kind, count int) func() bool {
		return func() bool {
			return !slices.ContainsFunc(both, func(n *node.Node) bool { return x.log.count(n, k) != count })
		}
	}
	x.within("hidden", everywhere(event.PeerHidden, 1))
	for _, n := range both {
		if _, ok := n.Discovery().Catalog().Get(gone); ok || n.Discovery().Catalog().Len() != 2 {
			x.Errorf("%s knows %d peers, want the two that are there", n.ID().Short(), n.Discovery().Catalog().Len())
		}
	}
	x.within("forgotten", everywhere(event.PeerDeparted, 1))
	x.known = x.known[:2]
	x.node("n2", impatient)
	x.within("discovered again", everywhere(event.PeerDiscovered, 3))
	x.settle()
	for _, n := range both {
		for _, k := range []event.Kind{event.PeerHidden, event.PeerDeparted} {
			if e := x.log.told(n, k); len(e) != 1 || e[0].Peer != gone {
				x.Errorf("%s told %v, want only that of n2", n.ID().Short(), e)
			}
		}
	}
}

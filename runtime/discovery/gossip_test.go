package discovery_test

import (
	"context"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// traffic counts what is sent over the links of neighbours, and whether catalogs are
// compared at all.
type traffic struct {
	entries, names, wants, prunes int
	exchanges, links              int  // that were begun
	noExchanges                   bool // they are refused
}

// counted is a transport whose links are counted.
type counted struct {
	runtime.Transport
	t *traffic
}

func (c counted) Dial(peer ident.PeerID, addrs []string, proto runtime.Protocol, s runtime.Strand, h runtime.Handler) runtime.Link {
	switch proto.Name {
	case discovery.GossipProtocol:
		c.t.links++
	case discovery.Protocol:
		c.t.exchanges++
		if c.t.noExchanges {
			proto.Name = "nobody listens"
		}
	}
	return countedLink{c.Transport.Dial(peer, addrs, proto, s, h), c.t}
}

func (c counted) Listen(proto runtime.Protocol, s runtime.Strand, accept func(runtime.Link)) (func(), error) {
	return c.Transport.Listen(proto, s, func(l runtime.Link) { accept(countedLink{l, c.t}) })
}

type countedLink struct {
	runtime.Link
	t *traffic
}

func (l countedLink) Send(messages ...[]byte) (int, error) {
	if l.Protocol() == discovery.GossipProtocol {
		for _, m := range messages {
			var r struct {
				Entries [][]byte       `cbor:"1,keyasint"`
				Names   []byte         `cbor:"4,keyasint"`
				Wants   []ident.PeerID `cbor:"5,keyasint"`
				Prune   bool           `cbor:"6,keyasint"`
			}
			if err := wire.Unmarshal(m, wire.MaxControl, &r); err != nil {
				panic(err)
			}
			l.t.entries += len(r.Entries)
			l.t.names += len(r.Names) / 48
			l.t.wants += len(r.Wants)
			if r.Prune {
				l.t.prunes++
			}
		}
	}
	return l.Link.Send(messages...)
}

// counting is a cluster of which the links are counted.
func counting(t *testing.T, seed uint64, hosts int) (*cluster, *traffic) {
	c, sent := newCluster(t, seed, 0), &traffic{}
	for i := range hosts {
		h := c.Host(name(i))
		h.Boot(func(_ context.Context, env *runtime.Env) {
			env.Transport = counted{env.Transport, sent}
			d, err := discovery.New(env, discovery.Config{
				Network: h.Config().Network, Key: h.Key(), Bootstrap: []discovery.Endpoint{c.endpoint(name(0))}, Verifier: c.verifier,
			})
			if err != nil {
				panic(err)
			}
			c.nodes[h.Name()] = d
		})
	}
	c.within(20*time.Second, "convergence", func() bool { return c.agree(names(hosts), names(hosts)) })
	c.run(30 * time.Second)
	return c, sent
}

func TestNewsTravelsATreeWithoutComparingCatalogs(t *testing.T) {
	const hosts = 40
	c, sent := counting(t, 31, hosts)
	change := func(i int) {
		t.Helper()
		must(c.nodes[name(i%hosts)].AddTags(ident.NewTag(string(rune('a' + i)))))
		c.run(time.Millisecond)
		c.within(2*time.Second, "news", func() bool { return c.agree(names(hosts), names(hosts)) })
		c.run(500 * time.Millisecond)
	}
	sent.noExchanges = true
	for i := range 10 {
		change(i) // the tree forms
	}
	*sent = traffic{noExchanges: true}
	const changes = 10
	for i := range changes {
		change(10 + i)
	}
	// A tree of 40 nodes has 39 links; all of them together have about 120.
	if perfect := changes * (hosts - 1); sent.entries < perfect || sent.entries > perfect*3/2 {
		t.Errorf("%d entries for %d changes in %d nodes, want %d and few more", sent.entries, changes, hosts, perfect)
	}
	if sent.names < changes*hosts {
		t.Errorf("%d names, want one over each link beside the tree at least", sent.names)
	}
	// Where a node of the tree dies, names mend it: everybody hears the next news, and
	// somebody asked for it.
	*sent = traffic{noExchanges: true}
	for _, dead := range []string{"n3", "n11", "n17", "n23", "n29", "n35"} {
		c.Host(dead).Crash()
		delete(c.nodes, dead)
	}
	rest := without(names(hosts), "n3", "n11", "n17", "n23", "n29", "n35")
	must(c.nodes["n5"].AddTags(ident.NewTag("after")))
	v := func() bool {
		for _, host := range rest {
			p, ok := c.nodes[host].Catalog().Get(c.id("n5"))
			if !ok || !p.Entry.HasTag(ident.NewTag("after")) {
				return false
			}
		}
		return true
	}
	c.within(4*time.Second, "news past dead nodes", v)
	if sent.wants == 0 {
		t.Error("nobody had to ask: the test shows nothing")
	}
}

func TestNeighboursStayAndAreChosenAnewNowAndThen(t *testing.T) {
	const hosts, minutes = 20, 10
	c, sent := counting(t, 33, hosts)
	sent.links = 0
	c.run(minutes * time.Minute)
	// One of the three every eighth tick of five seconds, which is 15 in ten minutes.
	if mean := sent.links / hosts; mean < 8 || mean > 30 {
		t.Errorf("each node began %d links in %d minutes, want about 15", mean, minutes)
	}
}

func TestCatalogsAreComparedEveryFewSeconds(t *testing.T) {
	c, sent := counting(t, 32, 6)
	before := sent.exchanges
	c.run(time.Minute)
	if n := sent.exchanges - before; n < 36 || n > 144 {
		t.Errorf("%d exchanges of 6 nodes in a minute, want about 72", n)
	}
}

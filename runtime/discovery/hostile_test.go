package discovery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// silent is a handler that listens and says nothing.
type silent struct{ closed *int }

func (silent) OnOpen()                   {}
func (silent) OnMessage([]byte)          {}
func (silent) OnWritable()               {}
func (s silent) OnClosed(runtime.Closed) { *s.closed++ }

// talker is a handler that sends one message again and again, after another.
type talker struct {
	link   runtime.Link
	first  []byte
	say    []byte
	closed runtime.Closed
}

func (k *talker) OnOpen() {
	if k.first != nil {
		_, _ = k.link.Send(k.first)
	}
	k.OnWritable()
}
func (k *talker) OnMessage([]byte)          {}
func (k *talker) OnClosed(c runtime.Closed) { k.closed = c }
func (k *talker) OnWritable() {
	for n := 1; n == 1; {
		n, _ = k.link.Send(k.say)
	}
}

const (
	protocol = "smalti/sync/1"
	gossip   = "smalti/gossip/1"
)

// frame is a message of the gossip protocol, as docs tell it.
func frame(entries ...[]byte) []byte { return wire.MustMarshal(map[int]any{1: entries}) }

// opening begins an exchange: nothing is known.
var opening = wire.MustMarshal(map[int]any{5: []any{map[int]any{1: make([]byte, ident.Size)}}})

func TestForgedEntriesAreRefused(t *testing.T) {
	c := newCluster(t, 3, 3)
	all := names(3)
	c.within(5*time.Second, "convergence", func() bool { return c.agree(all, all) })
	victim := c.nodes["n1"].Me()
	stolen := *victim
	stolen.Version.Updated++
	stolen.Addrs = []string{"10.66.66.66:1"}
	mallory := c.Host("mallory")
	stolen.Peer = mallory.Key().PeerID()
	own, err := discovery.Sign(&stolen, mallory.Key())
	if err != nil {
		t.Fatal(err)
	}
	a, b := victim.Peer, stolen.Peer
	forged := bytes.Replace(own.Raw, b[:], a[:], 1)
	closed := 0
	mallory.Boot(func(_ context.Context, env *runtime.Env) {
		s := env.Scheduler.Strand("test")
		s.Post(func() {
			link := env.Transport.Dial(c.id("n0"), []string{c.Host("n0").Addr()}, runtime.Protocol{Name: gossip}, s, silent{&closed})
			_, _ = link.Send(frame(forged))
		})
	})
	c.run(20 * time.Second)
	if n := c.events[event.EntryRefused]["n0 "+b.Short()]; n != 1 {
		t.Errorf("refusal reported %d times, want once", n)
	}
	end := c.talk("flood", gossip, &talker{say: frame(slices.Repeat([][]byte{forged}, 100)...)})
	if n := c.count(event.EntryRefused, "n0", "flood"); n != 16 || !errors.Is(end, wire.ProtocolViolation) {
		t.Errorf("a hundred forgeries: %d reported, %v; want 16 and %v", n, end, wire.ProtocolViolation)
	}
	if !c.agree(all, all) {
		t.Error("a forged entry changed a catalog")
	}
}

// talk has a new host talk to n0 until it is cut off.
func (c *cluster) talk(host, protocol string, k *talker) error {
	c.t.Helper()
	c.Host(host).Boot(func(_ context.Context, env *runtime.Env) {
		s := env.Scheduler.Strand("test")
		s.Post(func() {
			k.link = env.Transport.Dial(c.id("n0"), []string{c.Host("n0").Addr()}, runtime.Protocol{Name: protocol}, s, k)
		})
	})
	c.within(10*time.Second, "end of "+host, func() bool { return k.closed.Reason != wire.None })
	return k.closed
}

func TestEndlessTalkersAreCutOff(t *testing.T) {
	c := newCluster(t, 12, 2)
	c.within(5*time.Second, "convergence", func() bool { return c.agree(names(2), names(2)) })
	for _, x := range []struct {
		host, protocol string
		talker         talker
		want           wire.Reason
	}{
		{"novel", protocol, talker{first: opening, say: wire.MustMarshal(map[int]any{99: make([]byte, 60<<10)})}, wire.TooLarge},
		{"twice", protocol, talker{first: opening, say: wire.MustMarshal(map[int]any{4: true})}, wire.ProtocolViolation}, // goes on after its last message
		{"gibberish", protocol, talker{say: []byte("gibberish")}, wire.ProtocolViolation},
		{"digest", protocol, talker{say: wire.MustMarshal(map[int]any{1: []byte{1}})}, wire.ProtocolViolation},
		{"aimless", protocol, talker{say: wire.MustMarshal(map[int]any{2: [][]byte{{1}}})}, wire.ProtocolViolation}, // compares nothing
		{"babble", gossip, talker{say: []byte("babble")}, wire.ProtocolViolation},
		{"half", gossip, talker{say: wire.MustMarshal(map[int]any{4: []byte("half a name")})}, wire.ProtocolViolation},
	} {
		if end := c.talk(x.host, x.protocol, &x.talker); !errors.Is(end, x.want) {
			t.Errorf("%s: got %v, want %v", x.host, end, x.want)
		}
	}
}

func TestSilentPeersCostABoundedNumberOfPlaces(t *testing.T) {
	c := newCluster(t, 4, 2)
	c.within(5*time.Second, "convergence", func() bool { return c.agree(names(2), names(2)) })
	closed, dialled := 0, 0
	for i := range 12 {
		mute := c.Host(fmt.Sprintf("mute%d", i))
		mute.Boot(func(_ context.Context, env *runtime.Env) {
			s := env.Scheduler.Strand("test")
			s.Post(func() {
				for range 4 {
					dialled++
					env.Transport.Dial(c.id("n0"), []string{c.Host("n0").Addr()}, runtime.Protocol{Name: protocol}, s, silent{&closed})
				}
			})
		})
	}
	c.run(100 * time.Millisecond)
	// Two places per peer of 16 in all: most of the 48 are turned away at once.
	if closed < dialled-16 {
		t.Errorf("%d of %d silent links were turned away, want at least %d", closed, dialled, dialled-16)
	}
	// Meanwhile the node works on its own account, and is free again after the
	// deadline.
	must(c.nodes["n0"].AddStream(ident.Stream("s")))
	c.within(2*time.Second, "news past silent peers", func() bool { return c.agree(names(2), names(2)) })
	c.within(6*time.Second, "deadline", func() bool { return closed == dialled })
	c.boot("n2", c.endpoint("n0"))
	c.within(5*time.Second, "join", func() bool { return c.agree(names(3), names(3)) })
}

func TestLargeCatalogsCrossInManyMessages(t *testing.T) {
	const feeders, each = 12, 160
	c := newCluster(t, 10, 1)
	c.run(time.Second)
	closed, at := 0, c.nodes["n0"].Me().Version.Started
	var tags []ident.Tag
	for i := range 10 {
		tags = append(tags, ident.NewTag(fmt.Sprint(i)))
	}
	slices.SortFunc(tags, ident.Tag.Compare)
	for i := range feeders {
		var frames [][]byte
		var entries [][]byte
		for j := range each {
			key := ident.KeyFromSeed([ident.KeySize]byte{byte(i), byte(j), byte(j >> 8), 77})
			if j == 0 {
				key = c.Host(fmt.Sprintf("feeder%d", i)).Key() // a stranger would not keep its place
			}
			s, err := discovery.Sign(&discovery.Entry{
				Protocol: discovery.EntryProtocol, Network: c.Host("n0").Config().Network, Peer: key.PeerID(),
				Version: discovery.Version{Started: at, Updated: at}, Tags: tags,
			}, key)
			if err != nil {
				t.Fatal(err)
			}
			if entries = append(entries, s.Raw); len(entries) == 80 {
				frames, entries = append(frames, frame(entries...)), nil
			}
		}
		feeder := c.Host(fmt.Sprintf("feeder%d", i))
		feeder.Boot(func(_ context.Context, env *runtime.Env) {
			s := env.Scheduler.Strand("test")
			s.Post(func() {
				link := env.Transport.Dial(c.id("n0"), []string{c.Host("n0").Addr()}, runtime.Protocol{Name: gossip}, s, silent{&closed})
				if n, err := link.Send(frames...); n != len(frames) {
					t.Error(err)
				}
			})
		})
		c.run(100 * time.Millisecond) // n0 soon finds out that nobody is there
	}
	got := c.nodes["n0"].Catalog().Len()
	if got < 1+2*80*feeders {
		t.Fatalf("fed %d entries, want more to test with", got)
	}
	c.boot("n1", c.endpoint("n0"))
	c.within(5*time.Second, "exchange", func() bool { return c.nodes["n1"] != nil && c.nodes["n1"].Catalog().Len() >= got*9/10 })
}

func TestForgeriesCountAcrossLinks(t *testing.T) {
	c := newCluster(t, 14, 2)
	c.within(5*time.Second, "convergence", func() bool { return c.agree(names(2), names(2)) })
	ends := []wire.Reason{}
	c.Host("mallory").Boot(func(_ context.Context, env *runtime.Env) {
		s := env.Scheduler.Strand("test")
		for i := range 4 {
			env.Clock.AfterFunc(s, time.Duration(i)*time.Second, func() {
				var link runtime.Link
				k := &ending{f: func(r wire.Reason) { ends = append(ends, r) }}
				link = env.Transport.Dial(c.id("n0"), []string{c.Host("n0").Addr()}, runtime.Protocol{Name: gossip}, s, k)
				_, _ = link.Send(frame(slices.Repeat([][]byte{[]byte("no entry")}, 9)...))
				env.Clock.AfterFunc(s, 500*time.Millisecond, func() { link.Close(wire.Finished) })
			})
		}
	})
	c.run(10 * time.Second)
	want := []wire.Reason{wire.Finished, wire.ProtocolViolation, wire.ProtocolViolation, wire.ProtocolViolation}
	if !slices.Equal(ends, want) {
		t.Errorf("nine forgeries on each of four links: they end with %v, want %v", ends, want)
	}
}

// ending hears how a link ends.
type ending struct{ f func(wire.Reason) }

func (*ending) OnOpen()                     {}
func (*ending) OnMessage([]byte)            {}
func (*ending) OnWritable()                 {}
func (e *ending) OnClosed(c runtime.Closed) { e.f(c.Reason) }

func TestStrangersDoNotKeepPlacesOfNeighbours(t *testing.T) {
	c := newCluster(t, 15, 2)
	c.within(5*time.Second, "convergence", func() bool { return c.agree(names(2), names(2)) })
	ends := map[wire.Reason]int{}
	began := c.Now()
	for i := range 10 {
		c.Host(fmt.Sprintf("stranger%d", i)).Boot(func(_ context.Context, env *runtime.Env) {
			s := env.Scheduler.Strand("test")
			s.Post(func() {
				env.Transport.Dial(c.id("n0"), []string{c.Host("n0").Addr()}, runtime.Protocol{Name: gossip}, s, &ending{f: func(r wire.Reason) { ends[r]++ }})
			})
		})
	}
	c.within(10*time.Second, "end of the links", func() bool { return ends[wire.Overloaded]+ends[wire.UnknownPeer] == 10 })
	if ends[wire.UnknownPeer] != 4 || c.Now()-began < 5*time.Second {
		t.Errorf("ten strangers: %v after %s, want four that had 5s", ends, c.Now()-began)
	}
}

// An exchange that takes long because there is much to say over a thin line is neither
// given up nor taken for silence.
func TestThinLinesAreSlowAndNotSilent(t *testing.T) {
	c := newCluster(t, 16, 1)
	c.run(time.Second)
	at := c.nodes["n0"].Me().Version.Started
	const peers = 2000
	c.task(func(ctx context.Context) {
		for i := range peers {
			key := ident.KeyFromSeed([ident.KeySize]byte{byte(i), byte(i >> 8), 99})
			s, err := discovery.Sign(&discovery.Entry{
				Protocol: discovery.EntryProtocol, Network: c.Host("n0").Config().Network, Peer: key.PeerID(),
				Version: discovery.Version{Started: at, Updated: at},
			}, key)
			if err == nil {
				err = c.nodes["n0"].Feed(ctx, s.Raw)
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	c.run(time.Second)
	if err := c.Net.SetDefault(netsim.Path{Latency: netsim.Latency{Base: 10 * time.Millisecond}, Bandwidth: 40 << 10}); err != nil {
		t.Fatal(err)
	}
	began, most := c.Now(), int64(0)
	c.Observe(func(r *event.Record) {
		if r.Kind == event.SyncEnded {
			most = max(most, r.N)
		}
	})
	c.boot("n1", c.endpoint("n0"))
	c.within(50*time.Second, "the whole catalog", func() bool { return c.nodes["n1"] != nil && c.nodes["n1"].Catalog().Len() == peers+2 })
	if took := c.Now() - began; took < 6*time.Second {
		t.Errorf("it took %s only, which shows nothing", took)
	}
	if n := c.count(event.PeerSuspected, "n0", "n1") + c.count(event.PeerSuspected, "n1", "n0"); n != 0 {
		t.Errorf("%d suspicions", n)
	}
	c.run(5 * time.Second)
	if most < peers {
		t.Errorf("no exchange brought more than %d entries of %d", most, peers)
	}
}

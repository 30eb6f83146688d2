package fault_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
	"github.com/smalti/smalti/sim/fault"
)

// village is a world of nodes, of which the first, n0, has a producer, and n5 lies.
type village struct {
	*testing.T
	*sim.World
	nodes   map[string]*node.Node
	records []event.Record
	marks   map[string]int
}

const liar = "n5"

func newVillage(t *testing.T) *village { return villageOf(t, 7) }

func villageOf(t *testing.T, seed uint64) *village {
	v := &village{T: t, World: sim.New(sim.Config{Seed: seed}), nodes: map[string]*node.Node{}, marks: map[string]int{}}
	t.Cleanup(func() {
		if err := v.World.Close(); err != nil {
			t.Error(err)
		}
	})
	v.Observe(func(r *event.Record) {
		v.records = append(v.records, *r)
		if r.Kind == event.Mark {
			v.marks[r.Text]++
		}
	})
	for i := range 6 {
		v.boot(fmt.Sprintf("n%d", i))
	}
	v.to(5 * time.Second)
	return v
}

func (v *village) boot(name string) {
	h, first := v.Host(name), v.Host("n0")
	h.Boot(func(ctx context.Context, env *runtime.Env) {
		n, err := node.New(env, node.Config{Discovery: discovery.Config{
			Network: h.Config().Network, Key: h.Key(),
			Bootstrap: []discovery.Endpoint{{Peer: first.Key().PeerID(), Addrs: []string{first.Addr()}}},
		}})
		if err != nil {
			panic(err)
		}
		v.nodes[name] = n
		if name != "n0" {
			return
		}
		v.Publish(ident.Stream("s"))
		if _, err := stream.Produce(n.Streams(), "s", stream.ProducerConfig{MaxConsumers: 2}, stream.WithCodec[[]byte](stream.Bytes{})); err != nil {
			panic(err)
		}
	})
}

func (v *village) to(until time.Duration) {
	v.Helper()
	if err := v.World.Run(until); err != nil {
		v.Fatal(err)
	}
}

func (v *village) id(name string) ident.PeerID { return v.Host(name).Key().PeerID() }

// met counts what honest nodes said since the beginning of the attack.
func (v *village) met(is func(event.Record) bool) (n int) {
	for _, r := range v.records {
		if r.Host != liar && r.At > int64(5*time.Second) && is(r) {
			n++
		}
	}
	return n
}

// refused tells whether something of the liar was not taken for that reason.
func refused(why error) func(*village, event.Record) bool {
	return func(_ *village, r event.Record) bool {
		return r.Kind == event.EntryRefused && strings.Contains(r.Text, why.Error())
	}
}

// about tells whether a record is of a kind and about the liar.
func about(k event.Kind) func(*village, event.Record) bool {
	return func(v *village, r event.Record) bool { return r.Kind == k && r.Peer == v.id(liar) }
}

// TestLiarsHavePacesOfTheirOwn takes the time from mark to mark of a liar that tells one other
// at each turn: the least is that between two turns, give or take a round trip.
func TestLiarsHavePacesOfTheirOwn(t *testing.T) {
	const slack = 10 * time.Millisecond
	var fastest, slowest time.Duration
	for seed := range uint64(8) {
		v := villageOf(t, seed)
		f, err := fault.Parse("lure n5 n1")
		if err != nil {
			t.Fatal(err)
		}
		f.Begin(v.World)
		v.to(25 * time.Second)
		f.End(v.World)
		pace, last := time.Hour, int64(0)
		for _, r := range v.records {
			if r.Kind == event.Mark && r.Text == fault.MarkLure {
				if last > 0 {
					pace = min(pace, time.Duration(r.At-last))
				}
				last = r.At
			}
		}
		if pace < 250*time.Millisecond-slack || pace > 1500*time.Millisecond+slack {
			t.Errorf("seed %d: a turn each %s, want 250 ms to 1.5 s", seed, pace)
		}
		if fastest == 0 || pace < fastest {
			fastest = pace
		}
		slowest = max(slowest, pace)
	}
	if slowest < 2*fastest {
		t.Errorf("the paces of eight liars are all between %s and %s", fastest, slowest)
	}
}

// TestAttacksAreMet holds each Byzantine class to what honest nodes say of it.
func TestAttacksAreMet(t *testing.T) {
	stranger := func(v *village, r event.Record) bool {
		return r.Kind == event.PeerDiscovered && !slices.ContainsFunc(v.Hosts(), func(h *sim.Host) bool { return h.Key().PeerID() == r.Peer })
	}
	for text, met := range map[string]func(*village, event.Record) bool{
		"foreign n5":    refused(wire.DifferentNetwork),
		"forge n5":      refused(discovery.ErrSignature),
		"replay n5":     nil, // what is old is passed over in silence
		"future n5":     refused(discovery.ErrDrift),
		"equivocate n5": about(event.PeerUpdated),
		"accuse n5 2":   func(_ *village, r event.Record) bool { return r.Kind == event.Mark && r.Text == "discovery-refuted" },
		"suppress n5":   nil, // that it was asked is in the mark
		"lure n5 n1":    stranger,
		"sybil n5 50":   stranger,
		"silent n5":     about(event.HandshakeRefused),
		"malform n5":    about(event.HandshakeRefused),
		"besiege n5":    about(event.SubRefused),
	} {
		t.Run(text, func(t *testing.T) {
			v := newVillage(t)
			f, err := fault.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			f.Begin(v.World)
			v.to(10 * time.Second)
			must(v.nodes["n2"].Discovery().AddTags(ident.NewTag("news")))
			v.to(20 * time.Second)
			f.End(v.World)
			mark := "fault." + f.Class()
			if v.marks[mark] == 0 {
				t.Error("no mark")
			}
			if met != nil && v.met(func(r event.Record) bool { return met(v, r) }) == 0 {
				t.Error("no honest node says anything of it")
			}
			v.to(30 * time.Second)
			before := v.marks[mark]
			v.to(90 * time.Second)
			if v.marks[mark] != before {
				t.Error("it goes on after its end")
			}
			v.agree("n0", "n1", "n2", "n3", "n4")
		})
	}
}

// agree demands that all these nodes know each other.
func (v *village) agree(names ...string) {
	v.Helper()
	for _, name := range names {
		for _, other := range names {
			if _, known := v.nodes[name].Discovery().Catalog().Get(v.id(other)); !known {
				v.Errorf("%s does not know %s", name, other)
			}
		}
	}
}

func (v *village) close(name string) {
	env := v.Host(name).Env()
	env.Scheduler.Go("close", func(ctx context.Context) { _ = v.nodes[name].Close(ctx) })
}

func TestReplayBringsNobodyBack(t *testing.T) {
	v := newVillage(t)
	f, err := fault.Parse("replay n5")
	if err != nil {
		t.Fatal(err)
	}
	f.Begin(v.World)
	v.to(20 * time.Second)
	v.close("n4")
	v.to(60 * time.Second)
	f.End(v.World)
	for _, name := range []string{"n0", "n1", "n2", "n3"} {
		if _, known := v.nodes[name].Discovery().Catalog().Get(v.id("n4")); known {
			t.Errorf("%s knows n4, which left", name)
		}
	}
	v.agree("n0", "n1", "n2", "n3")
}

// TestAttackersMayCrash runs every Byzantine class on a host that crashes, comes back
// and stands still, and has it end while the host is down.
func TestAttackersMayCrash(t *testing.T) {
	for _, c := range fault.Classes() {
		f, err := fault.Parse(c.Usage)
		if err != nil {
			t.Fatal(err)
		}
		if _, byzantine := f.(fault.Attacker); !byzantine {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			v := newVillage(t)
			if f, err = fault.Parse(strings.Replace(strings.Replace(c.Usage, " a", " n5", 1), " b", " n1", 1)); err != nil {
				t.Fatal(err)
			}
			h := v.Host(liar)
			f.Begin(v.World)
			v.to(15 * time.Second)
			h.Crash()
			v.to(16 * time.Second)
			clear(v.marks)
			h.Restart()
			v.to(35 * time.Second)
			if v.marks[c.Marks[0]] == 0 {
				t.Error("no mark after the restart")
			}
			h.Pause()
			v.to(45 * time.Second)
			h.Resume()
			v.to(46 * time.Second)
			h.Crash()
			f.End(v.World)
			h.Restart()
			v.to(60 * time.Second)
			for _, name := range []string{"n0", "n1", "n2", "n3", "n4", liar} {
				v.close(name)
			}
			v.to(80 * time.Second)
			for _, h := range v.Hosts() {
				if tasks, timers, strands := h.Pending(); tasks+timers+strands > 0 {
					t.Errorf("%s has %d tasks, %d timers, %d strands with work left", h.Name(), tasks, timers, strands)
				}
			}
		})
	}
}

// must is for calls that cannot fail here.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

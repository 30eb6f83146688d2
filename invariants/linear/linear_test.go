package linear_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/smalti/smalti/invariants/linear"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

var stream = ident.Stream("s")

// log is a history: producer "p" and consumers of any name, whose node is
// called by the number behind their first letter.
type log []event.Record

func node(host string) ident.PeerID {
	var id ident.PeerID
	copy(id[:], host)
	return id
}

func (l *log) add(host string, e event.Event) {
	e.Node, e.Stream = node(host), stream
	*l = append(*l, event.Record{At: int64(len(*l)), Host: host, Event: e})
}

func (l *log) p(k event.Kind, sub uint64, peer string, r wire.Reason) {
	l.add("p", event.Event{Kind: k, Incarnation: 1, Sub: sub, Peer: node(peer), Reason: r})
}

func (l *log) opened(capacity int64) {
	l.add("p", event.Event{Kind: event.ProducerOpened, Incarnation: 1, N: capacity})
}
func (l *log) accepted(sub uint64, peer string) { l.p(event.SubAccepted, sub, peer, 0) }
func (l *log) refused(peer string)              { l.p(event.SubRefused, 0, peer, wire.NoCapacity) }
func (l *log) left(sub uint64, peer string)     { l.p(event.SubEnded, sub, peer, wire.ConnectionLost) }

func (l *log) calls(host string) {
	l.add(host, event.Event{Kind: event.Subscribing, Peer: node("p"), Sub: 1})
}

func (l *log) subscribed(host string) {
	l.add(host, event.Event{Kind: event.Subscribed, Peer: node("p"), Sub: 1, Incarnation: 1})
}

func (l *log) unsubscribed(host string, r wire.Reason) {
	l.add(host, event.Event{Kind: event.Unsubscribed, Peer: node("p"), Sub: 1, Reason: r})
}

func TestAdmissionIsACounter(t *testing.T) {
	for _, x := range []struct {
		name   string
		make   func(l *log)
		want   linear.Verdict
		detail string
	}{
		{name: "one slot, taken in turn", want: linear.Ok, make: func(l *log) {
			l.opened(1)
			l.calls("a")
			l.accepted(1, "a")
			l.subscribed("a")
			l.calls("b")
			l.refused("b")
			l.unsubscribed("b", wire.NoCapacity)
			l.left(1, "a")
			l.calls("b")
			l.accepted(2, "b")
			l.subscribed("b")
		}},
		{name: "refused while the slot becomes free", want: linear.Ok, make: func(l *log) {
			l.opened(1)
			l.accepted(1, "a")
			l.calls("b")
			l.refused("b")
			l.left(1, "a")
			l.unsubscribed("b", wire.NoCapacity)
		}},
		{name: "answers overtake each other", want: linear.Ok, make: func(l *log) {
			l.opened(1)
			l.calls("a")
			l.calls("b")
			l.accepted(1, "b")
			l.refused("a")
			l.unsubscribed("a", wire.NoCapacity)
			l.subscribed("b")
		}},
		{name: "an admission whose answer is lost takes a slot", want: linear.Ok, make: func(l *log) {
			l.opened(1)
			l.calls("a")
			l.accepted(1, "a")
			l.unsubscribed("a", wire.ConnectionLost)
			l.calls("b")
			l.refused("b")
			l.unsubscribed("b", wire.NoCapacity)
		}},
		{name: "a peer that holds slots is refused for another limit", want: linear.Ok, make: func(l *log) {
			l.opened(0)
			l.accepted(1, "a")
			l.refused("a")
		}},
		{name: "a slot is given back once", want: linear.Ok, make: func(l *log) {
			l.opened(1)
			l.accepted(1, "a")
			l.p(event.SubDraining, 1, "a", wire.TooSlow)
			l.accepted(2, "b")
			l.left(1, "a")
			l.refused("c")
		}},
		{name: "a slot that was cut and ended is one slot", want: linear.Illegal, detail: "subscribe", make: func(l *log) {
			l.opened(1)
			l.accepted(1, "a")
			l.p(event.SubDraining, 1, "a", wire.TooSlow)
			l.accepted(2, "b")
			l.left(1, "a")
			l.accepted(3, "c")
		}},
		{name: "two in one slot", want: linear.Illegal, detail: "subscribe", make: func(l *log) {
			l.opened(1)
			l.calls("a")
			l.calls("b")
			l.accepted(1, "a")
			l.accepted(2, "b")
			l.subscribed("a")
			l.subscribed("b")
		}},
		{name: "two in one slot, unconfirmed", want: linear.Illegal, detail: "subscribe", make: func(l *log) {
			l.opened(1)
			l.accepted(1, "a")
			l.accepted(2, "b")
		}},
		{name: "refused with a slot free", want: linear.Illegal, detail: "refuse", make: func(l *log) {
			l.opened(2)
			l.calls("a")
			l.accepted(1, "a")
			l.subscribed("a")
			l.calls("b")
			l.refused("b")
			l.unsubscribed("b", wire.NoCapacity)
		}},
		{name: "refused after the slot became free", want: linear.Illegal, detail: "refuse", make: func(l *log) {
			l.opened(1)
			l.accepted(1, "a")
			l.left(1, "a")
			l.calls("b")
			l.refused("b")
			l.unsubscribed("b", wire.NoCapacity)
		}},
		{name: "refused without a limit", want: linear.Illegal, detail: "refuse", make: func(l *log) {
			l.opened(0)
			l.refused("b")
		}},
		{name: "subscribed and never accepted", want: linear.Illegal, detail: "never accepted", make: func(l *log) {
			l.opened(1)
			l.calls("a")
			l.subscribed("a")
		}},
		{name: "two consumers on one host share a name", want: linear.Ok, make: func(l *log) {
			l.opened(2)
			l.calls("a")
			l.accepted(1, "a")
			l.calls("a")
			l.unsubscribed("a", wire.ConnectionLost)
			l.subscribed("a")
		}},
		{name: "too many at once", want: linear.Unknown, detail: "overlap", make: func(l *log) {
			l.opened(linear.MaxOpen)
			herd(l, linear.MaxOpen+1)
		}},
		{name: "any number at once in an order that is legal", want: linear.Ok, make: func(l *log) {
			l.opened(3 * linear.MaxOpen)
			herd(l, 3*linear.MaxOpen)
		}},
		{name: "refused without a capacity", want: linear.Illegal, detail: "refuse", make: func(l *log) {
			l.opened(0)
			l.calls("a")
			l.refused("a")
			l.unsubscribed("a", wire.NoCapacity)
		}},
		{name: "as many at once as may be", want: linear.Ok, make: func(l *log) {
			l.opened(100)
			herd(l, linear.MaxOpen)
		}},
		{name: "too many at once after a breach", want: linear.Illegal, detail: "subscribe", make: func(l *log) {
			l.opened(1)
			l.accepted(101, "x")
			l.accepted(102, "y")
			herd(l, linear.MaxOpen+1)
		}},
		{name: "too many", want: linear.Unknown, detail: "more than", make: func(l *log) {
			l.opened(1)
			for i := range linear.MaxOperations {
				l.accepted(uint64(i+1), "a")
				l.left(uint64(i+1), "a")
			}
			l.accepted(1<<20, "x")
			l.accepted(1<<21, "y") // beyond what was kept
		}},
		{name: "any number in an order that is legal", want: linear.Ok, make: func(l *log) {
			l.opened(1)
			for i := range linear.MaxOperations {
				l.accepted(uint64(i+1), "a")
				l.left(uint64(i+1), "a")
			}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			var l log
			x.make(&l)
			got := linear.Check(l)
			if len(got) != 1 || got[0].Verdict != x.want || !strings.Contains(got[0].Detail, x.detail) {
				t.Errorf("got %+v, want one verdict %s that says %q", got, x.want, x.detail)
			}
		})
	}
}

// herd is n consumers that call at once and are all admitted.
func herd(l *log, n int) {
	name := func(i int) string { return fmt.Sprintf("h%d", i) }
	for i := range n {
		l.calls(name(i))
	}
	for i := range n {
		l.accepted(uint64(i+1), name(i))
	}
	for i := range n {
		l.subscribed(name(i))
	}
}

// TestACorrectProducerIsNeverIllegal draws runs of a producer that counts
// right, with answers that are late or lost, and consumers that crash.
func TestACorrectProducerIsNeverIllegal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, 0)
		if got := linear.Check(w.log); len(got) != 1 || got[0].Verdict == linear.Illegal {
			t.Fatalf("got %+v, want Ok or Unknown of %v", got, w.log)
		}
	})
}

// TestAProducerThatCountsWrongIsIllegal is the same with one slot too many. A
// breach that nobody's open call can explain away is always found.
func TestAProducerThatCountsWrongIsIllegal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, 1)
		if got := linear.Check(w.log); w.exceeded && got[0].Verdict != linear.Illegal {
			t.Fatalf("got %+v of %v", got, w.log)
		}
	})
}

type world struct {
	log      log
	t        *rapid.T
	capacity int64
	slots    []uint64
	peers    []string // of slots
	sub      uint64
	state    map[string]string // of consumers: "", calling, accepted, refused, up
	exceeded bool              // capacity was, while no consumer waited for an answer
}

var names = []string{"a", "b", "c", "d", "e"}

func newWorld(t *rapid.T, excess int64) *world {
	w := &world{t: t, capacity: int64(rapid.IntRange(1, 3).Draw(t, "capacity")), state: map[string]string{}}
	w.log.opened(w.capacity)
	for range rapid.IntRange(0, 120).Draw(t, "steps") {
		w.step(w.capacity + excess)
		w.exceeded = w.exceeded || int64(len(w.slots)) > w.capacity && w.calm()
	}
	return w
}

func (w *world) step(capacity int64) {
	host := rapid.SampledFrom(names).Draw(w.t, "host")
	switch w.state[host] {
	case "":
		w.log.calls(host)
		w.state[host] = "calling"
	case "calling":
		switch {
		case w.holds(host):
			w.state[host] = "" // an answer was lost; the producer still counts it
			w.log.unsubscribed(host, wire.ConnectionLost)
		case int64(len(w.slots)) < capacity:
			w.sub++
			w.log.accepted(w.sub, host)
			w.slots, w.peers = append(w.slots, w.sub), append(w.peers, host)
			w.state[host] = "accepted"
		default:
			w.log.refused(host)
			w.state[host] = "refused"
		}
	case "accepted":
		if w.state[host] = ""; rapid.Bool().Draw(w.t, "lost") {
			w.log.unsubscribed(host, wire.ConnectionLost)
			return
		}
		w.log.subscribed(host)
		w.state[host] = "up"
	case "refused":
		w.log.unsubscribed(host, wire.NoCapacity)
		w.state[host] = ""
	case "up":
		w.log.unsubscribed(host, wire.ConnectionLost)
		w.state[host] = ""
	}
	if len(w.slots) > 0 && rapid.IntRange(0, 4).Draw(w.t, "leave") == 0 {
		w.log.left(w.slots[0], w.peers[0])
		w.slots, w.peers = w.slots[1:], w.peers[1:]
	}
}

func (w *world) holds(host string) bool {
	return slices.Contains(w.peers, host)
}

// calm tells whether no consumer waits for an answer.
func (w *world) calm() bool {
	for _, n := range names {
		if s := w.state[n]; s == "calling" || s == "accepted" || s == "refused" {
			return false
		}
	}
	return true
}

func BenchmarkCheck(b *testing.B) {
	var l log
	l.opened(3)
	var sub uint64
	for range linear.MaxOperations / 8 {
		for i := range 3 {
			l.calls(names[i])
			sub++
			l.accepted(sub, names[i])
		}
		for i := range 3 {
			l.subscribed(names[i])
			l.left(sub-2+uint64(i), names[i])
			l.unsubscribed(names[i], wire.ConnectionLost)
		}
	}
	for b.Loop() {
		if got := linear.Check(l); got[0].Verdict != linear.Ok {
			b.Fatalf("got %+v, want ok", got)
		}
	}
}

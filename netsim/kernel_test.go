package netsim_test

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// kernel is the least that a network runs on: a virtual clock and strands that
// share one queue.
type kernel struct {
	now    time.Duration
	seq    uint64
	queue  []func()
	timers timers
}

type timer struct {
	k     *kernel
	s     runtime.Strand
	f     func()
	at    time.Duration
	seq   uint64
	index int // -1: not armed
	era   int // of the firing that counts
}

type timers []*timer

func (h timers) Len() int { return len(h) }
func (h timers) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}

func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timers) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timers) Pop() any {
	old := *h
	t := old[len(old)-1]
	*h = old[:len(old)-1]
	t.index = -1
	return t
}

func (k *kernel) Now() time.Time      { return time.Unix(1_900_000_000, 0).UTC().Add(k.now) }
func (k *kernel) Mono() time.Duration { return k.now }

func (k *kernel) AfterFunc(s runtime.Strand, d time.Duration, f func()) runtime.Timer {
	t := &timer{k: k, s: s, f: f, index: -1}
	t.Reset(d)
	return t
}

func (k *kernel) At(s runtime.Strand, wall time.Time, f func()) runtime.Timer {
	return k.AfterFunc(s, wall.Sub(k.Now()), f)
}

func (t *timer) Stop() {
	t.era++
	if t.index >= 0 {
		heap.Remove(&t.k.timers, t.index)
	}
}

func (t *timer) Reset(d time.Duration) {
	t.Stop()
	t.k.seq++
	t.at, t.seq = t.k.now+max(0, d), t.k.seq
	heap.Push(&t.k.timers, t)
}

type strand struct{ k *kernel }

func (s strand) Post(f func())             { s.k.queue = append(s.k.queue, f) }
func (s strand) Rand(string) *runtime.Rand { panic("no randomness in the network but its own") }

// run lets d pass.
func (k *kernel) run(d time.Duration) {
	end := k.now + d
	for {
		for i := 0; i < len(k.queue); i++ {
			k.queue[i]()
		}
		k.queue = k.queue[:0]
		if len(k.timers) == 0 || k.timers[0].at > end {
			k.now = end
			return
		}
		t := heap.Pop(&k.timers).(*timer)
		k.now = t.at
		era := t.era
		t.s.Post(func() {
			if t.era == era {
				t.f()
			}
		})
	}
}

// bed is a network and what its marks said.
type bed struct {
	*kernel
	t     testing.TB
	net   *netsim.Network
	marks map[string]int
	count int
}

func newBed(t testing.TB, seed uint64, path netsim.Path) *bed {
	b := &bed{kernel: &kernel{}, t: t, marks: map[string]int{}}
	b.net = netsim.New(netsim.Config{Clock: b.kernel, Strand: strand{b.kernel}, Seed: runtime.SeedOf(seed), Default: path, Mark: func(name string) { b.marks[name]++ }})
	return b
}

func keyOf(name string) ident.Key { return ident.KeyFromSeed(runtime.SeedOf(1).Derive(name)) }

// node is a transport whose links are noted.
type node struct {
	*netsim.Transport
	b        *bed
	accepted []*end
	last     *end // accepted or dialled
	pause    bool // accepted links begin paused
}

func (b *bed) node(name string, change ...func(*netsim.EndpointConfig)) *node {
	b.t.Helper()
	b.count++
	c := netsim.EndpointConfig{Name: name, Addr: name + ":1", Key: keyOf(name), Clock: b.kernel, Instance: wire.Instance{byte(b.count)}}
	for _, f := range change {
		f(&c)
	}
	t, err := b.net.Attach(c)
	if err != nil {
		b.t.Fatal(err)
	}
	n := &node{Transport: t, b: b}
	_, err = t.Listen(runtime.Protocol{Name: "p"}, strand{b.kernel}, func(l runtime.Link) {
		e := &end{b: b, link: l}
		n.accepted = append(n.accepted, e)
		n.last = e
		l.Bind(strand{b.kernel}, e)
		if n.pause {
			l.Pause()
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (n *node) dial(to *node) *end { return n.dialAt(to.Local(), to.Addrs()...) }

func (n *node) dialAt(peer ident.PeerID, addrs ...string) *end {
	e := &end{b: n.b}
	n.last = e
	e.link = n.Dial(peer, addrs, runtime.Protocol{Name: "p"}, strand{n.b.kernel}, e)
	return e
}

// connect gives both ends of a link that is open.
func (n *node) connect(to *node) (near, far *end) {
	n.b.t.Helper()
	near = n.dial(to)
	for range 100 {
		if n.b.run(100 * time.Millisecond); near.opened {
			break
		}
	}
	if !near.opened || len(to.accepted) == 0 {
		n.b.t.Fatalf("link did not open: %v", near.closes)
	}
	return near, to.accepted[len(to.accepted)-1]
}

// end notes what a handler hears.
type end struct {
	b        *bed
	link     runtime.Link
	opened   bool
	openAt   time.Duration
	got      [][]byte
	at       []time.Duration
	writable int
	closes   []runtime.Closed
	closedAt time.Duration
}

func (e *end) OnOpen() { e.opened, e.openAt = true, e.b.now }
func (e *end) OnMessage(m []byte) {
	e.got, e.at = append(e.got, m), append(e.at, e.b.now)
}
func (e *end) OnWritable() { e.writable++ }
func (e *end) OnClosed(c runtime.Closed) {
	e.closes, e.closedAt = append(e.closes, c), e.b.now
}

func (e *end) closed(t testing.TB, r wire.Reason, local bool) {
	t.Helper()
	if len(e.closes) != 1 {
		t.Fatalf("%d ends of a link, want one: %v", len(e.closes), r)
	}
	if c := e.closes[0]; c.Reason != r || c.Local != local {
		t.Errorf("ended with %v (local %v), want %v (local %v)", c.Reason, c.Local, r, local)
	}
}

// send sends messages number from to to-1, 128 bytes each.
func (e *end) send(t testing.TB, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := e.link.Send(message(i, 128)); err != nil {
			t.Fatalf("send message %d: %v", i, err)
		}
	}
}

func message(i, size int) []byte {
	m := make([]byte, size)
	binary.BigEndian.PutUint32(m, uint32(i))
	return m
}

// numbers gives which messages arrived, as "0-9".
func (e *end) numbers() string {
	var list []int
	for _, m := range e.got {
		list = append(list, int(binary.BigEndian.Uint32(m)))
	}
	if len(list) > 0 && slices.IsSorted(list) && list[len(list)-1]-list[0] == len(list)-1 {
		return fmt.Sprintf("%d-%d", list[0], list[len(list)-1])
	}
	return fmt.Sprint(list)
}

func fixed(d time.Duration) netsim.Path { return netsim.Path{Latency: netsim.Latency{Base: d}} }

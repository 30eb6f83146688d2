package quicnet_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/live"
	"github.com/smalti/smalti/runtime/quicnet"
	"github.com/smalti/smalti/runtime/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	proto = "test/1"
	// patience bounds every wait of a test.
	patience = 20 * time.Second
)

// node is a transport with what it reported, for tests.
type node struct {
	*quicnet.Transport
	t      *testing.T
	sched  *live.Scheduler
	strand runtime.Strand

	mu     sync.Mutex
	events []event.Event
	grew   chan struct{}
}

func keyOf(name string) ident.Key {
	var seed [32]byte
	copy(seed[:], name)
	return ident.KeyFromSeed(seed)
}

func start(t *testing.T, name string, adjust ...func(c *quicnet.Config)) *node {
	t.Helper()
	n := &node{t: t, sched: live.NewScheduler(live.SchedulerConfig{}), grew: make(chan struct{}, 1)}
	n.strand = n.sched.Strand(name)
	c := quicnet.Config{Key: keyOf(name), Network: ident.Network("test"), Clock: live.NewClock(nil), Observer: n}
	for _, f := range adjust {
		f(&c)
	}
	transport, err := quicnet.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	n.Transport = transport
	n.SetKnown(everyone)
	t.Cleanup(func() {
		n.Close()
		n.sched.Stop()
		n.sched.Wait()
	})
	return n
}

func everyone(ident.PeerID) bool { return true }

func (n *node) Event(e event.Event) {
	n.mu.Lock()
	n.events = append(n.events, e)
	n.mu.Unlock()
	select {
	case n.grew <- struct{}{}:
	default:
	}
}

func (n *node) count(k event.Kind, r wire.Reason) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.events {
		if e.Kind == k && (r == wire.None || e.Reason == r) {
			count++
		}
	}
	return count
}

func (n *node) sessions() int {
	return n.count(event.SessionUp, wire.None) - n.count(event.SessionDown, wire.None)
}

// until waits for something that n reports.
func (n *node) until(what string, ok func() bool) {
	n.t.Helper()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-n.grew:
		case <-deadline:
			n.t.Fatalf("no %s; events: %v", what, n.events)
		}
	}
}

// do runs f on the strand.
func (n *node) do(f func()) {
	done := make(chan struct{})
	n.strand.Post(func() { f(); close(done) })
	<-done
}

// end is one end of a link and what its handler heard.
type end struct {
	n        *node
	link     runtime.Link
	open     chan struct{}
	messages chan []byte
	writable chan struct{}
	closed   chan runtime.Closed
}

func newEnd(n *node) *end {
	return &end{n: n, open: make(chan struct{}), messages: make(chan []byte, 1<<16), writable: make(chan struct{}, 64), closed: make(chan runtime.Closed, 2)}
}

func (e *end) OnOpen()                   { close(e.open) }
func (e *end) OnMessage(m []byte)        { e.messages <- m }
func (e *end) OnWritable()               { e.writable <- struct{}{} }
func (e *end) OnClosed(c runtime.Closed) { e.closed <- c }

func await[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("no %s", what)
	}
	return v
}

func (e *end) awaitClosed() runtime.Closed { return await(e.n.t, "OnClosed", e.closed) }

func (e *end) do(f func(l runtime.Link)) { e.n.do(func() { f(e.link) }) }

// listen accepts links; each is bound at once.
func (n *node) listen() <-chan *end {
	accepted := make(chan *end, 64)
	_, err := n.Listen(runtime.Protocol{Name: proto}, n.strand, func(l runtime.Link) {
		e := newEnd(n)
		e.link = l
		l.Bind(n.strand, e)
		accepted <- e
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return accepted
}

func (n *node) dial(to *node) *end {
	return n.dialAt(to.Local(), to.Addrs())
}

func (n *node) dialAt(peer ident.PeerID, addrs []string) *end {
	e := newEnd(n)
	n.do(func() { e.link = n.Dial(peer, addrs, runtime.Protocol{Name: proto}, n.strand, e) })
	return e
}

// pair connects two nodes by one link.
func pair(t *testing.T) (near, far *end) {
	t.Helper()
	x, y := start(t, "x"), start(t, "y")
	accepted := y.listen()
	near = x.dial(y)
	await(t, "open", near.open)
	return near, await(t, "accepted link", accepted)
}

func (e *end) send(messages ...[]byte) {
	e.n.t.Helper()
	for len(messages) > 0 {
		var n int
		var err error
		e.do(func(l runtime.Link) { n, err = l.Send(messages...) })
		messages = messages[n:]
		switch {
		case err == nil:
		case errors.Is(err, runtime.ErrFull):
			await(e.n.t, "OnWritable", e.writable)
		default:
			e.n.t.Fatal(err)
		}
	}
}

func (e *end) expect(count int, size int) {
	e.n.t.Helper()
	for i := range count {
		m := await(e.n.t, fmt.Sprintf("message %d", i), e.messages)
		if want := message(i, size); string(m) != string(want) {
			e.n.t.Fatalf("message %d: %d bytes %.20q, want %d bytes %.20q", i, len(m), m, len(want), want)
		}
	}
}

func message(i, size int) []byte {
	m := make([]byte, size)
	copy(m, fmt.Sprintf("%d ", i))
	return m
}

func batch(count, size int) (list [][]byte) {
	for i := range count {
		list = append(list, message(i, size))
	}
	return list
}

package node_test

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/live"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/quicnet"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// The tests of this file hold a node that was made with the fewest options to what
// SECURITY.md says of every node.

// sessionCounter counts the sessions that are up, and the most there were.
type sessionCounter struct {
	mu             sync.Mutex
	up, most, full int
}

func (c *sessionCounter) Event(e event.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.Kind {
	case event.SessionUp:
		c.up++
		c.most = max(c.most, c.up)
	case event.SessionDown:
		c.up--
	case event.SessionRefused:
		if e.Reason == wire.Overloaded {
			c.full++
		}
	}
}

// realEnv makes what a real node runs on, with the fewest options.
func realEnv(t *testing.T, key ident.Key, observer runtime.Observer) *runtime.Env {
	t.Helper()
	env := &runtime.Env{Clock: live.NewClock(nil), Scheduler: live.NewScheduler(live.SchedulerConfig{}), Observer: observer}
	transport, err := quicnet.Listen(quicnet.Config{Key: key, Network: ident.Network("n1"), Clock: env.Clock, Observer: observer})
	if err != nil {
		t.Fatal(err)
	}
	env.Transport = transport
	t.Cleanup(func() {
		transport.Close()
		env.Clock.(*live.Clock).Stop()
		env.Scheduler.(*live.Scheduler).Stop()
	})
	return env
}

func newKey(t *testing.T) ident.Key {
	t.Helper()
	key, err := ident.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func plainNode(t *testing.T, observer runtime.Observer, bootstrap ...discovery.Endpoint) *node.Node {
	t.Helper()
	key := newKey(t)
	n, err := node.New(realEnv(t, key, observer), node.Config{Discovery: discovery.Config{Network: ident.Network("n1"), Key: key, Bootstrap: bootstrap}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// stranger is a peer that proves its identity and says nothing of discovery.
type stranger struct {
	env    *runtime.Env
	strand runtime.Strand
}

func newStranger(t *testing.T) *stranger {
	t.Helper()
	env := realEnv(t, newKey(t), nil)
	return &stranger{env, env.Scheduler.Strand("stranger")}
}

// strangersLink is a link of a stranger; it takes no part in anything.
type strangersLink struct{ closed chan runtime.Closed }

func (strangersLink) OnOpen()                     {}
func (strangersLink) OnMessage([]byte)            {}
func (strangersLink) OnWritable()                 {}
func (l strangersLink) OnClosed(c runtime.Closed) { l.closed <- c }

// dial opens a link to n that says messages, and returns what ends it.
func (s *stranger) dial(n *node.Node, proto string, messages ...[]byte) <-chan runtime.Closed {
	l := strangersLink{make(chan runtime.Closed, 1)}
	s.strand.Post(func() {
		link := s.env.Transport.Dial(n.ID(), n.Endpoint().Addrs, runtime.Protocol{Name: proto}, s.strand, l)
		_, _ = link.Send(messages...)
	})
	return l.closed
}

// insist dials n again whenever the link has ended, until the test is over. A silent link ends
// after seconds, in which a busy machine may not connect all strangers of a test.
func (s *stranger) insist(ctx context.Context, n *node.Node, proto string) {
	go func() {
		for ctx.Err() == nil {
			select {
			case c := <-s.dial(n, proto):
				_ = c // whatever ended it
			case <-ctx.Done():
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
}

func TestUnknownPeersShareFewSessions(t *testing.T) {
	t.Parallel()
	var c sessionCounter
	n := plainNode(t, &c)
	const more = 16
	for range quicnet.DefaultStrangers + more {
		newStranger(t).insist(t.Context(), n, stream.Protocol)
	}
	until(t, "unknown peers that are refused", func() bool { // that many have no place
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.full >= more
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most > quicnet.DefaultStrangers {
		t.Errorf("%d unknown peers had sessions at a time, want at most %d", c.most, quicnet.DefaultStrangers)
	}
}

func TestPeersHaveAPlaceBesideUnknownOnes(t *testing.T) {
	t.Parallel()
	var c sessionCounter
	n := plainNode(t, &c)
	member := plainNode(t, nil, n.Endpoint())
	until(t, "a member", func() bool { return n.Discovery().Catalog().Len() == 2 && member.Discovery().Catalog().Len() == 2 })
	for range quicnet.DefaultStrangers + 4 {
		newStranger(t).insist(t.Context(), n, stream.Protocol)
	}
	until(t, "unknown peers that are refused", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.full > 0
	})
	p, err := stream.Produce[string](n.Streams(), "prices", stream.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	in, err := stream.Consume[string](member.Streams(), "prices", stream.ConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := p.Send(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	if d, err := in.Recv(ctx); err != nil || d.Value != "x" {
		t.Errorf("a member gets %q, %v while unknown peers fill their places", d.Value, err)
	}
}

func TestUnknownPeerHasFewLinks(t *testing.T) {
	t.Parallel()
	n := plainNode(t, nil)
	s := newStranger(t)
	const more = 5
	ends := make(chan runtime.Closed, wire.StrangerLinks+more)
	for range wire.StrangerLinks + more {
		c := s.dial(n, stream.Protocol)
		go func() { ends <- <-c }()
	}
	for i := range more {
		select {
		case c := <-ends:
			if c.Reason != wire.Overloaded {
				t.Errorf("a link of an unknown peer ended with %v, want overloaded", c.Reason)
			}
		case <-time.After(2 * time.Second): // before those that say nothing are given up
			t.Fatalf("%d of %d links were refused, want %d", i, wire.StrangerLinks+more, more)
		}
	}
}

// What a peer says first, and what it says to discovery, is short.
func TestMessagesOfPeersAreBounded(t *testing.T) {
	t.Parallel()
	n := plainNode(t, nil)
	for _, x := range []struct {
		proto string
		size  int
		want  wire.Reason
	}{
		{stream.Protocol, wire.MaxHandshake + 1, wire.ProtocolViolation},
		{discovery.Protocol, wire.MaxControl + 1, wire.TooLarge},
		{discovery.PingProtocol, wire.MaxControl + 1, wire.TooLarge},
		{discovery.GossipProtocol, wire.MaxControl + 1, wire.TooLarge},
	} {
		select {
		case c := <-newStranger(t).dial(n, x.proto, make([]byte, x.size)):
			if c.Reason != x.want {
				t.Errorf("%s: a first message of %d bytes ended the link with %v, want %v", x.proto, x.size, c.Reason, x.want)
			}
		case <-time.After(4 * time.Second):
			t.Errorf("%s: a first message of %d bytes was taken", x.proto, x.size)
		}
	}
}

// until waits for something that is true soon.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for began := time.Now(); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("no %s within 10s", what)
		}
	}
}

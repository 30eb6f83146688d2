package quicnet_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/live"
	"github.com/smalti/smalti/runtime/quicnet"
	"github.com/smalti/smalti/runtime/wire"
)

func TestBothSidesReportARefusalWithItsReason(t *testing.T) {
	for want, adjust := range map[wire.Reason]func(c *quicnet.Config){
		wire.DifferentNetwork: func(c *quicnet.Config) { c.Network = ident.Network("other") },
		wire.NotMember:        func(c *quicnet.Config) { c.Secrets = []wire.Secret{{1}} },
		wire.VersionMismatch:  func(c *quicnet.Config) { c.VersionMin, c.VersionMax = 7, 9 },
	} {
		x, y := start(t, "x"), start(t, "y", adjust)
		if c := x.dial(y).awaitClosed(); c.Reason != want {
			t.Errorf("got %v, want %v", c, want)
		}
		for _, n := range []*node{x, y} {
			n.until("refusal for "+want.String(), func() bool { return n.count(event.SessionRefused, want) > 0 })
			if up := n.count(event.SessionUp, wire.None); up != 0 {
				t.Errorf("%v: %d sessions were up", want, up)
			}
		}
		if want == wire.VersionMismatch {
			x.mu.Lock()
			for _, e := range x.events {
				if e.Kind == event.SessionRefused && (!strings.Contains(e.Text, "1 to 1") || !strings.Contains(e.Text, "7 to 9")) {
					t.Errorf("the refusal does not name both ranges: %q", e.Text)
				}
			}
			x.mu.Unlock()
		}
	}
}

func TestOwnKeyIsNoPeer(t *testing.T) {
	x, twin := start(t, "x"), start(t, "x")
	if c := x.dial(x).awaitClosed(); c.Reason != wire.DialFailed {
		t.Errorf("dial to oneself: %v", c)
	}
	if c := x.dialAt(twin.Local(), twin.Addrs()).awaitClosed(); c.Reason != wire.DialFailed {
		t.Errorf("dial to a twin: %v", c)
	}
}

func TestConnectionLimitRefusesWithOverloaded(t *testing.T) {
	y := start(t, "y", func(c *quicnet.Config) { c.Connections = 1 })
	y.listen()
	first := start(t, "a").dial(y)
	await(t, "open", first.open)
	if c := start(t, "b").dial(y).awaitClosed(); c.Reason != wire.Overloaded {
		t.Errorf("second connection of one: %v, want overloaded", c)
	}
	first.do(func(l runtime.Link) {
		if _, err := l.Send([]byte("x")); err != nil {
			t.Errorf("the first connection was harmed: %v", err)
		}
	})
}

func TestStrangersAreBoundedAndKnownPeersAreNot(t *testing.T) {
	known := keyOf("friend").PeerID()
	y := start(t, "y", func(c *quicnet.Config) {
		c.Strangers = 1
	})
	y.SetKnown(func(id ident.PeerID) bool { return id == known })
	y.listen()
	await(t, "open", start(t, "a").dial(y).open)
	if c := start(t, "b").dial(y).awaitClosed(); c.Reason != wire.Overloaded {
		t.Errorf("second stranger of one: %v, want overloaded", c)
	}
	await(t, "open", start(t, "friend").dial(y).open)
}

// Everyone is a stranger at its first session, over which its entry comes.
func TestStrangerThatBecomesKnownFreesItsPlace(t *testing.T) {
	var met atomic.Bool
	first := keyOf("a").PeerID()
	y := start(t, "y", func(c *quicnet.Config) {
		c.Strangers = 1
	})
	y.SetKnown(func(id ident.PeerID) bool { return id == first && met.Load() })
	y.listen()
	await(t, "open", start(t, "a").dial(y).open)
	met.Store(true)
	await(t, "open", start(t, "b").dial(y).open)
	if c := start(t, "c").dial(y).awaitClosed(); c.Reason != wire.Overloaded {
		t.Errorf("second stranger of one: %v, want overloaded", c)
	}
}

func TestAddressesAreValidatedUnderLoad(t *testing.T) {
	// With room for one half-open connection everybody after a silent peer
	// gets a Retry, and is served all the same.
	y := start(t, "y", func(c *quicnet.Config) { c.HalfOpen = 1 })
	y.listen()
	for _, name := range []string{"a", "b", "c"} {
		await(t, "open", start(t, name).dial(y).open)
	}
}

func TestDialFindsTheOneGoodAddress(t *testing.T) {
	x, y, other := start(t, "x"), start(t, "y"), start(t, "other")
	y.listen()
	addrs := []string{"nonsense", other.Addrs()[0], "host.invalid:1", y.Addrs()[0]}
	await(t, "open", x.dialAt(y.Local(), addrs).open)
}

func TestDialsWaitForEachOther(t *testing.T) {
	x := start(t, "x", func(c *quicnet.Config) { c.Dials = 1 })
	for _, name := range []string{"a", "b", "c"} {
		y := start(t, name)
		y.listen()
		e := x.dial(y)
		await(t, "open", e.open)
	}
	if got := x.sessions(); got != 3 {
		t.Errorf("%d sessions, want 3", got)
	}
}

func TestOwnDialsCountAgainstTheConnectionLimit(t *testing.T) {
	x := start(t, "x", func(c *quicnet.Config) { c.Connections = 1 })
	y, z := start(t, "y"), start(t, "z")
	y.listen()
	z.listen()
	await(t, "open", x.dial(y).open)
	if c := x.dial(z).awaitClosed(); c.Reason != wire.Overloaded {
		t.Errorf("second connection of one: %v, want overloaded", c)
	}
}

func TestIdleSessionsMakeRoom(t *testing.T) {
	for what, limit := range map[string]func(*quicnet.Config){
		"connections": func(c *quicnet.Config) { c.Connections = 2 },
		"strangers":   func(c *quicnet.Config) { c.Strangers = 2 },
	} {
		y := start(t, "y", limit)
		y.SetKnown(func(ident.PeerID) bool { return what == "connections" })
		y.listen()
		a, b := start(t, "a"), start(t, "b")
		idle, busy := a.dial(y), b.dial(y)
		await(t, "open", idle.open)
		await(t, "open", busy.open)
		idle.do(func(l runtime.Link) { l.Close(wire.Finished) })
		_ = idle.awaitClosed()
		// The first dial may be refused before there is room.
		next := start(t, "c")
		for began := time.Now(); ; {
			l := next.dial(y)
			select {
			case <-l.open:
			case c := <-l.closed:
				if c.Reason != wire.Overloaded || time.Since(began) > patience {
					t.Fatalf("%s: a peer for whom there is room: %v", what, c)
				}
				continue
			}
			break
		}
		a.until("end of the idle session", func() bool { return a.count(event.SessionDown, wire.Finished) == 1 })
		busy.do(func(l runtime.Link) {
			if _, err := l.Send([]byte("x")); err != nil {
				t.Errorf("%s: the session in use was harmed: %v", what, err)
			}
		})
		if c := start(t, "d").dial(y).awaitClosed(); c.Reason != wire.Overloaded {
			t.Errorf("%s: one more, while all are in use: %v, want overloaded", what, c)
		}
	}
}

// An operator learns from the event which addresses were tried, and what was wrong there.
func TestFailedDialNamesEachAddress(t *testing.T) {
	t.Parallel()
	x, other := start(t, "x", func(c *quicnet.Config) { c.HandshakeTimeout = 500 * time.Millisecond }), start(t, "other")
	silent, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	at := silent.LocalAddr().String()
	for _, c := range []struct {
		addrs []string
		want  []string
	}{
		{[]string{at, "[::1]:9", "nonsense"}, []string{at + ": no answer within 500ms", "[::1]:9: ", `"nonsense" is not HOST:PORT`}},
		{other.Addrs(), []string{"peer " + other.Local().Short() + " answers at " + other.Addrs()[0]}},
	} {
		before := x.count(event.SessionRefused, wire.None)
		_ = x.dialAt(keyOf("nobody").PeerID(), c.addrs).awaitClosed()
		x.until("report", func() bool { return x.count(event.SessionRefused, wire.None) > before })
		x.mu.Lock()
		text := ""
		for _, e := range x.events {
			if e.Kind == event.SessionRefused {
				text = e.Text
			}
		}
		x.mu.Unlock()
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("dial to %q: told %q, want %q in it", c.addrs, text, want)
			}
		}
	}
}

// A peer that takes its time for each link answers three times as many as are opened at once.
// The last ones wait for longer than it may take for one.
func TestLinksWaitWhileThePeerAnswersOthers(t *testing.T) {
	t.Parallel()
	x := start(t, "x", func(c *quicnet.Config) { c.LinkTimeout = 3 * time.Second })
	y := start(t, "y")
	clock := live.NewClock(nil)
	defer clock.Stop()
	_, err := y.Listen(runtime.Protocol{Name: proto}, y.strand, func(l runtime.Link) {
		clock.AfterFunc(y.strand, 2*time.Second, func() { l.Bind(y.strand, newEnd(y)) })
	})
	if err != nil {
		t.Fatal(err)
	}
	var ends []*end
	for range 96 {
		ends = append(ends, x.dial(y))
	}
	for i, e := range ends {
		select {
		case <-e.open:
		case c := <-e.closed:
			t.Fatalf("link %d of %d: %v", i+1, len(ends), c)
		case <-time.After(patience):
			t.Fatalf("link %d of %d neither opens nor ends", i+1, len(ends))
		}
	}
}

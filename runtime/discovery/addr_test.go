package discovery

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

func TestAddressesThatNameNoHostAreRefused(t *testing.T) {
	for _, addr := range []string{
		"0.0.0.0:4000", "[::]:4000", "[::ffff:0.0.0.0]:4000", "224.0.0.1:4000", "[ff02::1]:4000", "[::ffff:224.0.0.1]:4000",
		"255.255.255.255:4000", "[::ffff:255.255.255.255]:4000", "10.0.0.1:0", "[fe80::1%eth0]:4000", "host.example:4000", "10.0.0.1", "",
	} {
		if err := checkAddr(addr); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: got %v, want %v", addr, err, ErrAddress)
		}
	}
	for _, addr := range []string{"10.0.0.1:1", "[fe80::1]:4000", "192.0.2.255:65535"} {
		if err := checkAddr(addr); err != nil {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

func TestPortsOfOtherServicesAreNotDialled(t *testing.T) {
	addrs := []string{"10.0.0.1:4700", "10.0.0.2:22", "10.0.0.2:1023", "10.0.0.2:1024", "[2001:db8::1]:53", "[2001:db8::1]:4700"}
	for port, want := range map[int][]string{0: {addrs[3], addrs[5]}, 1: addrs[1:], 4000: {addrs[5]}} {
		b := newBed(t, func(_ *bed, c *Config) { c.MinPort = port })
		key := testKey(2)
		if err := b.hear(b.signed(key, 0, func(e *Entry) { e.Addrs = addrs }), key.PeerID()); err != nil {
			t.Fatal(err)
		}
		p, _ := b.Catalog().Get(key.PeerID())
		if got := b.Dialable(p); !slices.Equal(got, want) {
			t.Errorf("MinPort %d: %q may be dialled, want %q", port, got, want)
		}
		if got := b.worker.addrs(key.PeerID(), nil); !slices.Equal(got, want) {
			t.Errorf("MinPort %d: %q are dialled, want %q", port, got, want)
		}
	}
}

func TestTransportThatPeersWouldNotDialIsRefused(t *testing.T) {
	for addr, x := range map[string]struct {
		port int
		ok   bool
	}{
		"10.0.0.1:1023":     {0, false},
		"10.0.0.1:1024":     {0, true},
		"10.0.0.1:443":      {443, true},
		"node.example:4700": {0, false},
		"0.0.0.0:4700":      {0, false},
	} {
		b := &bed{t: t, store: map[string][]byte{}, addrs: []string{"10.0.0.1:4700", addr}, key: testKey(1)}
		env := &runtime.Env{Clock: b, Scheduler: b, Transport: b, Store: b, Observer: b}
		_, err := New(env, Config{Network: testNetwork, Key: b.key, MinPort: x.port})
		if x.ok != (err == nil) || !x.ok && (!errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), addr)) {
			t.Errorf("%s, MinPort %d: got %v, want no error: %t", addr, x.port, err, x.ok)
		}
	}
}

// A peer that moved, or lies about where it is, is still there where the operator said.
func TestBootstrapPeersAreDialledWhereTheyWereGiven(t *testing.T) {
	key := testKey(2)
	signed, given := []string{"10.0.9.1:4700"}, []string{"seed.example:4700", "10.0.0.2:22"}
	b := newBed(t, func(_ *bed, c *Config) {
		c.Bootstrap, c.Limits.Addrs = []Endpoint{{Peer: key.PeerID(), Addrs: given}}, 16
	})
	check := func(want ...string) {
		t.Helper()
		if err := b.hear(b.signed(key, 0, func(e *Entry) { e.Addrs = signed }), key.PeerID()); err != nil {
			t.Fatal(err)
		}
		p, _ := b.Catalog().Get(key.PeerID())
		if got := b.Dialable(p); !slices.Equal(got, want) {
			t.Errorf("%q may be dialled, want %q", got, want)
		}
	}
	check("10.0.9.1:4700", given[0], given[1])
	if err := b.Discovery.Dial(Endpoint{Peer: key.PeerID(), Addrs: []string{"10.0.0.3:4700"}}); err != nil {
		t.Fatal(err)
	}
	check("10.0.9.1:4700", given[0], given[1], "10.0.0.3:4700")
	for i := range 15 {
		signed = append(signed, fmt.Sprintf("10.0.1.%d:4700", i))
	}
	check(append(slices.Clone(signed[:13]), given[0], given[1], "10.0.0.3:4700")...)
}

// A dial that this node itself held back says nothing about the peer.
func TestWithheldDialsAreNoEvidence(t *testing.T) {
	b := newBed(t, nil)
	v := b.member(testKey(2))
	b.member(testKey(3))
	peer := testKey(2).PeerID()
	if err := b.said(testKey(3), peer, v); err != nil {
		t.Fatal(err)
	}
	for range strikes + 1 {
		b.worker.contact(peer, wire.DialWithheld)
	}
	if s := b.worker.suspects[peer]; s == nil || s.failed || s.reached != 0 {
		t.Errorf("after dials that were withheld: %+v, want a suspect neither reached nor failed", s)
	}
	if f := b.worker.failures[peer]; f == nil || f.until == 0 {
		t.Error("it is dialled again at once")
	}
}

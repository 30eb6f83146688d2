package quicnet_test

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/live"
	"github.com/smalti/smalti/runtime/quicnet"
)

func valid() quicnet.Config {
	return quicnet.Config{Key: keyOf("x"), Network: ident.Network("test"), Clock: live.NewClock(nil)}
}

func TestValidateNamesEveryFault(t *testing.T) {
	if err := valid().Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	for want, spoil := range map[string]func(c *quicnet.Config){
		"no key":          func(c *quicnet.Config) { c.Key = ident.Key{} },
		"no network":      func(c *quicnet.Config) { c.Network = ident.NetworkID{} },
		"no clock":        func(c *quicnet.Config) { c.Clock = nil },
		"versions 3 to 2": func(c *quicnet.Config) { c.VersionMin, c.VersionMax = 3, 2 },
		"Linger":          func(c *quicnet.Config) { c.Linger = -1 },
		"KeepAlive":       func(c *quicnet.Config) { c.KeepAlive, c.IdleTimeout = time.Second, time.Second },
		"Dials":           func(c *quicnet.Config) { c.Dials = -1 },
		"LinkWindow":      func(c *quicnet.Config) { c.LinkWindow = 1<<30 + 1 },
		"SendBytes":       func(c *quicnet.Config) { c.SendBytes = -1 },
		"not HOST:PORT":   func(c *quicnet.Config) { c.Advertise = []string{"host:0"} },
	} {
		c := valid()
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
		if tr, err := quicnet.Listen(c); err == nil {
			tr.Close()
			t.Errorf("%s: Listen took it", want)
		}
	}
	c := valid()
	c.Key, c.Dials = ident.Key{}, -1
	if err := c.Validate(); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("two faults: %v", err)
	}
}

func TestAddressesAreWhatPeersCanReach(t *testing.T) {
	if got := start(t, "loopback").Addrs(); len(got) != 1 || !strings.HasPrefix(got[0], "127.0.0.1:") {
		t.Errorf("bound to loopback: %v", got)
	}
	wildcard := start(t, "wildcard", func(c *quicnet.Config) { c.Listen = "0.0.0.0:0" }).Addrs()
	for _, addr := range wildcard {
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() {
			t.Errorf("bound to the wildcard: %s is advertised", addr)
		}
	}
	want := []string{"example.org:4433", "10.0.0.1:4433"}
	got := start(t, "told", func(c *quicnet.Config) { c.Listen, c.Advertise = "0.0.0.0:0", want }).Addrs()
	if !slices.Equal(got, want) {
		t.Errorf("advertised %v, want %v", got, want)
	}
}

func TestListenFailsOnAnAddressInUse(t *testing.T) {
	x := start(t, "x")
	c := valid()
	c.Listen = x.Addrs()[0]
	if tr, err := quicnet.Listen(c); err == nil {
		tr.Close()
		t.Error("two transports on one address")
	} else if !errors.As(err, new(*net.OpError)) {
		t.Errorf("%v, want the cause of the system", err)
	}
}

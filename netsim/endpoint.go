package netsim

import (
	"errors"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// EndpointConfig makes the Transport of one host. Name, Addr, Key and Clock
// must be set; zero limits and time-outs take the default in parentheses.
type EndpointConfig struct {
	Name     string // of the host, which paths and faults are told by
	Addr     string // what peers dial, as in "10.0.0.1:4700"
	Key      ident.Key
	Network  ident.NetworkID
	Secrets  []wire.Secret // the first is proven, all are accepted; none: everyone is a member
	Instance wire.Instance // of this start of the process
	Clock    runtime.Clock // the host's, for RTT.At and events
	Observer runtime.Observer
	// Bugs has the transport behave as badly as it may, where it decides so; nil: never.
	Bugs *runtime.Bugs

	VersionMin, VersionMax uint16 // (wire.VersionMin, wire.VersionMax)

	SendMessages int // (wire.SendMessages)
	SendBytes    int // (wire.SendBytes)
	// LinkWindow is what a peer may have sent on a link before its handler took it, in
	// bytes (wire.LinkWindow). Where a session has many links, new ones get less, see
	// wire.Window.
	LinkWindow   int
	LinksPerPeer int // that one side of a session may open (wire.LinksPerPeer)
	MaxUnbound   int // accepted links that nobody bound yet (DefaultUnbound)
	MaxSessions  int // (DefaultSessions)

	HandshakeTimeout time.Duration // (wire.DefaultHandshakeTimeout)
	HelloTimeout     time.Duration // (wire.DefaultHelloTimeout)
	LinkTimeout      time.Duration // (wire.DefaultLinkTimeout)
	IdleTimeout      time.Duration // (wire.DefaultIdleTimeout)
	KeepAlive        time.Duration // (wire.DefaultKeepAlive, at most half of IdleTimeout)
	Linger           time.Duration // (wire.DefaultLinger)
}

// Defaults of EndpointConfig that package wire does not name.
const (
	DefaultUnbound  = 64   // four peers with all their links
	DefaultSessions = 4096 // connections in all
)

func or[T int | uint16 | time.Duration](v *T, standard T) {
	if *v == 0 {
		*v = standard
	}
}

func (c EndpointConfig) withDefaults() EndpointConfig {
	or(&c.VersionMin, wire.VersionMin)
	or(&c.VersionMax, max(c.VersionMin, wire.VersionMax))
	or(&c.SendMessages, wire.SendMessages)
	or(&c.SendBytes, wire.SendBytes)
	or(&c.LinkWindow, wire.LinkWindow)
	or(&c.LinksPerPeer, wire.LinksPerPeer)
	or(&c.MaxUnbound, DefaultUnbound)
	or(&c.MaxSessions, DefaultSessions)
	or(&c.HandshakeTimeout, wire.DefaultHandshakeTimeout)
	or(&c.HelloTimeout, wire.DefaultHelloTimeout)
	or(&c.LinkTimeout, wire.DefaultLinkTimeout)
	or(&c.IdleTimeout, wire.DefaultIdleTimeout)
	or(&c.KeepAlive, wire.DefaultKeepAlive)
	c.KeepAlive = min(c.KeepAlive, c.IdleTimeout/2)
	or(&c.Linger, wire.DefaultLinger)
	return c
}

// Validate tells what is wrong with c, all of it. Zero limits are right.
func (c EndpointConfig) Validate() error {
	var faults []error
	if c.Name == "" || c.Addr == "" {
		faults = append(faults, errors.New("name and address must not be empty"))
	}
	if c.Key.IsZero() {
		faults = append(faults, errors.New("no key"))
	}
	if c.Clock == nil {
		faults = append(faults, errors.New("no clock"))
	}
	if c.VersionMin > c.VersionMax {
		faults = append(faults, errors.New("versions: lowest above highest"))
	}
	if min(c.SendMessages, c.SendBytes, c.LinkWindow, c.LinksPerPeer, c.MaxUnbound, c.MaxSessions) < 0 {
		faults = append(faults, errors.New("a limit below zero"))
	}
	if min(c.HandshakeTimeout, c.HelloTimeout, c.LinkTimeout, c.IdleTimeout, c.KeepAlive, c.Linger) < 0 {
		faults = append(faults, errors.New("a time-out below zero"))
	}
	return errors.Join(faults...)
}

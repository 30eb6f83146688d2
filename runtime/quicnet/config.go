package quicnet

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Defaults that are quicnet's own.
const (
	// DefaultConnections is the most connections in all: 4,096 cost some
	// 200 MB of QUIC state when idle.
	DefaultConnections = 4096
	// DefaultStrangers is the most sessions with unknown peers.
	DefaultStrangers = 64
	// DefaultHalfOpen is how many connections may be without a finished hello
	// before new ones must prove their address first (Retry, RFC 9000, 8.1.2).
	DefaultHalfOpen = 128
	// DefaultUnbound is the most accepted links of one protocol that nobody
	// has bound yet.
	DefaultUnbound = 64
	// DefaultReopenTimeout outlasts a network service that restarts and a suspended machine
	// that comes back.
	DefaultReopenTimeout = time.Minute
	// maxAddrs is how many addresses of a peer a dial tries.
	maxAddrs = 16
)

// Config configures a Transport. Key, Network and Clock must be set; zero
// means the default everywhere else. Times are durations, sizes are bytes.
type Config struct {
	Key     ident.Key
	Network ident.NetworkID
	// Secrets prove membership: the first is used to prove, all are accepted.
	// None: everybody is a member.
	Secrets []wire.Secret
	// VersionMin and VersionMax default to wire.VersionMin and wire.VersionMax.
	VersionMin, VersionMax uint16
	// Instance names this run of the process; zero: drawn from the system.
	Instance wire.Instance

	// Listen is the UDP address to bind, "127.0.0.1:0" by default.
	Listen string
	// Advertise replaces the addresses that Addrs finds out.
	Advertise []string
	// ListenPacket opens the socket at an address, at first that of Listen. It is called
	// again, with the address that was bound, when reads of the socket fail. Nil: a UDP
	// socket, for IPv4 and IPv6 if the address has neither.
	ListenPacket func(address string) (net.PacketConn, error)
	// ReopenTimeout is how long a failed socket is tried to be opened again, at least once
	// a second, before the transport fails.
	ReopenTimeout time.Duration

	// Clock stamps events and RTT readings.
	Clock runtime.Clock
	// Observer hears of sessions; it may be nil.
	Observer runtime.Observer

	HandshakeTimeout time.Duration // of TLS
	HelloTimeout     time.Duration
	LinkTimeout      time.Duration // of opening a link on a live session
	IdleTimeout      time.Duration
	// KeepAlive is the longest time in which a session says nothing, at most half of
	// IdleTimeout. Where there are few sessions they speak more often, up to five times.
	KeepAlive time.Duration
	Linger    time.Duration // of a session without links

	Connections int
	Strangers   int // the most sessions with unknown peers, see Transport.SetKnown
	Dials       int // places for dials in flight; each is kept for runtime.DialPlace at most
	HalfOpen    int
	// LinksPerPeer is how many links of one protocol one side may open on a session,
	// StrangerLinks how many of all protocols an unknown peer may.
	LinksPerPeer  int
	StrangerLinks int
	Unbound       int

	// LinkWindow is what a peer may have sent on one link before its handler took it.
	// The links of a session beyond wire.WindowBudget / LinkWindow get less, see
	// wire.Window.
	LinkWindow int

	// SendMessages and SendBytes bound what waits on one link to be sent, whichever is
	// met first; wire.SendMessages and wire.SendBytes.
	SendMessages int
	SendBytes    int
}

func orElse[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (c Config) withDefaults() Config {
	orElse(&c.VersionMin, wire.VersionMin)
	orElse(&c.VersionMax, wire.VersionMax)
	orElse(&c.Listen, "127.0.0.1:0")
	if c.ListenPacket == nil {
		c.ListenPacket = listenUDP
	}
	orElse(&c.ReopenTimeout, DefaultReopenTimeout)
	orElse(&c.HandshakeTimeout, wire.DefaultHandshakeTimeout)
	orElse(&c.HelloTimeout, wire.DefaultHelloTimeout)
	orElse(&c.LinkTimeout, wire.DefaultLinkTimeout)
	orElse(&c.IdleTimeout, wire.DefaultIdleTimeout)
	orElse(&c.KeepAlive, min(wire.DefaultKeepAlive, c.IdleTimeout/2))
	orElse(&c.Linger, wire.DefaultLinger)
	orElse(&c.Connections, DefaultConnections)
	orElse(&c.Strangers, DefaultStrangers)
	orElse(&c.Dials, runtime.MaxDials)
	orElse(&c.HalfOpen, DefaultHalfOpen)
	orElse(&c.LinksPerPeer, wire.LinksPerPeer)
	orElse(&c.StrangerLinks, wire.StrangerLinks)
	orElse(&c.Unbound, DefaultUnbound)
	orElse(&c.LinkWindow, wire.LinkWindow)
	orElse(&c.SendMessages, wire.SendMessages)
	orElse(&c.SendBytes, wire.SendBytes)
	return c
}

// Validate gives all faults of c, joined.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("configure transport: "+format, args...))
		}
	}
	check(!c.Key.IsZero(), "no key")
	check(c.Network != ident.NetworkID{}, "no network")
	check(c.Clock != nil, "no clock")
	check(c.VersionMin <= c.VersionMax, "versions %d to %d", c.VersionMin, c.VersionMax)
	for name, d := range map[string]time.Duration{
		"HandshakeTimeout": c.HandshakeTimeout, "HelloTimeout": c.HelloTimeout, "LinkTimeout": c.LinkTimeout,
		"IdleTimeout": c.IdleTimeout, "KeepAlive": c.KeepAlive, "Linger": c.Linger, "ReopenTimeout": c.ReopenTimeout,
	} {
		check(d > 0, "%s of %v", name, d)
	}
	check(c.KeepAlive <= c.IdleTimeout/2, "KeepAlive of %v is over half of IdleTimeout, %v", c.KeepAlive, c.IdleTimeout)
	for name, n := range map[string]int{
		"Connections": c.Connections, "Strangers": c.Strangers, "Dials": c.Dials, "HalfOpen": c.HalfOpen,
		"LinksPerPeer": c.LinksPerPeer, "StrangerLinks": c.StrangerLinks, "Unbound": c.Unbound, "LinkWindow": c.LinkWindow,
		"SendMessages": c.SendMessages, "SendBytes": c.SendBytes,
	} {
		check(n > 0, "%s of %d", name, n)
	}
	check(c.LinkWindow <= maxPeerWindow, "LinkWindow of %d, want up to %d", c.LinkWindow, maxPeerWindow)
	for _, addr := range c.Advertise {
		_, port, err := net.SplitHostPort(addr)
		check(err == nil && port != "0", "advertised address %q is not HOST:PORT", addr)
	}
	return errors.Join(faults...)
}

// addrs gives the addresses that peers can use for a socket bound to local.
func (c Config) addrs(local net.Addr) []string {
	if len(c.Advertise) > 0 {
		return append([]string(nil), c.Advertise...)
	}
	udp, ok := local.(*net.UDPAddr)
	if !ok || !udp.IP.IsUnspecified() {
		return []string{local.String()}
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	only4 := udp.IP.To4() != nil && !strings.HasPrefix(local.String(), "[")
	var list []string
	for _, a := range interfaces {
		ip, ok := a.(*net.IPNet)
		if !ok || !ip.IP.IsGlobalUnicast() || only4 && ip.IP.To4() == nil {
			continue
		}
		list = append(list, (&net.UDPAddr{IP: ip.IP, Port: udp.Port}).String())
	}
	return list
}

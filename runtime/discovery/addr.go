package discovery

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/smalti/smalti/runtime/ident"
)

// maxAddr is the longest address of an endpoint, in bytes: a DNS name of 253
// (RFC 1035) and a port.
const maxAddr = 253 + 1 + 5

// broadcast is all hosts of a local network (RFC 919, 7).
var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// checkAddr refuses what cannot be the address of a node: an entry names an IP
// literal and a port, so that nobody can make others resolve names.
func checkAddr(addr string) error {
	ap, err := netip.ParseAddrPort(addr)
	ip := ap.Addr().Unmap()
	switch {
	case err != nil:
		return fmt.Errorf("address %.80q: want IP:PORT: %w", addr, ErrAddress)
	case ap.Port() == 0:
		return fmt.Errorf("address %s: no port: %w", addr, ErrAddress)
	case ip.IsUnspecified() || ip.IsMulticast() || ip == broadcast:
		return fmt.Errorf("address %s: names no host: %w", addr, ErrAddress)
	case ip.Zone() != "":
		return fmt.Errorf("address %.80q: a zone means nothing elsewhere: %w", addr, ErrAddress)
	}
	return nil
}

// checkOwn refuses the addresses of this node's transport that it would not publish, or
// that others would not dial.
func (c *Config) checkOwn(addrs []string) error {
	for _, addr := range addrs {
		if err := c.checkDialable(addr); err != nil {
			return fmt.Errorf("the transport's %w", err)
		}
	}
	return nil
}

// checkDialable is checkAddr, and refuses a port below MinPort besides.
func (c *Config) checkDialable(addr string) error {
	if err := checkAddr(addr); err != nil {
		return err
	}
	if ap, err := netip.ParseAddrPort(addr); err == nil && int(ap.Port()) < c.MinPort {
		return fmt.Errorf("address %s: no node dials a port below %d (MinPort), choose a higher one: %w",
			addr, c.MinPort, ErrAddress)
	}
	return nil
}

// Dialable returns the addresses at which this node may dial a peer: those that the peer
// itself signed, with a port of at least Config.MinPort, in its order, and none of this
// node's own; then those that were given for it as a bootstrap peer, whatever it signed.
// They are at most 16.
func (d *Discovery) Dialable(p *Peer) []string {
	own := d.env.Transport.Addrs()
	not := func(addr string) bool {
		ap, err := netip.ParseAddrPort(addr)
		return err == nil && int(ap.Port()) < d.cfg.MinPort || slices.Contains(own, addr)
	}
	addrs := p.Entry.Addrs
	if slices.ContainsFunc(addrs, not) {
		addrs = slices.DeleteFunc(slices.Clone(addrs), not)
	}
	d.mu.Lock()
	given := d.booted[p.Entry.Peer]
	d.mu.Unlock()
	if len(given) == 0 {
		return addrs
	}
	return union(addrs[:min(len(addrs), hardLimits.Addrs-min(len(given), hardLimits.Addrs/2))], given)
}

// loopback tells whether any of addrs is a loopback address.
func loopback(addrs []string) bool {
	return slices.ContainsFunc(addrs, func(addr string) bool {
		ap, err := netip.ParseAddrPort(addr)
		return err == nil && ap.Addr().Unmap().IsLoopback()
	})
}

// Endpoint is a peer to begin with: who it is and where it may be reached.
type Endpoint struct {
	Peer ident.PeerID
	// Addrs are HOST:PORT; a host may be a DNS name, which the transport
	// resolves at each dial.
	Addrs []string
}

// ParseEndpoint reads PEER@HOST:PORT; further addresses of the same peer may
// follow, with commas between them. HOST is a name, an IPv4 address or an IPv6
// address in brackets.
func ParseEndpoint(s string) (Endpoint, error) {
	fail := func(format string, args ...any) (Endpoint, error) {
		return Endpoint{}, fmt.Errorf("parse bootstrap address %.120q: want PEER@HOST:PORT: %w", s, fmt.Errorf(format, args...))
	}
	id, list, found := strings.Cut(s, "@")
	if !found {
		return fail("there is no @")
	}
	peer, err := ident.ParsePeerID(id)
	if err != nil {
		return fail("%w", err)
	}
	e := Endpoint{Peer: peer, Addrs: strings.Split(list, ",")}
	if err := e.check(); err != nil {
		return fail("%w", err)
	}
	return e, nil
}

// String gives the form that ParseEndpoint reads.
func (e Endpoint) String() string { return e.Peer.String() + "@" + strings.Join(e.Addrs, ",") }

func (e Endpoint) check() error {
	switch {
	case e.Peer.IsZero():
		return errors.New("the peer id is zero")
	case len(e.Addrs) == 0:
		return errors.New("no address")
	case len(e.Addrs) > hardLimits.Addrs:
		return fmt.Errorf("%d addresses, at most %d allowed", len(e.Addrs), hardLimits.Addrs)
	}
	for _, addr := range e.Addrs {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return err
		}
		if host == "" || len(addr) > maxAddr || strings.ContainsAny(host, " \t\r\n/@,") {
			return fmt.Errorf("host %.80q is neither a name nor an IP address", host)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("port %.20q is not between 1 and 65535", port)
		}
	}
	return nil
}

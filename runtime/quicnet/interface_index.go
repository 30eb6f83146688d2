//go:build linux || darwin

package quicnet

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	// pktinfo4 and pktinfo6 are the sizes of struct in_pktinfo (index, source, destination)
	// and struct in6_pktinfo (source, index).
	pktinfo4 = 12
	pktinfo6 = 20
)

// staleIndex reports whether a send fails with err because the interface index in its
// control message belongs to no interface. Linux returns ENODEV for IPv4 and IPv6. ENXIO
// is expected of Darwin and has not been measured.
func staleIndex(err error) bool {
	return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO)
}

// withoutIndex returns a copy of the control messages oob of a packet to addr in which
// the interface index of each IP_PKTINFO and IPV6_PKTINFO message is zero, so that the
// system chooses the interface. Everything else stays, the source address included. It
// returns false if there is no index to clear, if oob is malformed, and if the source or
// the destination is a link-local IPv6 address, which has no meaning without the index.
//
// QUIC sends each packet of an accepted session on a wildcard address with the index of
// the interface on which the session began. An interface that is deleted and created anew
// has another index.
func withoutIndex(oob []byte, addr *net.UDPAddr) ([]byte, bool) {
	if addr != nil && (addr.Zone != "" || linkLocal(addr.IP)) {
		return nil, false
	}
	oob = slices.Clone(oob) // QUIC uses its buffer for the next packets as well
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, false
	}
	cleared := false
	for _, m := range messages {
		var index []byte // within oob
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) == pktinfo4:
			index = m.Data[:4]
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) == pktinfo6:
			if linkLocal(m.Data[:16]) {
				return nil, false
			}
			index = m.Data[16:]
		default:
			continue
		}
		if binary.NativeEndian.Uint32(index) != 0 {
			clear(index)
			cleared = true
		}
	}
	return oob, cleared
}

// linkLocal reports whether ip is an IPv6 address of one link.
func linkLocal(ip net.IP) bool {
	a, _ := netip.AddrFromSlice(ip)
	return a.Is6() && !a.Is4In6() &&
		(a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast())
}

package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/smalti/smalti/runtime/discovery"
)

// Where a node listens without --listen.
const (
	onLoopback  = "127.0.0.1:0"
	onLoopback6 = "[::1]:0"
	everywhere  = ":0" // all addresses of the machine, of IPv4 and IPv6
)

// defaultListen returns the address to listen on without --listen: loopback if all bootstrap
// peers are there, all addresses otherwise.
func defaultListen(bootstrap []discovery.Endpoint, advertise []string) string {
	if len(advertise) > 0 {
		return everywhere
	}
	listen := onLoopback
	for _, e := range bootstrap {
		for i, addr := range e.Addrs {
			ip, named := hostOf(addr)
			switch {
			case named == "localhost":
			case named != "" || !ip.IsLoopback():
				return everywhere
			case ip.Is6() && i == 0:
				listen = onLoopback6
			}
		}
	}
	return listen
}

// hostOf returns the IP address in addr, or the host name.
func hostOf(addr string) (ip netip.Addr, name string) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.Addr{}, addr
	}
	ip, err = netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, host
	}
	return ip.Unmap(), ""
}

// checkReach refuses a --listen from which no bootstrap peer can be reached.
func checkReach(listen string, bootstrap []discovery.Endpoint) error {
	from, named := hostOf(listen)
	if named != "" || !from.IsValid() {
		return nil
	}
	var why, first string
	for _, e := range bootstrap {
		for _, addr := range e.Addrs {
			to, named := hostOf(addr)
			switch {
			case named != "":
				return nil // it has addresses of any kind
			case from.IsLoopback() && !to.IsLoopback():
				why = "a loopback address reaches this machine alone"
			case from.Is4() && to.Is6():
				why = "an IPv4 address does not reach an IPv6 one"
			case from.Is6() && !from.IsUnspecified() && to.Is4():
				why = "an IPv6 address does not reach an IPv4 one"
			default:
				return nil
			}
			if first == "" {
				first = addr
			}
		}
	}
	if first == "" {
		return nil
	}
	return badInput("leave --listen out, or give :PORT to listen on all addresses",
		"--listen %s cannot reach --bootstrap %s: %s", listen, first, why)
}

// printAddresses says where a node that listens on all addresses can be reached.
func printAddresses(w io.Writer, listen string, p *process) {
	if ip, named := hostOf(listen); named != "" || ip.IsValid() && !ip.IsUnspecified() {
		return
	}
	if addrs := p.Endpoint().Addrs; len(addrs) > 0 {
		fmt.Fprintf(w, "node: listening on all addresses; others are told %s\n", strings.Join(addrs, ", "))
		return
	}
	fmt.Fprintln(w, "node: listening on all addresses; this machine has none that others could reach, so they are told none")
}

// warnOfPorts names bootstrap peers with a port that nodes do not dial unless they are
// told to. That is no error: this node dials it, and the peer may advertise another one.
func warnOfPorts(w io.Writer, bootstrap []discovery.Endpoint) {
	for _, e := range bootstrap {
		for _, addr := range e.Addrs {
			if isReserved(portOf(addr)) {
				fmt.Fprintf(w, "node: --bootstrap %s@%s: only nodes with this --bootstrap dial a port below %d; "+
					"check it, or have the peer listen on a higher one\n",
					e.Peer.Short(), oneLine(addr), discovery.DefaultMinPort)
			}
		}
	}
}

// isOpen reports whether a listener at addr serves other machines.
func isOpen(addr string) bool {
	ip, named := hostOf(addr)
	return named == "" && !ip.IsLoopback() || named != "" && named != "localhost"
}

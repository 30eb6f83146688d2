package main

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/spf13/cobra"
)

// nodeFlags are the flags of every command that runs one node.
type nodeFlags struct {
	network, key, listen, store, logLevel, metrics string
	advertise, bootstrap, secrets                  []string
}

// settings are nodeFlags, read and checked.
type settings struct {
	network   ident.NetworkID
	key       ident.Key
	secrets   []wire.Secret
	listen    string
	advertise []string
	bootstrap []discovery.Endpoint
	store     string // a directory; empty: none
	// storeByDefault reports whether store is the default, without which the node runs too.
	storeByDefault bool
	level          slog.Level
	metrics        string // where to serve them; empty: nowhere
}

func (f *nodeFlags) register(cmd *cobra.Command) {
	set := cmd.Flags()
	set.SortFlags = false
	set.StringVar(&f.network, "network", "", "name of the network; nodes of other networks are refused (required)")
	set.StringVar(&f.key, "key", "", "key file of the node, see node keygen (default: a new key for this run)")
	set.StringVar(&f.listen, "listen", "", "IP:PORT to listen on, :PORT for all addresses of this machine; "+
		"PORT is 1024 or more, or 0 for a free one "+
		"(default: a free port on all addresses if --bootstrap is another machine, else on loopback)")
	set.StringArrayVar(&f.advertise, "advertise", nil,
		"IP:PORT that others reach this node at, if not the one of --listen, PORT 1024 or more; may be repeated")
	set.StringArrayVar(&f.bootstrap, "bootstrap", nil, "PEER@HOST:PORT of a node to begin with; may be repeated")
	set.StringArrayVar(&f.secrets, "secret-file", nil, "file with the network secret, 64 hexadecimal digits; if repeated, the first proves this node and each is accepted of others")
	set.StringVar(&f.store, "store", "", "directory to keep what the node learns, none for none (default: KEY.store beside the file of --key; none without one)")
	set.StringVar(&f.metrics, "metrics", "", "IP:PORT to serve metrics for Prometheus on, and the catalog as JSON (default: nowhere)")
	set.StringVar(&f.logLevel, "log-level", "warn", "what to log on standard error: debug, info, warn or error")
}

// read checks everything that can be checked before a node is started.
func (f *nodeFlags) read() (settings, error) {
	s := settings{listen: f.listen, advertise: f.advertise, store: f.store, metrics: f.metrics}
	if f.network == "" {
		return s, badInput("give --network NAME, the same on all nodes", "no network")
	}
	s.network = ident.Network(f.network)
	var err error
	if s.level, err = readLevel(f.logLevel); err != nil {
		return s, err
	}
	if f.listen != "" {
		if err := checkAddr("--listen", f.listen, 0); err != nil {
			return s, err
		}
		if port := portOf(f.listen); len(f.advertise) == 0 && isReserved(port) {
			return s, badInput("choose a higher one, or give --advertise IP:PORT with a port that is forwarded to it",
				"--listen %s: other nodes dial no port below %d", f.listen, discovery.DefaultMinPort)
		}
	}
	if f.metrics != "" {
		if err := checkAddr("--metrics", f.metrics, 0); err != nil {
			return s, err
		}
	}
	for _, addr := range f.advertise {
		if err := checkAdvertised(addr); err != nil {
			return s, err
		}
	}
	if f.key == "" {
		s.key, err = ident.GenerateKey(rand.Reader)
	} else {
		s.key, err = readKey(f.key)
	}
	if err != nil {
		return s, err
	}
	if s.bootstrap, err = readBootstrap(f.bootstrap, s.key.PeerID()); err != nil {
		return s, err
	}
	if s.listen == "" {
		s.listen = defaultListen(s.bootstrap, s.advertise)
	} else if err := checkReach(s.listen, s.bootstrap); err != nil {
		return s, err
	}
	for _, path := range f.secrets {
		secret, err := readNetworkSecret(path)
		if err != nil {
			return s, err
		}
		s.secrets = append(s.secrets, secret)
	}
	switch {
	case s.store == noStore:
		s.store = ""
	case s.store == "" && f.key != "":
		s.store, s.storeByDefault = f.key+".store", true
	}
	return s, nil
}

// readBootstrap parses bootstrap peers. It leaves out the node itself, so that all nodes can
// share one list, but refuses a list of nothing else.
func readBootstrap(texts []string, self ident.PeerID) (peers []discovery.Endpoint, err error) {
	var own string
	for _, text := range texts {
		e, err := discovery.ParseEndpoint(text)
		switch {
		case err != nil:
			return nil, badInput("copy the line that node run prints on the other side", "%w", err)
		case e.Peer == self:
			own = text
		default:
			peers = append(peers, e)
		}
	}
	if own != "" && len(peers) == 0 {
		return nil, badInput("give the line that another node prints; the first node of a network needs no --bootstrap",
			"--bootstrap %s is this node itself", own)
	}
	return peers, nil
}

// noStore is the value of --store that asks for none.
const noStore = "none"

func readLevel(text string) (slog.Level, error) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		var other slog.Level
		if err := other.UnmarshalText([]byte(text)); err == nil && other == level {
			return level, nil
		}
	}
	return 0, badInput("give debug, info, warn or error", "unknown --log-level %q", text)
}

// checkAdvertised refuses what an entry cannot carry.
func checkAdvertised(addr string) error {
	a, err := netip.ParseAddrPort(addr)
	if err != nil || a.Addr().IsUnspecified() || a.Port() == 0 {
		return badInput("give IP:PORT, an IPv6 address in brackets: what is advertised is signed, and carries no names", "--advertise %q is no address that others can dial", addr)
	}
	if a.Port() < discovery.DefaultMinPort {
		return badInput("choose a higher one", "--advertise %s: other nodes dial no port below %d",
			addr, discovery.DefaultMinPort)
	}
	return nil
}

// isReserved reports whether nodes that learn of a peer at a port do not dial it. A
// bootstrap peer is dialled at every port.
func isReserved(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && n < discovery.DefaultMinPort
}

func checkAddr(flag, addr string, lowest uint64) error {
	hint := "give HOST:PORT, an IPv6 address in brackets"
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return badInput(hint, "%s %q: %w", flag, addr, err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n < lowest {
		return badInput(hint, "%s %q: the port is not between %d and 65535", flag, addr, lowest)
	}
	return nil
}

// listenFault explains why a node could not listen.
func listenFault(addr string, err error) error {
	hint := "give --listen IP:PORT of this machine, and --advertise what others can dial"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return badInput("stop what uses the port, or give --listen another one; port 0 takes a free one", "listen on %s: the port is in use", addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "this machine has no such address; 0.0.0.0 stands for all that it has"
	case errors.Is(err, syscall.EACCES):
		hint = "ports below 1024 need a privilege; choose a higher one"
	}
	return badInput(hint, "listen on %s: %w", addr, err)
}

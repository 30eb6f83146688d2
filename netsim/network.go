package netsim

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
)

// Config makes a Network. Clock and Strand must be set.
type Config struct {
	Clock  runtime.Clock  // the world's: Mono and AfterFunc are used
	Strand runtime.Strand // on which everything on the wire happens
	Seed   runtime.Seed
	// Default is the path between two hosts of which SetPath said nothing.
	Default Path
	// Mark, if not nil, hears each time that a fault bit; see the Mark
	// constants.
	Mark func(name string)
}

// What Config.Mark hears.
const (
	MarkBlocked     = "net.blocked"      // something was lost to a block
	MarkCloseLost   = "net.close-lost"   // the close of a connection was
	MarkHeld        = "net.held"         // something waits for a release
	MarkRecovered   = "net.recovered"    // what a block took was sent again
	MarkLost        = "net.lost"         // loss delayed something
	MarkQueued      = "net.queued"       // a link waited for bandwidth
	MarkNoCredit    = "net.no-credit"    // a link waited for its window
	MarkNoBudget    = "net.no-budget"    // a large message waited for those of other links
	MarkNoLink      = "net.no-link"      // a link waited for others to open or to end
	MarkReset       = "net.reset"        // a session was reset
	MarkHalfOpen    = "net.half-open"    // one end of a session was lost
	MarkIdle        = "net.idle-timeout" // a session timed out
	MarkNobody      = "net.nobody"       // a dial reached an address without listener
	MarkDialTimeout = "net.dial-timeout" // a dial ran out of time
	MarkDuplicate   = "net.duplicate"    // a simultaneous dial lost
	MarkParked      = "net.parked"       // an inbound connection waited for our own dial
	MarkReplaced    = "net.replaced"     // a restart ended its former session
	MarkStale       = "net.stale"        // a peer dialled again over a session that it had lost
	MarkEvicted     = "net.evicted"      // an idle session made room for another
	MarkTwin        = "net.twin"         // two instances of one key that both run met
	MarkInUse       = "net.in-use"       // two instances of one key fought
)

// Network connects the transports of one world.
type Network struct {
	config Config
	key    uint64 // of all draws
	hosts  map[string]*host
	order  []*host // as they were first named
	addrs  map[string]*Transport
	live   []*Transport // that neither crashed nor closed
	paths  map[[2]*host]*direction
	ways   []*direction // as they were first used
	conns  []*conn      // with an end that is up
	seen   []occurrence
	count  int // frames under way
	sent   Traffic
	dials  map[[2]*host]uint64

	kicked  []*Link // that write in the next turn
	spare   []*Link // room for as many
	writeFn func()  // write, bound once
}

// New makes a network without endpoints.
func New(config Config) *Network {
	config.Default = config.Default.withDefaults()
	n := &Network{
		config: config,
		key:    keyOf(config.Seed, "draw"),
		hosts:  map[string]*host{},
		addrs:  map[string]*Transport{},
		paths:  map[[2]*host]*direction{},
		dials:  map[[2]*host]uint64{},
	}
	n.writeFn = n.write
	return n
}

// Attach starts the transport of a host. An address serves one transport at a
// time: after a crash the next may attach to it.
func (n *Network) Attach(config EndpointConfig) (*Transport, error) {
	config = config.withDefaults()
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("attach %s at %s: %w", config.Name, config.Addr, err)
	}
	if old := n.addrs[config.Addr]; old != nil && !old.gone() {
		return nil, fmt.Errorf("attach %s at %s: address in use by %s", config.Name, config.Addr, old.config.Name)
	}
	t := &Transport{
		n:         n,
		config:    config,
		host:      n.host(config.Name),
		local:     config.Key.PeerID(),
		peers:     map[peerID]*peer{},
		listeners: map[string]*listener{},
	}
	n.addrs[config.Addr] = t
	n.live = append(n.live, t)
	return t, nil
}

// InFlight counts what is on the wire: frames that were sent, or lost and not
// yet sent again. Keep-alive counts too.
func (n *Network) InFlight() int { return n.count }

// Traffic is what was put on the wire since the network was made: datagrams, and
// their bytes with the headers of IP, UDP and QUIC. Acknowledgements that travel alone
// are not modelled and not counted.
type Traffic struct{ Datagrams, Bytes uint64 }

// Sizes of what Traffic counts, in bytes.
const (
	// datagramOverhead is IPv4 and UDP (28), a short header with a connection id and
	// a packet number (9), and the tag of the AEAD (16): RFC 9000, 17.3, RFC 9001, 5.3.
	datagramOverhead = 28 + 9 + 16
	// handshakeSize is a datagram of the handshake: RFC 9000, 14.1, has them padded.
	handshakeSize = 1200
	// controlSize is a frame that says something about a session.
	controlSize = 16
)

// Traffic tells what was sent.
func (n *Network) Traffic() Traffic { return n.sent }

// account counts a frame that is put on the wire.
func (n *Network) account(f *frame) {
	n.sent.Datagrams++
	size := f.size
	switch {
	case f.kind <= kWelcome:
		size = handshakeSize
	case size == 0:
		size = controlSize
	}
	n.sent.Bytes += uint64(size + datagramOverhead)
}

// Idle tells whether nothing is on the wire and no transport that runs is
// dialling or has a link.
func (n *Network) Idle() bool {
	if n.count != 0 {
		return false
	}
	for _, t := range n.live {
		if len(t.links) != 0 || len(t.dials) != 0 {
			return false
		}
	}
	return true
}

// SetPath replaces the path from one host to another, one way. What is under
// way keeps its time of arrival; what was lost is sent again at the next
// time-out, and what waits for the line goes as that is now.
func (n *Network) SetPath(from, to string, p Path) error {
	if err := p.Validate(); err != nil {
		return fmt.Errorf("set path %s to %s: %w", from, to, err)
	}
	d := n.way(n.host(from), n.host(to))
	d.change(func() { d.path = p.withDefaults() })
	return nil
}

// SetDefault replaces the path between all hosts that no SetPath named.
func (n *Network) SetDefault(p Path) error {
	if err := p.Validate(); err != nil {
		return fmt.Errorf("set default path: %w", err)
	}
	old := n.config.Default
	n.config.Default = p.withDefaults()
	for _, d := range n.ways {
		if d.path == old {
			d.change(func() { d.path = n.config.Default })
		}
	}
	return nil
}

// PathOf gives the path from one host to another.
func (n *Network) PathOf(from, to string) Path { return n.way(n.host(from), n.host(to)).path }

func (n *Network) now() int64 { return int64(n.config.Clock.Mono()) }

func (n *Network) after(d int64, f func()) runtime.Timer {
	return n.config.Clock.AfterFunc(n.config.Strand, time.Duration(max(0, d)), f)
}

func (n *Network) mark(name string) {
	if n.config.Mark != nil {
		n.config.Mark(name)
	}
}

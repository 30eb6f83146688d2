package discovery

import (
	"errors"
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
)

// Config says who a node is and how it finds others. Network and Key must be
// set; every other zero value stands for its default.
type Config struct {
	Network ident.NetworkID
	// Key signs the node's entry. Its peer must be the transport's.
	Key ident.Key
	// Bootstrap are peers to begin with. The node itself may be among them and
	// is passed over, so that all nodes can share one list.
	Bootstrap []Endpoint
	// Bootstrappers find further ones.
	Bootstrappers []Bootstrapper
	// Tags and Tickets go into the first entry.
	Tags    []ident.Tag
	Tickets []ticket.Ticket
	// Verifier checks entries; nil gives the node one of its own.
	Verifier Verifier
	// Sign signs the node's own entries; nil stands for the function Sign. It may add
	// fields that this version does not know: all nodes keep them and pass them on.
	Sign func(e *Entry, key ident.Key) (*Signed, error)
	// Limits bound entries, the own one and those of others.
	Limits Limits

	// MaxPeers bounds the catalog, 65,536 entries; as many departures are
	// remembered.
	MaxPeers int
	// MaxPerSource bounds the peers that a node learns of first from one other at
	// once; as many again it may every ten minutes. A quarter of MaxPeers: a newcomer
	// learns of a large network at once, and one liar fills no catalog.
	MaxPerSource int
	// MaxDrift is how far in the future a version may lie, 50 s: more than
	// clocks kept by NTP differ, less than a human notices.
	MaxDrift time.Duration
	// PurgeAfter is how long a departure is remembered, and a peer that does not
	// answer, 300 s: longer than a partition that nobody repairs by hand.
	PurgeAfter time.Duration
	// SuspicionTimeout is how long a peer may take to refute that it does not
	// answer, 4 s: many times what news needs to reach all.
	SuspicionTimeout time.Duration
	// SyncInterval is the mean time between two comparisons with another peer,
	// 5 s; each interval is drawn from half to one and a half of it.
	SyncInterval time.Duration
	// SyncTimeout bounds one exchange, dialling included, 5 s.
	SyncTimeout time.Duration
	// RTTInterval is the mean time between two measurements of the round trip to
	// a peer that somebody tracks, 30 s; each interval is drawn from half to one
	// and a half of it.
	RTTInterval time.Duration
	// PushDelay is the least time between two rounds of news, 50 ms: the first
	// goes at once, what comes soon after it goes together.
	PushDelay time.Duration
	// MinBackoff and MaxBackoff bound the wait after a failed contact, 250 ms
	// and 10 s; it is drawn from nothing to a bound that doubles.
	MinBackoff, MaxBackoff time.Duration
	// MaxRTT leaves peers out of Subscribe and Catalog.Near whose round trip is
	// known to be longer; they are measured again every RTTInterval. 0: none is.
	MaxRTT time.Duration
	// MinPort is the lowest port of others' entries that is dialled, DefaultMinPort:
	// below are services of other kinds, at which no node may direct a network. 1 allows
	// all. New refuses a transport with a lower port, which others would not dial. The
	// addresses of Bootstrap are dialled whatever their port.
	MinPort int
	// DepartureWindow bounds the farewell at Stop, 300 ms.
	DepartureWindow time.Duration
}

// DefaultMinPort is the lowest port of others' entries that a node dials: those below it
// need a privilege on most systems (RFC 6335, 6).
const DefaultMinPort = 1024

// DefaultSyncInterval is the mean time between two comparisons of catalogs.
const DefaultSyncInterval = 5 * time.Second

// Bounds that nobody needs to set.
const (
	// maxInbound and maxInboundPerPeer bound the links that others opened. Two
	// per peer, because the end of one may be seen after the begin of the next.
	maxInbound        = 16
	maxInboundPerPeer = 2
	// maxExchanges bounds the exchanges that this node began.
	maxExchanges = 16
	// maxQueued bounds the exchanges that wait on this node's own account,
	// maxAsked those that a caller asked for, maxWaiters who waits for one.
	maxQueued  = 16
	maxAsked   = 256
	maxWaiters = 256
	// maxNews is how many entries one round of news carries; beyond, catalogs are
	// compared. That costs more, but brings nothing twice.
	maxNews = 4096
	// maxExchangeBytes bounds what one exchange may carry each way.
	maxExchangeBytes = 16 << 20
	// maxTurns is how often a peer may speak in one exchange: one comparison needs
	// as many as ranges of 65,536 peers can be cut, and some for what follows.
	maxTurns = 16
	// maxBootstrap bounds the list of endpoints.
	maxBootstrap = 256
	// maxSamples bounds the round trips that wait for the strand.
	maxSamples = 1024
)

func (c Config) withDefaults() Config {
	c.Limits = c.Limits.withDefaults()
	if c.Verifier == nil {
		c.Verifier = NewVerifier(0)
	}
	if c.Sign == nil {
		c.Sign = Sign
	}
	if c.MaxPeers == 0 {
		c.MaxPeers = 1 << 16
	}
	if c.MaxPerSource == 0 {
		c.MaxPerSource = max(1, c.MaxPeers/4)
	}
	if c.MinPort == 0 {
		c.MinPort = DefaultMinPort
	}
	for _, d := range c.durations() {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	return c
}

// duration is a setting: its name, its value and its default.
type duration struct {
	name     string
	value    *time.Duration
	standard time.Duration
}

func (c *Config) durations() []duration {
	return []duration{
		{"MaxDrift", &c.MaxDrift, 50 * time.Second},
		{"PurgeAfter", &c.PurgeAfter, 300 * time.Second},
		{"SuspicionTimeout", &c.SuspicionTimeout, 4 * time.Second},
		{"SyncInterval", &c.SyncInterval, DefaultSyncInterval},
		{"SyncTimeout", &c.SyncTimeout, 5 * time.Second},
		{"RTTInterval", &c.RTTInterval, 30 * time.Second},
		{"PushDelay", &c.PushDelay, 50 * time.Millisecond},
		{"MinBackoff", &c.MinBackoff, 250 * time.Millisecond},
		{"MaxBackoff", &c.MaxBackoff, 10 * time.Second},
		{"DepartureWindow", &c.DepartureWindow, 300 * time.Millisecond},
	}
}

// Validate gives all faults of c, joined. Zero values stand for defaults.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.MaxRTT < 0 {
		fault("MaxRTT is %s: want 0 or more", c.MaxRTT)
	}
	if (c.Network == ident.NetworkID{}) {
		fault("no network: set Network, for example ident.Network(\"name\")")
	}
	if c.Key.IsZero() {
		fault("no key: set Key")
	}
	if c.MaxPeers < 0 || c.MaxPeers > 1<<20 {
		fault("MaxPeers is %d: want 1 to %d", c.MaxPeers, 1<<20)
	}
	if c.MaxPerSource < 0 {
		fault("MaxPerSource is %d: want 1 or more", c.MaxPerSource)
	}
	if c.MinPort < 0 || c.MinPort > 1<<16-1 {
		fault("MinPort is %d: want 1 to %d", c.MinPort, 1<<16-1)
	}
	if len(c.Bootstrap) > maxBootstrap {
		fault("%d bootstrap peers, at most %d allowed", len(c.Bootstrap), maxBootstrap)
	}
	for _, e := range c.Bootstrap {
		if err := e.check(); err != nil {
			fault("bootstrap address of %s: %w", e.Peer.Short(), err)
		}
	}
	for _, d := range c.durations() {
		if *d.value < 0 || *d.value > 24*time.Hour {
			fault("%s is %s: want above 0 and at most a day", d.name, *d.value)
		}
	}
	if err := c.Limits.validate(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

package invariants

import (
	"cmp"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// Defaults of Options.
const (
	// DefaultBound is three times the cap of a consumer's back-off, 10 s, and
	// as much again for time-outs: idle connections, dials, handshakes.
	DefaultBound = 60 * time.Second
	// DefaultDrainMax is how long the close of a producer may take to deliver.
	DefaultDrainMax = 5 * time.Second
	// DefaultTombstoneTTL is how long a node remembers a departure.
	DefaultTombstoneTTL = 300 * time.Second
	// DefaultPurgeAfter is how long a node remembers who does not answer.
	DefaultPurgeAfter = 300 * time.Second
	// DefaultBlockMax is how long a producer waits for a consumer that is full.
	DefaultBlockMax = 30 * time.Second
	// DefaultMaxDrift is how far ahead of a node's clock an entry may be.
	DefaultMaxDrift = 50 * time.Second
)

// Pair is a subscription that must exist: one stream, from a producer's host to
// a consumer's.
type Pair struct {
	Consumer, Producer string // names of hosts
	Stream             ident.StreamID
}

// Side is one side of a stream on a host: all its producers there, or all its consumers.
type Side struct {
	Host     string
	Stream   ident.StreamID
	Consumer bool
}

// Options say what is expected of a run. The zero value is usable: it judges
// safety, and no liveness, because nothing is expected.
type Options struct {
	// Expect are the subscriptions that must exist from Quiesced + Reconnect
	// until Settle. Reconnect is 3 times the cap of the back-off and all
	// time-outs that may precede it; 0: DefaultBound.
	Expect    []Pair
	Reconnect time.Duration
	// ExpectPeers are the hosts that must all know each other from Quiesced +
	// Catalogs until Settle, when each must hold what the others published up
	// to Catalogs before; 0: DefaultBound.
	ExpectPeers []string
	Catalogs    time.Duration
	// Flow is within what time a datum that an application reports as sent,
	// after Quiesced + Reconnect and to a subscription of Expect, must reach an
	// application of the consumer's host; 0: not judged.
	Flow time.Duration
	// Sends is within what time the application of each producer of Expect sends
	// something, again and again, if Flow is judged; 0: not judged.
	Sends time.Duration

	// Never are subscriptions that must not exist at any time.
	Never []Pair
	// RTTBelow are the limits of round trips, by who sets them.
	RTTBelow map[Side]time.Duration
	// Demands are what streams ask of their consumers.
	Demands []Demand

	// DrainMax is the longest drain of the run's producers, but for those of the streams in
	// Drains. TombstoneTTL is the shortest time for which its nodes remember a peer that
	// left, PurgeAfter the longest for a peer that does not answer, and MaxDrift how far
	// ahead of a clock they take an entry. 0: their defaults.
	DrainMax     time.Duration
	Drains       map[ident.StreamID]time.Duration
	TombstoneTTL time.Duration
	PurgeAfter   time.Duration
	MaxDrift     time.Duration
	// SyncInterval is the mean time after which the run's nodes compare catalogs again, and
	// none is refused that for load; 0: not judged.
	SyncInterval time.Duration
	// Stop is within what time a node that closes has stopped once its producers are
	// closed, where nothing is wrong; 0: not judged.
	Stop time.Duration
	// BlockMax is how long the producers of a stream wait for a consumer that takes
	// nothing, for each stream whose lag policy is Block; 0: DefaultBlockMax.
	BlockMax map[ident.StreamID]time.Duration
	// WallSlack is what a node's clock may move between its decision and its
	// report: 0 in simulation, some milliseconds for the log of a real node.
	WallSlack time.Duration
	// Latency is how long a message takes at most where the network is well; 0 stands for
	// much less than a second.
	Latency time.Duration
	// Lag is how long a strand that has work may wait for its turn: what a strategy lets
	// it in simulation, some milliseconds for the log of a real node.
	Lag time.Duration
	// CallbacksMayPanic is for runs in which the application's callbacks panic
	// on purpose.
	CallbacksMayPanic bool
	// PanicsWith is the text of panics that are ordered: callbacks may panic
	// with a value that contains it, and with nothing else. Empty: none may.
	PanicsWith string
	// Match tells whether a datum that an application reports as sent, with its
	// size, matches criteria; nil: not judged.
	Match func(criteria string, sent event.Event) bool
	// KeepDeparted is for runs in which producers serve on who left the catalog.
	KeepDeparted bool
	// Byzantine hosts lie: their reports are not read, and nothing is demanded
	// of what came from them.
	Byzantine []string
	// Addrs gives the host that lives at an address; one that is not there is not
	// judged.
	Addrs map[string]string
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.Reconnect, DefaultBound},
		{&o.Catalogs, DefaultBound},
		{&o.DrainMax, DefaultDrainMax},
		{&o.TombstoneTTL, DefaultTombstoneTTL},
		{&o.PurgeAfter, DefaultPurgeAfter},
		{&o.MaxDrift, DefaultMaxDrift},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return o
}

// drain returns how long the producers of a stream may drain without progress.
func (o *Options) drain(s ident.StreamID) time.Duration { return cmp.Or(o.Drains[s], o.DrainMax) }

package stream

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smalti/smalti/runtime/criteria"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// Lag says what a producer does about a consumer whose queue is full.
type Lag int

const (
	// Disconnect ends the subscription with TooSlow. It assumes a producer
	// that is paced by something else than its consumers.
	Disconnect Lag = iota
	// Block lets the slowest consumer set the pace: Send waits. A consumer that
	// holds it up for BlockMax while its application takes nothing is ended with
	// TooSlow.
	Block
	// DropNewest skips the datums that do not fit, for the consumers whose queue
	// is full: those that keep up get everything, a slow one the oldest of each
	// burst. It is told how many it missed, in their place.
	DropNewest
	// DropOldest makes room by skipping the datums that waited longest: a slow
	// consumer is never behind by more than its queue. It is told how many it
	// missed, in their place.
	DropOldest
)

var lags = [...]string{Disconnect: "disconnect", Block: "block", DropNewest: "drop-newest", DropOldest: "drop-oldest"}

// String gives the name of the policy, which ParseLag reads back.
func (l Lag) String() string {
	if l.known() {
		return lags[l]
	}
	return fmt.Sprintf("lag(%d)", int(l))
}

func (l Lag) known() bool { return l >= 0 && int(l) < len(lags) }

// ParseLag reads the name of a policy: disconnect, block, drop-newest or
// drop-oldest.
func ParseLag(name string) (Lag, error) {
	if i := slices.Index(lags[:], name); i >= 0 {
		return Lag(i), nil
	}
	return 0, fmt.Errorf("lag policy %q, want one of %s: %w", name, strings.Join(lags[:], ", "), ErrConfig)
}

// Defaults of producers and consumers. A queue is full at DefaultQueue datums or
// DefaultQueueBytes, whichever comes first; one datum always fits an empty one.
const (
	DefaultQueue      = 1024
	DefaultQueueBytes = 4 << 20
	DefaultBlockMax   = 30 * time.Second
	DefaultDrainMax   = 5 * time.Second
	DefaultPerPeer    = 16
)

// Defaults of a consumer's Backoff.
const (
	DefaultBackoffFirst = 250 * time.Millisecond
	DefaultBackoffMax   = 10 * time.Second
)

// handshakeTimeout bounds the subscription handshake on both sides,
// maxHandshakes how many a node serves at once, of which one peer gets handshakesPerPeer, and
// all that are not in the catalog strangerHandshakes together.
const (
	handshakeTimeout   = 5 * time.Second
	maxHandshakes      = 4096
	handshakesPerPeer  = 512
	strangerHandshakes = 128
)

// ProducerConfig configures a producer. The zero value is usable.
type ProducerConfig struct {
	Queue        int // datums, of the input and of each subscription; 0: DefaultQueue
	QueueBytes   int // bytes, likewise; 0: DefaultQueueBytes
	MaxDatum     int // bytes of one encoding, at most the node's, see Config; 0: that
	MaxConsumers int // 0: no limit
	MaxPerPeer   int // subscriptions of one peer; 0: DefaultPerPeer
	Lag          Lag
	// BlockMax is how long, under Block, a consumer whose application takes nothing may
	// hold up the producer. An application that has taken all that arrived is waited for
	// ten times as long while packets of its node arrive: a datum may take longer than
	// BlockMax on a slow path. 0: DefaultBlockMax.
	BlockMax time.Duration
	// DrainMax is how long Close waits for a consumer without progress: its application
	// takes nothing, and neither does its link. One that has taken all that arrived is
	// waited for as BlockMax says. 0: DefaultDrainMax.
	DrainMax time.Duration
	// Online must be met for Send to go through; the zero value demands one
	// consumer. AtLeast(0) lets datums through without any: those are lost.
	Online Quorum
	// Require admits a consumer if it is true; nil admits all. It is asked
	// again whenever the consumer's entry or round trip changes. It must be
	// quick and free of side effects.
	Require func(discovery.Peer) bool
	// RTTBelow admits consumers whose session measured a shorter round trip, and
	// ends those of which the next measurement is not shorter, or which were near
	// and take over 1.25 times as much in two measurements in a row. The session
	// is measured about once a second. 0: no limit.
	RTTBelow time.Duration
	// Tickets must all accept a ticket of the consumer's. They are asked again
	// whenever the consumer's entry changes or one of them changes its mind.
	Tickets []ticket.Validator
	// KeepDeparted goes on to serve a consumer that has left the catalog, for as
	// long as its tickets last; by default it is ended with UnknownPeer.
	KeepDeparted bool
}

func (c ProducerConfig) withDefaults() ProducerConfig {
	orInt(&c.Queue, DefaultQueue)
	orInt(&c.QueueBytes, DefaultQueueBytes)
	orInt(&c.MaxPerPeer, DefaultPerPeer)
	orInt(&c.BlockMax, DefaultBlockMax)
	orInt(&c.DrainMax, DefaultDrainMax)
	c.Online = c.Online.or(AtLeast(1))
	return c
}

// Validate tells everything that cannot work.
func (c ProducerConfig) Validate() error {
	var faults faults
	faults.check(c.Queue >= 0 && c.Queue <= 1<<20, "queue of %d datums, want 0 to %d", c.Queue, 1<<20)
	faults.check(c.QueueBytes >= 0, "queue of %d bytes, want 0 or more", c.QueueBytes)
	faults.check(c.MaxDatum >= 0 && c.MaxDatum <= wire.MaxDatum, "datums of %d bytes, want 0 to %d", c.MaxDatum, wire.MaxDatum)
	faults.check(c.MaxConsumers >= 0, "at most %d consumers, want 0 or more", c.MaxConsumers)
	faults.check(c.MaxPerPeer >= 0, "at most %d subscriptions of a peer, want 0 or more", c.MaxPerPeer)
	faults.check(c.Lag.known(), "unknown lag policy %d", int(c.Lag))
	faults.check(c.BlockMax >= 0 && c.DrainMax >= 0, "negative time-out")
	faults.check(c.MaxConsumers == 0 || c.Online.inverse || c.Online.min <= c.MaxConsumers, "online with %d of at most %d consumers can never be", c.Online.min, c.MaxConsumers)
	faults.check(c.RTTBelow >= 0, "negative round trip")
	return errors.Join(faults...)
}

// ConsumerConfig configures a consumer. The zero value is usable.
type ConsumerConfig struct {
	Queue      int // datums; 0: DefaultQueue
	QueueBytes int // bytes; 0: DefaultQueueBytes
	// Online must be met for the consumer to call itself online; the zero value
	// demands one producer.
	Online Quorum
	// Criteria is an expression over the datum's fields, which producers
	// evaluate: only datums for which it is true are sent. Empty: all. See
	// package criteria for the language.
	Criteria string
	// Require subscribes to a producer if it is true; nil subscribes to all.
	// It is asked again whenever the producer's entry or round trip changes.
	Require func(discovery.Peer) bool
	// RTTBelow subscribes to producers whose session measured a shorter round
	// trip, and leaves others as ProducerConfig.RTTBelow does. 0: no limit.
	RTTBelow time.Duration
	// Tickets must all accept a ticket of the producer's.
	Tickets []ticket.Validator
	Backoff Backoff
	// NoEcho leaves out the producer of this node, if it has one. Otherwise that is a
	// producer as any other, reached without the network, for which the same rules hold.
	NoEcho bool
}

// Backoff says how a consumer comes back to a producer: the interval doubles up
// to Max, and each wait is drawn from all of it ("full jitter": Brooker,
// "Exponential Backoff And Jitter", 2015). News of the producer begins anew.
type Backoff struct {
	First time.Duration // 0: DefaultBackoffFirst
	Max   time.Duration // 0: DefaultBackoffMax
	// GiveUp is how long attempts may fail in a row before the consumer waits
	// for news of the producer instead; 0: for ever.
	GiveUp time.Duration
}

func (c ConsumerConfig) withDefaults() ConsumerConfig {
	orInt(&c.Queue, DefaultQueue)
	orInt(&c.QueueBytes, DefaultQueueBytes)
	orInt(&c.Backoff.First, DefaultBackoffFirst)
	orInt(&c.Backoff.Max, max(c.Backoff.First, DefaultBackoffMax))
	c.Online = c.Online.or(AtLeast(1))
	return c
}

// Validate tells everything that cannot work.
func (c ConsumerConfig) Validate() error {
	var faults faults
	faults.check(c.Queue >= 0 && c.Queue <= 1<<20, "queue of %d datums, want 0 to %d", c.Queue, 1<<20)
	faults.check(c.QueueBytes >= 0, "queue of %d bytes, want 0 or more", c.QueueBytes)
	faults.check(c.RTTBelow >= 0, "negative round trip")
	b := c.Backoff
	faults.check(b.First >= 0 && b.Max >= 0 && b.GiveUp >= 0, "negative back-off")
	faults.check(b.Max == 0 || b.First <= b.Max, "back-off from %s up to %s", b.First, b.Max)
	if c.Criteria != "" {
		if _, err := criteria.Compile(c.Criteria); err != nil {
			faults = append(faults, fmt.Errorf("%w: %w", err, ErrConfig))
		}
	}
	return errors.Join(faults...)
}

// faults collects what is wrong with a configuration.
type faults []error

func (f *faults) check(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Errorf(format+": %w", append(args, ErrConfig)...))
	}
}

func orInt[T ~int | ~int64](v *T, fallback T) {
	if *v == 0 {
		*v = fallback
	}
}

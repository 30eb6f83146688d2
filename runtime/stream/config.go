package stream

import (
	"errors"
	"fmt"
	"time"

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
	// Block lets the slowest consumer set the pace: Send waits. A consumer
	// that stays full for BlockMax is ended with TooSlow.
	Block
)

func (l Lag) String() string {
	switch l {
	case Disconnect:
		return "disconnect"
	case Block:
		return "block"
	default:
		return fmt.Sprintf("lag(%d)", int(l))
	}
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

// Back-off of a consumer: the interval doubles up to the cap, and the wait is
// drawn from all of it ("full jitter": Brooker, "Exponential Backoff And
// Jitter", 2015).
const (
	backoffFirst = 250 * time.Millisecond
	backoffCap   = 10 * time.Second
)

// handshakeTimeout bounds the subscription handshake on both sides, and
// maxHandshakes how many a node serves at once.
const (
	handshakeTimeout = 5 * time.Second
	maxHandshakes    = 128
)

// ProducerConfig configures a producer. The zero value is usable.
type ProducerConfig struct {
	Queue        int // datums, of the input and of each subscription; 0: DefaultQueue
	QueueBytes   int // bytes, likewise; 0: DefaultQueueBytes
	MaxDatum     int // bytes of one encoding, at most wire.MaxDatum; 0: wire.DefaultDatum
	MaxConsumers int // 0: no limit
	MaxPerPeer   int // subscriptions of one peer; 0: DefaultPerPeer
	Lag          Lag
	BlockMax     time.Duration // under Block; 0: DefaultBlockMax
	DrainMax     time.Duration // of Close; 0: DefaultDrainMax
	// Online is how many consumers must be connected for Send to go through;
	// 0: one. AlwaysOnline lets it through without any: such datums are lost.
	Online       int
	AlwaysOnline bool
	// Require admits a consumer if it is true; nil admits all. It is asked
	// again whenever the consumer's entry or round trip changes. It must be
	// quick and free of side effects.
	Require func(discovery.Peer) bool
	// Tickets must all accept a ticket of the consumer's.
	Tickets []ticket.Validator
}

func (c ProducerConfig) withDefaults() ProducerConfig {
	orInt(&c.Queue, DefaultQueue)
	orInt(&c.QueueBytes, DefaultQueueBytes)
	orInt(&c.MaxDatum, wire.DefaultDatum)
	orInt(&c.MaxPerPeer, DefaultPerPeer)
	orInt(&c.BlockMax, DefaultBlockMax)
	orInt(&c.DrainMax, DefaultDrainMax)
	if c.Online == 0 && !c.AlwaysOnline {
		c.Online = 1
	}
	return c
}

// Validate tells everything that cannot work.
func (c ProducerConfig) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format+": %w", append(args, ErrConfig)...))
		}
	}
	check(c.Queue >= 0 && c.Queue <= 1<<20, "queue of %d datums, want 0 to %d", c.Queue, 1<<20)
	check(c.QueueBytes >= 0, "queue of %d bytes, want 0 or more", c.QueueBytes)
	check(c.MaxDatum >= 0 && c.MaxDatum <= wire.MaxDatum, "datums of %d bytes, want 0 to %d", c.MaxDatum, wire.MaxDatum)
	check(c.MaxConsumers >= 0, "at most %d consumers, want 0 or more", c.MaxConsumers)
	check(c.MaxPerPeer >= 0, "at most %d subscriptions of a peer, want 0 or more", c.MaxPerPeer)
	check(c.Lag == Disconnect || c.Lag == Block, "unknown lag policy %d", int(c.Lag))
	check(c.BlockMax >= 0 && c.DrainMax >= 0, "negative time-out")
	check(c.Online >= 0, "online with %d consumers, want 0 or more", c.Online)
	check(c.Online == 0 || !c.AlwaysOnline, "AlwaysOnline contradicts Online %d", c.Online)
	check(c.MaxConsumers == 0 || c.Online <= c.MaxConsumers, "online with %d of at most %d consumers can never be", c.Online, c.MaxConsumers)
	return errors.Join(errs...)
}

// ConsumerConfig configures a consumer. The zero value is usable.
type ConsumerConfig struct {
	Queue      int // datums; 0: DefaultQueue
	QueueBytes int // bytes; 0: DefaultQueueBytes
	// Online is how many producers must be connected for the consumer to call
	// itself online; 0: none.
	Online int
	// Require subscribes to a producer if it is true; nil subscribes to all.
	// It is asked again whenever the producer's entry or round trip changes.
	Require func(discovery.Peer) bool
	// Tickets must all accept a ticket of the producer's.
	Tickets []ticket.Validator
}

func (c ConsumerConfig) withDefaults() ConsumerConfig {
	orInt(&c.Queue, DefaultQueue)
	orInt(&c.QueueBytes, DefaultQueueBytes)
	return c
}

// Validate tells everything that cannot work.
func (c ConsumerConfig) Validate() error {
	if c.Queue < 0 || c.Queue > 1<<20 || c.QueueBytes < 0 || c.Online < 0 {
		return fmt.Errorf("consumer with a queue of %d datums and %d bytes, online with %d: want 0 or more: %w", c.Queue, c.QueueBytes, c.Online, ErrConfig)
	}
	return nil
}

func orInt[T ~int | ~int64](v *T, fallback T) {
	if *v == 0 {
		*v = fallback
	}
}

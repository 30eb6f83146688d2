package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Consumer receives the datums of every producer of its stream. It may be used
// from any goroutine or task; each datum goes to one caller.
type Consumer[T any] struct {
	core  *consumer
	codec Codec[T]
}

// consumer is what a Consumer is without its type.
type consumer struct {
	hub    *Streams
	env    *runtime.Env
	stream ident.StreamID
	worker *receivers
	queue  queue
	status runtime.Watch[Status]
	ended  runtime.Watch[*outcome] // nil until the close is done
}

// Datum is a received value and where it came from. Producer, Incarnation and
// Seq together identify it.
type Datum[T any] struct {
	Value       T
	Producer    ident.PeerID
	Incarnation uint64
	Seq         uint64
}

// Consume starts a consumer of the stream called name, with the default codec.
// It subscribes to every producer on another node that discovery knows or will
// know.
func Consume[T any](s *Streams, name string, config ConsumerConfig) (*Consumer[T], error) {
	return ConsumeWith[T](s, CBOR[T]{}, name, config)
}

// ConsumeWith is Consume with a codec of the caller's.
func ConsumeWith[T any](s *Streams, codec Codec[T], name string, config ConsumerConfig) (*Consumer[T], error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("consume %s: %w", name, err)
	}
	core, err := s.consume(ident.Stream(name), config.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("consume %s: %w", name, err)
	}
	return &Consumer[T]{core: core, codec: codec}, nil
}

// newConsumer starts the worker; s.mu is held.
func newConsumer(s *Streams, id ident.StreamID, config ConsumerConfig) *consumer {
	c := &consumer{hub: s, env: s.env, stream: id}
	strand := s.newStrand("consumer", id)
	w := &receivers{
		env: s.env, strand: strand, directory: s.directory, stream: id, config: config, queue: &c.queue,
		byPeer: map[ident.PeerID]*receiver{},
	}
	w.board = newBoard(strand, &c.status, w.look)
	c.worker = w
	c.queue.env, c.queue.strand, c.queue.onRoom = s.env, strand, w.onRoom
	c.queue.maxDatums, c.queue.maxBytes = config.Queue, config.QueueBytes
	strand.Post(func() {
		w.env.Report(event.Event{Kind: event.ConsumerOpened, Stream: id})
		w.unwatch = s.directory.Subscribe(strand, w.onPeers)
		w.changed()
	})
	return c
}

// Stream gives the id of the stream.
func (c *Consumer[T]) Stream() ident.StreamID { return c.core.stream }

// Recv gives the next datum, waiting for one. Datums of one producer come in
// order. A *Gap or a *DecodeError stands in the place of what is missing, and
// the stream goes on after it; ErrClosed and the cause of ctx end it.
func (c *Consumer[T]) Recv(ctx context.Context) (Datum[T], error) {
	for {
		d, err := c.TryRecv()
		if !errors.Is(err, ErrEmpty) {
			return d, err
		}
		if err := c.core.queue.wait(ctx); err != nil {
			return Datum[T]{}, err
		}
	}
}

// TryRecv is Recv that does not wait: it fails with ErrEmpty.
func (c *Consumer[T]) TryRecv() (Datum[T], error) {
	a, err := c.core.queue.pop()
	if err != nil {
		return Datum[T]{}, err
	}
	d := Datum[T]{Producer: a.producer, Incarnation: a.incarnation, Seq: a.from}
	if a.gap {
		return d, &Gap{Producer: a.producer, From: a.from, To: a.to}
	}
	if d.Value, err = c.decode(a); err != nil {
		return d, &DecodeError{Producer: a.producer, Seq: a.from, Err: err}
	}
	return d, nil
}

func (c *Consumer[T]) decode(a arrival) (v T, err error) {
	defer func() {
		if v := recover(); v != nil {
			panicked(c.core.env, c.core.stream, a.producer, "codec", v)
			err = fmt.Errorf("codec: %v: %w", v, wire.CallbackPanic)
		}
	}()
	return c.codec.Decode(a.payload)
}

// All gives everything that Recv gives, gaps and decode errors included, until
// the consumer is closed or ctx ends.
func (c *Consumer[T]) All(ctx context.Context) iter.Seq2[Datum[T], error] {
	return func(yield func(Datum[T], error) bool) {
		for {
			d, err := c.Recv(ctx)
			if errors.Is(err, ErrClosed) || err != nil && !passing(err) {
				return
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// passing tells whether the stream goes on after err.
func passing(err error) bool {
	var gap *Gap
	var decode *DecodeError
	return errors.As(err, &gap) || errors.As(err, &decode)
}

// When makes conditions on the consumer's producers.
func (c *Consumer[T]) When() When { return When{env: c.core.env, status: &c.core.status} }

// Status gives the present moment: a Subscription for each connected producer.
func (c *Consumer[T]) Status() Status { return c.core.status.Get() }

// Close ends all subscriptions at once, soon after it returns. What had arrived
// and was not received is dropped, and Recv gives ErrClosed. Twice is fine.
func (c *Consumer[T]) Close() { c.core.shut() }

// shut starts the close; ended tells when it is done.
func (c *consumer) shut() { c.worker.strand.Post(c.close) }

func (c *consumer) close() {
	if !c.worker.closed {
		c.worker.close()
		c.hub.forgetConsumer(c)
		c.ended.Set(&outcome{})
	}
}

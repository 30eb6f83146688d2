package stream

import (
	"context"
	"errors"
	"iter"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
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

// newConsumer starts the worker; s.mu is held.
func newConsumer(s *Streams, name string, config ConsumerConfig) *consumer {
	id := ident.Stream(name)
	c := &consumer{hub: s, env: s.env, stream: id}
	strand := s.newStrand("consumer", id)
	w := &receivers{
		caller: caller{s.env, id}, name: name, strand: strand, directory: s.directory, config: config, protocol: s.protocol, maxDatum: s.config.MaxDatum, queue: &c.queue,
		token:   strand.Rand("token").Uint64() | 1,
		demands: demands{require: config.Require, rttBelow: config.RTTBelow, tickets: ticket.NewCache(config.Tickets)},
		base:    uint64(s.made) << 32, byPeer: map[ident.PeerID]*receiver{},
	}
	w.board = newBoard(strand, &c.status, w.look)
	c.worker = w
	c.queue.env, c.queue.strand, c.queue.onRoom, c.queue.onTaken, c.queue.ready = s.env, strand, w.onRoom, w.onTaken, c.queue.due
	c.queue.maxDatums, c.queue.maxBytes = config.Queue, config.QueueBytes
	strand.Post(w.begin)
	return c
}

// Stream gives the id of the stream.
func (c *Consumer[T]) Stream() ident.StreamID { return c.core.stream }

// Recv gives the next datum, waiting for one. Datums of one producer come in
// order. A *Gap or a *DecodeError stands in the place of what is missing, and
// the stream goes on after it; ErrClosed and the cause of ctx end it.
//
// If ctx has ended, Recv returns its cause and takes nothing. What is queued
// stays for TryRecv, and for a Recv with another context.
func (c *Consumer[T]) Recv(ctx context.Context) (d Datum[T], err error) {
	if ctx.Err() != nil {
		return d, c.core.queue.canceled(ctx)
	}
	for {
		// Not here again: a caller that was woken takes what it was woken for,
		// since no other caller is woken for the same datum.
		err = c.next(&d)
		if !errors.Is(err, ErrEmpty) {
			return d, err
		}
		if err = c.core.queue.wait(ctx); err != nil {
			return d, err
		}
	}
}

// TryRecv is Recv that does not wait: it fails with ErrEmpty. It has no context,
// so it also returns what is queued after the context of Recv or All has ended.
func (c *Consumer[T]) TryRecv() (d Datum[T], err error) {
	err = c.next(&d)
	return d, err
}

// next is TryRecv with the datum in d, where it is wanted: copies are a good part of the cost.
func (c *Consumer[T]) next(d *Datum[T]) (err error) {
	var a arrival
	if err := c.core.queue.pop(&a); err != nil {
		return err
	}
	*d = Datum[T]{Producer: a.producer, Incarnation: a.incarnation, Seq: a.from}
	if a.kind != arrivalDatum {
		return &Gap{
			Producer: a.producer, Incarnation: a.incarnation, From: a.from, To: a.to, Count: a.count,
			AtMost:  a.kind == arrivalGapAtMost || a.kind == arrivalRestart && c.core.worker.config.Criteria != "",
			Unknown: a.kind >= arrivalRestart,
			Gone:    a.kind == arrivalGone,
		}
	}
	if d.Value, err = c.decode(&a); err != nil {
		c.core.env.Report(&event.Event{Kind: event.DecodeFailed, Stream: c.core.stream, Peer: a.producer, Incarnation: a.incarnation, From: a.from, To: a.from, N: 1, Text: text(err)})
		return &DecodeError{Producer: a.producer, Seq: a.from, Err: err}
	}
	return nil
}

func (c *Consumer[T]) decode(a *arrival) (v T, err error) {
	if perr := (caller{c.core.env, c.core.stream}).shield(a.producer, "codec", func() { v, err = c.codec.Decode(a.payload) }); perr != nil {
		err = perr
	}
	return v, err
}

// All gives everything that Recv gives, gaps and decode errors included, until
// the consumer is closed or ctx ends. It ends with ctx though datums are queued;
// they stay for TryRecv.
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

// Stats tells what the application received so far, of all producers together.
func (c *Consumer[T]) Stats() Stats { return c.core.queue.traffic.stats() }

// When makes conditions on the consumer's producers.
func (c *Consumer[T]) When() When { return When{env: c.core.env, status: &c.core.status} }

// Status gives the present moment: a Subscription for each connected producer.
func (c *Consumer[T]) Status() Status { return c.core.status.Get() }

// Close drops what had arrived and was not received: Recv gives ErrClosed from then on. All
// subscriptions end soon after it returned. Twice is fine.
func (c *Consumer[T]) Close() { c.core.shut() }

// shut starts the close; ended tells when it is done.
func (c *consumer) shut() {
	c.queue.close()
	c.worker.strand.Post(c.close)
}

func (c *consumer) close() {
	if !c.worker.closed {
		c.worker.close()
		c.hub.forgetConsumer(c)
		c.ended.Set(&outcome{})
	}
}

package stream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Producer sends datums of type T to every consumer of its stream. It may be
// used from any goroutine or task.
type Producer[T any] struct {
	core  *producer
	codec Codec[T]
	size  atomic.Int64 // of the last frame, in bytes
}

// producer is what a Producer is without its type.
type producer struct {
	hub    *Streams
	env    *runtime.Env
	stream ident.StreamID
	config ProducerConfig
	worker *fanout
	input  input
	status runtime.Watch[Status]
	ended  runtime.Watch[*outcome] // nil until the close is done
}

// outcome is how a close ended.
type outcome struct{ err error }

// Produce starts a producer of the stream called name, with the default codec.
// It is advertised in the node's entry until it is closed. A node has one
// producer of a stream: a second one is ErrExists.
func Produce[T any](s *Streams, name string, config ProducerConfig) (*Producer[T], error) {
	return ProduceWith[T](s, CBOR[T]{}, name, config)
}

// ProduceWith is Produce with a codec of the caller's.
func ProduceWith[T any](s *Streams, codec Codec[T], name string, config ProducerConfig) (*Producer[T], error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("produce %s: %w", name, err)
	}
	core, err := s.produce(ident.Stream(name), config.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("produce %s: %w", name, err)
	}
	return &Producer[T]{core: core, codec: codec}, nil
}

// newProducer starts the worker; s.mu is held.
func newProducer(s *Streams, id ident.StreamID, config ProducerConfig) *producer {
	p := &producer{hub: s, env: s.env, stream: id, config: config}
	strand := s.newStrand("producer", id)
	w := &fanout{
		env: s.env, strand: strand, stream: id, config: config, input: &p.input, finish: p.finish,
		guests: map[ident.PeerID]*guest{}, next: 1,
		incarnation: strand.Rand("incarnation").Uint64() | 1, // drawn before anything runs on the strand
	}
	w.resume = w.onInput
	w.board = newBoard(strand, &p.status, w.look)
	p.worker = w
	p.input.env, p.input.strand, p.input.drain, p.input.next = s.env, strand, w.resume, w.next
	p.input.max = room{datums: config.Queue, bytes: config.QueueBytes}
	p.input.online = config.Online == 0
	strand.Post(func() {
		w.env.Report(w.event(event.Event{Kind: event.ProducerOpened, N: int64(config.MaxConsumers)}))
		w.unwatch = s.directory.Subscribe(strand, w.onPeers)
		w.changed()
	})
	return p
}

// Stream gives the id of the stream.
func (p *Producer[T]) Stream() ident.StreamID { return p.core.stream }

// Incarnation tells this producer from earlier and later ones of its stream.
func (p *Producer[T]) Incarnation() uint64 { return p.core.worker.incarnation }

// Send encodes v and queues it for every consumer, waiting while the producer
// is offline or full. It returns the datum's number once it is queued, which
// says nothing about delivery. Errors: the cause of ctx, ErrClosed, or an
// *EncodeError; v was then not sent. A ctx that has ended already does not keep
// out what need not wait.
func (p *Producer[T]) Send(ctx context.Context, v T) (seq uint64, err error) {
	frame, err := p.encode(v)
	if err != nil {
		return 0, err
	}
	for {
		seq, err = p.core.input.put(frame)
		if !errors.Is(err, ErrOffline) && !errors.Is(err, ErrFull) {
			return seq, err
		}
		if err := p.core.input.wait(ctx, len(frame)); err != nil {
			return 0, err
		}
	}
}

// TrySend is Send that does not wait: it fails with ErrOffline or ErrFull.
func (p *Producer[T]) TrySend(v T) (seq uint64, err error) {
	frame, err := p.encode(v)
	if err != nil {
		return 0, err
	}
	return p.core.input.put(frame)
}

// encode makes the frame of v, with room for its number. It reckons with a size
// like that of the previous datum.
func (p *Producer[T]) encode(v T) (frame []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			panicked(p.core.env, p.core.stream, p.core.env.Transport.Local(), "codec", v)
			frame, err = nil, &EncodeError{Err: fmt.Errorf("codec: %v: %w", v, wire.CallbackPanic)}
		}
	}()
	last := p.size.Load()
	frame, err = p.codec.Append(append(make([]byte, 0, max(last, minFrame)), frameHeader[:]...), v)
	if err != nil {
		return nil, &EncodeError{Err: err}
	}
	if size := len(frame) - datumHeader; size > p.core.config.MaxDatum {
		return nil, &EncodeError{Size: size, Err: fmt.Errorf("%d bytes, at most %d: %w", size, p.core.config.MaxDatum, wire.TooLarge)}
	}
	if size := int64(len(frame)); size != last {
		p.size.Store(size)
	}
	return frame, nil
}

// minFrame is the least capacity that a frame begins with, in bytes.
const minFrame = 64

// frameHeader is what a datum's frame begins with, its number left open.
var frameHeader = [datumHeader]byte{frameDatum}

// When makes conditions on the producer's consumers.
func (p *Producer[T]) When() When { return When{env: p.core.env, status: &p.core.status} }

// Status gives the present moment.
func (p *Producer[T]) Status() Status { return p.core.status.Get() }

// Close ends the producer in order: the stream is withdrawn from the node's
// entry, nothing more is let in, and what was let in is delivered to the
// consumers that are connected, for at most DrainMax. The error is an
// *UndrainedError if that did not work out, or the cause of ctx, which ends the
// waiting and not the close. Twice is fine and gives the same. The stream may be
// produced anew as soon as Close was called.
func (p *Producer[T]) Close(ctx context.Context) error { return p.core.close(ctx) }

func (p *producer) close(ctx context.Context) error {
	p.shut()
	o, err := p.ended.Wait(ctx, p.env, func(o *outcome) bool { return o != nil })
	if err != nil {
		return err
	}
	return o.err
}

// shut starts the close; ended tells when it is done.
func (p *producer) shut() {
	p.hub.withdraw(p)
	p.worker.strand.Post(p.worker.close)
}

// finish follows the close, on the worker's strand.
func (p *producer) finish(err error) {
	p.hub.forgetProducer(p)
	p.ended.Set(&outcome{err})
}

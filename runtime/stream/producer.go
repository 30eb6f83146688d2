package stream

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// Producer is a handle of a node's producer of a stream: it sends datums of type
// T to every consumer. All handles of a stream on a node feed the same producer.
// It may be used from any goroutine or task.
type Producer[T any] struct {
	core  *producer
	codec Codec[T]
	size  atomic.Int64 // of the last frame, in bytes
	state atomic.Int32 // a handle's

	closing sync.Mutex // held while state changes
}

// The states of a handle.
const (
	handleOpen int32 = iota
	handleClosed
	handleClosedLast // and the producer with it
)

// producer is what the handles share, without their type.
type producer struct {
	hub     *Streams
	env     *runtime.Env
	stream  ident.StreamID
	config  ProducerConfig
	codec   reflect.Type
	handles int // open ones; hub.mu guards it
	worker  *fanout
	input   input
	status  runtime.Watch[Status]
	ended   runtime.Watch[*outcome] // nil until the close is done
}

// outcome is how a close ended.
type outcome struct{ err error }

// newProducer starts the worker; s.mu is held.
func newProducer(s *Streams, name string, config ProducerConfig, codec reflect.Type, out outlet) *producer {
	id := ident.Stream(name)
	p := &producer{hub: s, env: s.env, stream: id, config: config, codec: codec}
	strand := s.newStrand("producer", id)
	w := &fanout{
		caller: caller{s.env, id}, name: name, strand: strand, directory: s.directory, config: config, outlet: out, input: &p.input, finish: p.finish,
		guests: map[ident.PeerID]*guest{}, next: 1,
		demands:     demands{require: config.Require, rttBelow: config.RTTBelow, tickets: ticket.NewCache(config.Tickets)},
		incarnation: strand.Rand("incarnation").Uint64() | 1, // drawn before anything runs on the strand
	}
	w.before = s.former.last[id]
	w.resume = w.onInput
	w.board = newBoard(strand, &p.status, w.look)
	p.worker = w
	p.input.env, p.input.strand, p.input.drain, p.input.next = s.env, strand, w.resume, w.next
	p.input.max = room{datums: config.Queue, bytes: config.QueueBytes}
	p.input.online = config.Online.met(0, nil)
	strand.Post(w.begin)
	return p
}

// maxFormerProducers bounds the streams for which a node remembers the last producer. It equals
// the number of streams that a node can offer at once.
const maxFormerProducers = 4096

// formerProducers holds, for each stream, the incarnation of the last producer that took a
// datum. The streams used most recently are kept. Its zero value is ready.
type formerProducers struct {
	last  map[ident.StreamID]uint64
	order []ident.StreamID // the stream that was produced first comes first
}

// note records the incarnation of the last producer of a stream that took a datum.
func (f *formerProducers) note(id ident.StreamID, incarnation uint64) {
	if f.last == nil {
		f.last = map[ident.StreamID]uint64{}
	}
	if f.last[id] != 0 {
		f.order = slices.DeleteFunc(f.order, func(o ident.StreamID) bool { return o == id })
	}
	f.last[id] = incarnation
	f.order = append(f.order, id)
	if len(f.order) > maxFormerProducers {
		delete(f.last, f.order[0])
		f.order = slices.Delete(f.order, 0, 1)
	}
}

// Stream gives the id of the stream.
func (p *Producer[T]) Stream() ident.StreamID { return p.core.stream }

// Incarnation tells this producer from earlier and later ones of its stream.
func (p *Producer[T]) Incarnation() uint64 { return p.core.worker.incarnation }

// Send encodes v and queues it for every consumer, waiting while the producer
// is offline or full. It returns the datum's number once it is queued, which
// says nothing about delivery. Every error is a *SendError[T] that holds v, which
// was then not sent, and wraps the cause of ctx, ErrClosed or an *EncodeError. A
// ctx that has ended already does not keep out what need not wait.
func (p *Producer[T]) Send(ctx context.Context, v T) (seq uint64, err error) {
	frame, err := p.encode(v)
	if err == nil {
		seq, err = p.send(ctx, frame)
	}
	return seq, p.sendError(v, err)
}

// TrySend is Send that does not wait: it fails with ErrOffline or ErrFull too.
func (p *Producer[T]) TrySend(v T) (seq uint64, err error) {
	frame, err := p.encode(v)
	if err == nil {
		seq, err = p.put(frame)
	}
	return seq, p.sendError(v, err)
}

// SendBatch sends values in order, as Send does each, but for less. It tells
// how many were queued, from the first on; the *SendError[T] is about the next
// one. Datums of others may come between those of a batch.
func (p *Producer[T]) SendBatch(ctx context.Context, values []T) (n int, err error) {
	for n < len(values) && err == nil {
		var frames [][]byte
		for _, v := range values[n:min(len(values), n+maxBatch)] {
			var frame []byte
			if frame, err = p.encode(v); err != nil {
				break
			}
			frames = append(frames, frame)
		}
		for _, frame := range frames {
			if _, serr := p.send(ctx, frame); serr != nil {
				err = serr
				break
			}
			n++
		}
	}
	if err != nil {
		return n, p.sendError(values[n], err)
	}
	return n, nil
}

// send waits until frame is queued.
func (p *Producer[T]) send(ctx context.Context, frame []byte) (seq uint64, err error) {
	for {
		seq, err = p.put(frame)
		if !errors.Is(err, ErrOffline) && !errors.Is(err, ErrFull) {
			return seq, err
		}
		if err := p.core.input.wait(ctx, len(frame), p.isClosed); err != nil {
			return 0, err
		}
	}
}

func (p *Producer[T]) put(frame []byte) (seq uint64, err error) {
	if p.isClosed() {
		return 0, ErrClosed
	}
	seq, err = p.core.input.put(frame)
	if seq == 1 {
		p.core.hub.tookFirst(p.core)
	}
	return seq, err
}

func (p *Producer[T]) isClosed() bool { return p.state.Load() != handleOpen }

func (p *Producer[T]) sendError(v T, err error) error {
	if err == nil {
		return nil
	}
	return &SendError[T]{Datum: v, Err: err}
}

// encode makes the frame of v, with room for its number. It reckons with a size
// like that of the previous datum.
func (p *Producer[T]) encode(v T) (frame []byte, err error) {
	c := caller{p.core.env, p.core.stream}
	last := p.size.Load()
	defer func() {
		if err != nil {
			frame = nil
			c.env.Report(&event.Event{Kind: event.EncodeFailed, Stream: c.stream, Incarnation: p.Incarnation()})
		}
	}()
	if perr := c.shield(nobody, "codec", func() {
		frame, err = p.codec.Append(append(make([]byte, 0, max(last, minFrame)), frameHeader[:]...), v)
	}); perr != nil {
		err = perr
	}
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

// Clone gives one more handle of the same producer. Errors: ErrClosed.
func (p *Producer[T]) Clone() (*Producer[T], error) {
	if p.isClosed() || !p.core.hub.hold(p.core) {
		return nil, ErrClosed
	}
	return &Producer[T]{core: p.core, codec: p.codec}, nil
}

// Close closes this handle: its Sends fail with ErrClosed from here on. With the
// last handle the producer ends, in order: the stream is withdrawn from the node's
// entry, nothing more is let in, and what was let in is delivered to the queues of the
// consumers that are connected; Close does not wait for their applications to take it from
// there. A consumer that makes no progress for DrainMax is given up. The error is an
// *UndrainedError if that happened, or the cause of ctx, which ends the waiting and not the
// close: Status may show the close only a moment later then. Twice is fine and gives the
// same. The stream may be produced anew as soon as Close was called.
func (p *Producer[T]) Close(ctx context.Context) error {
	if !p.release() {
		return nil
	}
	o, err := p.core.ended.Wait(ctx, p.core.env, func(o *outcome) bool { return o != nil })
	if err != nil {
		return err
	}
	return o.err
}

// release closes the handle, if it is open, and reports whether it was the last: then the
// producer closes.
func (p *Producer[T]) release() (last bool) {
	p.closing.Lock()
	defer p.closing.Unlock()
	if p.state.CompareAndSwap(handleOpen, handleClosed) {
		if !p.core.hub.release(p.core) {
			p.core.input.wakeAll()
			return false
		}
		p.state.Store(handleClosedLast)
		p.core.shut()
	}
	return p.state.Load() == handleClosedLast
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

package stream

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/smalti/smalti/runtime/criteria"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Def is a declared stream: a name, a type and a codec that producers and
// consumers share, with the configuration of both. It is immutable and usable as
// a package-level value.
type Def[T any] struct {
	name        string
	codec       Codec[T]
	producer    ProducerConfig
	consumer    ConsumerConfig
	undelivered func(T, wire.Reason)
}

// Option changes a declaration.
type Option[T any] func(*Def[T])

// Define declares the stream called name. Without options its codec is CBOR and
// both sides have the default configuration. A declaration with an empty name can be
// neither produced nor consumed: that is an ErrConfig.
func Define[T any](name string, options ...Option[T]) *Def[T] {
	return (&Def[T]{name: name, codec: CBOR[T]{}}).with(options)
}

// With gives a declaration that differs by options.
func (d *Def[T]) With(options ...Option[T]) *Def[T] {
	changed := *d
	return changed.with(options)
}

func (d *Def[T]) with(options []Option[T]) *Def[T] {
	for _, o := range options {
		o(d)
	}
	return d
}

// checkName returns an error if the stream has no name.
func (d *Def[T]) checkName() error {
	if d.name == "" {
		return fmt.Errorf("the name of the stream is empty, give one of one character or more: %w", ErrConfig)
	}
	return nil
}

// Name gives the stream's name.
func (d *Def[T]) Name() string { return d.name }

// Stream gives the stream's id, which is derived from its name.
func (d *Def[T]) Stream() ident.StreamID { return ident.Stream(d.name) }

// WithCodec has both sides use c.
func WithCodec[T any](c Codec[T]) Option[T] { return func(d *Def[T]) { d.codec = c } }

// Producing configures the producers.
func Producing[T any](c ProducerConfig) Option[T] { return func(d *Def[T]) { d.producer = c } }

// Consuming configures the consumers.
func Consuming[T any](c ConsumerConfig) Option[T] { return func(d *Def[T]) { d.consumer = c } }

// OnUndelivered has f told of every datum that reached no consumer's queue, and
// why: wire.NoConsumer, wire.NoMatch, wire.Lagged when every queue was full, or
// the reason for which the only takers were cut. f runs on the producer's strand:
// it must be quick and must not block. The value is decoded anew.
func OnUndelivered[T any](f func(T, wire.Reason)) Option[T] {
	return func(d *Def[T]) { d.undelivered = f }
}

// Produce gives a handle of the node's producer of the stream, which it starts
// if there is none; what runs already keeps its configuration. It is advertised
// in the node's entry until its last handle is closed. Errors: ErrClosed, those
// of ErrConfig, or a *TypeError if the node produces the stream with another type
// or codec.
func (d *Def[T]) Produce(s *Streams) (*Producer[T], error) {
	p, _, err := d.produce(s)
	return p, err
}

// ProduceNew is Produce that fails with an *ExistsError[T] if the node has a
// producer of the stream.
func (d *Def[T]) ProduceNew(s *Streams) (*Producer[T], error) {
	p, existed, err := d.produce(s)
	if err == nil && existed {
		return nil, fmt.Errorf("produce %s: %w", d.name, &ExistsError[T]{Producer: p})
	}
	return p, err
}

func (d *Def[T]) produce(s *Streams) (p *Producer[T], existed bool, err error) {
	if err := errors.Join(d.checkName(), d.producer.Validate()); err != nil {
		return nil, false, fmt.Errorf("produce %s: %w", d.name, err)
	}
	core, existed, err := s.produce(d.name, d.producer.withDefaults(), reflect.TypeOf(d.codec), d.outlet)
	if err != nil {
		return nil, false, fmt.Errorf("produce %s: %w", d.name, err)
	}
	return &Producer[T]{core: core, codec: d.codec}, existed, nil
}

// outlet gives the worker what it needs of the type.
func (d *Def[T]) outlet() outlet {
	var o outlet
	if f, ok := d.codec.(criteria.Fielder); ok {
		o.fields = f.Fields
	}
	if d.undelivered != nil {
		o.undelivered = func(payload []byte, r wire.Reason) error {
			v, err := d.codec.Decode(payload)
			if err == nil {
				d.undelivered(v, r)
			}
			return err
		}
	}
	return o
}

// Consume starts a consumer, which subscribes to every producer
// that discovery knows or will know.
func (d *Def[T]) Consume(s *Streams) (*Consumer[T], error) {
	if err := errors.Join(d.checkName(), d.consumer.Validate()); err != nil {
		return nil, fmt.Errorf("consume %s: %w", d.name, err)
	}
	core, err := s.consume(d.name, d.consumer.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("consume %s: %w", d.name, err)
	}
	return &Consumer[T]{core: core, codec: d.codec}, nil
}

// Produce is Define(name, options...) with config, then Def.Produce. The error is a
// *discovery.LimitError if the node's entry has no room for one more stream.
func Produce[T any](s *Streams, name string, config ProducerConfig, options ...Option[T]) (*Producer[T], error) {
	return Define(name, Producing[T](config)).With(options...).Produce(s)
}

// Consume is Define(name, options...) with config, then Def.Consume.
func Consume[T any](s *Streams, name string, config ConsumerConfig, options ...Option[T]) (*Consumer[T], error) {
	return Define(name, Consuming[T](config)).With(options...).Consume(s)
}

// outlet is what a worker needs to know of the type of its datums; nil where it
// is not to be had or not wanted.
type outlet struct {
	fields      func(payload []byte) (any, error)
	undelivered func(payload []byte, r wire.Reason) error
}

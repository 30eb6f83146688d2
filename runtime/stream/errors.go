package stream

import (
	"errors"
	"fmt"

	"github.com/smalti/smalti/runtime/ident"
)

// Errors of producers and consumers.
var (
	// ErrClosed: the producer or consumer, or its node, was closed.
	ErrClosed = errors.New("stream closed")
	// ErrFull: the producer's input is full; Send would wait.
	ErrFull = errors.New("producer full")
	// ErrOffline: the producer's online condition is not met; Send would wait.
	ErrOffline = errors.New("producer offline")
	// ErrEmpty: nothing has arrived; Recv would wait.
	ErrEmpty = errors.New("consumer empty")
	// ErrExists: the node has a producer of this stream already.
	ErrExists = errors.New("producer exists")
	// ErrConfig: a configuration cannot work.
	ErrConfig = errors.New("invalid configuration")
)

// EncodeError tells that the codec refused a datum, or that its encoding is too
// large. The datum was not sent.
type EncodeError struct {
	Err  error
	Size int // of the encoding, in bytes, if it is too large
}

func (e *EncodeError) Error() string { return fmt.Sprintf("encode datum: %v", e.Err) }

// Unwrap gives the cause.
func (e *EncodeError) Unwrap() error { return e.Err }

// DecodeError tells that the codec refused what a producer sent. The stream goes
// on.
type DecodeError struct {
	Producer ident.PeerID
	Seq      uint64
	Err      error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode datum %d of %s: %v", e.Seq, e.Producer.Short(), e.Err)
}

// Unwrap gives the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

// Gap tells that the consumer misses datums From to To of a producer, which
// skipped them or sent them while the consumer was away. The stream goes on after
// it.
type Gap struct {
	Producer ident.PeerID
	From, To uint64
}

func (g *Gap) Error() string {
	return fmt.Sprintf("missed datums %d to %d of %s", g.From, g.To, g.Producer.Short())
}

// Count is how many datums are missing.
func (g *Gap) Count() uint64 { return g.To - g.From + 1 }

// UndrainedError tells that a producer was closed and not everything that it had
// accepted was confirmed by every consumer before the deadline.
type UndrainedError struct {
	// Consumers is how many were connected when the close began and neither
	// confirmed everything nor left on their own.
	Consumers int
	// Datums is how many deliveries to them certainly did not happen; what the
	// network had taken may be lost too.
	Datums int
	// Input is how many datums were never handed to any consumer.
	Input int
}

func (e *UndrainedError) Error() string {
	return fmt.Sprintf("close producer: %d consumers did not confirm everything: at least %d deliveries and %d datums of the input are lost", e.Consumers, e.Datums, e.Input)
}

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
	// ErrExists is wrapped by every ExistsError.
	ErrExists = errors.New("producer exists")
	// ErrType is wrapped by every TypeError.
	ErrType = errors.New("stream of another type")
	// ErrConfig: a configuration cannot work.
	ErrConfig = errors.New("invalid configuration")
)

// SendError tells why a datum was not sent, and returns it.
type SendError[T any] struct {
	Datum T
	Err   error
}

func (e *SendError[T]) Error() string { return fmt.Sprintf("send datum: %v", e.Err) }

// Unwrap gives the cause.
func (e *SendError[T]) Unwrap() error { return e.Err }

// ExistsError tells that a node has a producer of a stream already.
type ExistsError[T any] struct {
	// Producer is a handle of it, which must be closed like any other.
	Producer *Producer[T]
}

func (e *ExistsError[T]) Error() string {
	return fmt.Sprintf("%v: close it first, or use Produce to share it", ErrExists)
}

// Unwrap gives ErrExists.
func (e *ExistsError[T]) Unwrap() error { return ErrExists }

// TypeError tells that a node produces a stream with another codec, and so with
// datums of another type or encoding.
type TypeError struct {
	Have, Want string // the codecs, in Go's notation
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("%v: this node produces it with %s, not %s", ErrType, e.Have, e.Want)
}

// Unwrap gives ErrType.
func (e *TypeError) Unwrap() error { return ErrType }

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

// Gap tells that the consumer misses Count datums among From to To of a producer,
// which skipped them or sent them while the consumer was away, or an unknown number of
// datums. The stream goes on after it.
type Gap struct {
	Producer    ident.PeerID
	Incarnation uint64 // whose numbers From and To are
	From, To    uint64 // To is below From if Count is 0
	Count       uint64 // 0 only if Unknown
	// AtMost: Count is an upper bound. The consumer has criteria, and which of the
	// datums that were sent meanwhile match them is not known.
	AtMost bool
	// Unknown: more datums than Count may be missing, and how many is not known. The
	// producer was lost, or gave this consumer up, and then offered the stream no more or
	// came back as another incarnation; or it gave this consumer up before that heard of its
	// admission. Incarnation is the one that is connected now, and Count says how many datums
	// of that one are missing besides.
	Unknown bool
	// Gone: Unknown, for the producer offers the stream no more. From is the first number
	// that may be missing. If this incarnation comes back after all, what follows of it says
	// exactly what is missing: the next Gap, or the datum From.
	Gone bool
}

// Known reports whether Count is exactly how many datums are missing.
func (g *Gap) Known() bool { return !g.AtMost && !g.Unknown }

func (g *Gap) Error() string {
	var known string
	switch {
	case g.Count == 0:
	case g.AtMost:
		known = fmt.Sprintf("at most %d of datums %d to %d", g.Count, g.From, g.To)
	case g.Count == g.To-g.From+1:
		known = fmt.Sprintf("%s, %d to %d", count(g.Count, "datum"), g.From, g.To)
	default:
		known = fmt.Sprintf("%d of datums %d to %d", g.Count, g.From, g.To)
	}
	producer := "producer " + g.Producer.Short()
	switch {
	case !g.Unknown:
		return "missed " + known + ", of " + producer
	case g.Gone:
		return "missed an unknown number of datums of " + producer + ", which is gone"
	case known == "":
		return "missed an unknown number of datums of " + producer
	default:
		return "missed an unknown number of datums of " + producer + ", and then " + known
	}
}

// count returns a number with its noun.
func count(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// UndrainedError tells that a producer was closed and not everything that it had
// accepted was confirmed by every consumer before the deadline. A consumer confirms what is
// in its queue.
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

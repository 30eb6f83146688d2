package runtime

import (
	"errors"

	"github.com/smalti/smalti/runtime/wire"
)

// Errors of Link.Send and Transport.Listen.
var (
	// ErrFull: the link's queue is full; OnWritable will follow.
	ErrFull = errors.New("link queue full")
	// ErrClosed: the link is closed, closing or draining.
	ErrClosed = errors.New("link closed")
	// ErrListening: the protocol has a listener already.
	ErrListening = errors.New("protocol has a listener already")
)

// Closed tells how a link ended. It is an error, and errors.Is finds its
// reason: errors.Is(c, wire.TooSlow).
type Closed struct {
	// Reason is the peer's, or what this side noticed.
	Reason wire.Reason
	// Local: this side ended the link.
	Local bool
	// Drained: every message that Send took was taken by the peer's handler.
	Drained bool
	// Unsent are the messages that Send took and that were never handed whole
	// to the wire, oldest first.
	Unsent [][]byte
}

func (c Closed) Error() string {
	if c.Local {
		return "link closed: " + c.Reason.String()
	}
	return "link closed by peer: " + c.Reason.String()
}

// Unwrap gives the reason.
func (c Closed) Unwrap() error { return c.Reason }

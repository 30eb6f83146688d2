package quicnet

import (
	"context"
	"errors"
	"math"
	"os"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime/wire"
)

// refusal is an error with a reason, made by this side.
type refusal struct {
	reason wire.Reason
	text   string
	remote bool // the peer gave the reason after all
}

func (r *refusal) Error() string {
	if r.text == "" {
		return r.reason.String()
	}
	return r.text
}

func (r *refusal) Unwrap() error { return r.reason }

func refuse(r wire.Reason, text string) error { return &refusal{reason: r, text: text} }

// refusedBy is an error with a reason that the peer gave.
func refusedBy(r wire.Reason) error { return &refusal{reason: r, remote: true} }

// reasonOf gives the reason in an error of QUIC or of this package, and
// whether the peer gave it.
func reasonOf(err error) (r wire.Reason, remote bool) {
	var own *refusal
	var stream *quic.StreamError
	var app *quic.ApplicationError
	var idle *quic.IdleTimeoutError
	var transport *quic.TransportError
	switch {
	case err == nil:
		return wire.None, false
	case errors.As(err, &own):
		return own.reason, own.remote
	case errors.As(err, &stream):
		return fromCode(uint64(stream.ErrorCode)), stream.Remote
	case errors.As(err, &app):
		return fromCode(uint64(app.ErrorCode)), app.Remote
	case errors.As(err, &idle):
		return wire.IdleTimeout, false
	case errors.As(err, &transport) && transport.ErrorCode == quic.ConnectionRefused:
		return wire.Overloaded, transport.Remote
	case errors.Is(err, quic.ErrTransportClosed): // whatever the error of the socket was
		return wire.ConnectionLost, false
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return wire.HandshakeTimeout, false
	}
	return wire.ConnectionLost, false
}

// fromCode reads an application error code of QUIC. 0 is what an
// implementation sends that gives no reason.
func fromCode(code uint64) wire.Reason {
	if code == 0 || code > math.MaxUint16 {
		return wire.UnexpectedClose
	}
	return wire.Reason(code)
}

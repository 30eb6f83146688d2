package ticket

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/zeebo/blake3"
)

// A ticket's data has DefaultData bytes at most, and MaxData where discovery.Limits say so.
const (
	DefaultData = 2 << 10
	MaxData     = 8 << 10
)

// ID names a ticket: the BLAKE3 hash of its class and data.
type ID [32]byte

// Class tells which validators understand a ticket. Make one with NewClass.
type Class [32]byte

// NewClass gives the class called name, for example "example.com/ticket/1".
func NewClass(name string) Class { return Class(blake3.Sum256([]byte("smalti ticket class " + name))) }

// Ticket is a credential: bytes that only validators of its class understand.
type Ticket struct {
	Class Class  `cbor:"1,keyasint"`
	Data  []byte `cbor:"2,keyasint"`
}

// ID gives the ticket's id.
func (t Ticket) ID() ID {
	h := blake3.New()
	_, _ = h.Write(t.Class[:])
	_, _ = h.Write(t.Data)
	var id ID
	h.Sum(id[:0])
	return id
}

// Compare orders tickets by class, then data.
func (t Ticket) Compare(u Ticket) int {
	if c := bytes.Compare(t.Class[:], u.Class[:]); c != 0 {
		return c
	}
	return bytes.Compare(t.Data, u.Data)
}

// Validator judges the tickets of one class.
type Validator interface {
	Class() Class
	// Validate gives the time at which the right that data gives to peer ends.
	// The error wraps the reason of the refusal: wire.Expired, wire.Revoked or
	// wire.NotAllowed. now is the wall time of whoever enforces.
	Validate(peer ident.PeerID, data []byte, now time.Time) (Expiration, error)
}

// Check judges the tickets that peer carries. Each validator must accept at
// least one of them, of which its latest end counts; the earliest of those
// ends is the result, Never without validators. Every error wraps a
// wire.Reason.
func Check(peer ident.PeerID, tickets []Ticket, validators []Validator, now time.Time) (Expiration, error) {
	end := Never
	for _, v := range validators {
		e, err := best(peer, tickets, v, now)
		if err != nil {
			return Expiration{}, err
		}
		end = end.Earlier(e)
	}
	return end, nil
}

// best gives the latest end among the tickets that v accepts, or the most
// telling refusal: a ticket that was withdrawn says more than one that is over, and
// that more than one that never was any good.
func best(peer ident.PeerID, tickets []Ticket, v Validator, now time.Time) (end Expiration, err error) {
	found, reason := false, error(nil)
	for _, t := range tickets {
		if t.Class != v.Class() {
			continue
		}
		e, verr := v.Validate(peer, t.Data, now)
		if verr == nil && e.Passed(now) {
			verr = fmt.Errorf("ticket ended at %s: %w", e, wire.Expired)
		}
		switch {
		case verr != nil && (reason == nil || telling(verr) > telling(reason)):
			reason = verr
		case verr == nil && (!found || e.After(end)):
			found, end = true, e
		}
	}
	switch {
	case found:
		return end, nil
	case reason != nil:
		if _, ok := errors.AsType[wire.Reason](reason); !ok {
			reason = fmt.Errorf("%w: %w", reason, wire.NotAllowed)
		}
		return end, fmt.Errorf("validate ticket: %w", reason)
	default:
		return end, fmt.Errorf("validate ticket: none of the class asked for: %w", wire.NotAllowed)
	}
}

// telling ranks refusals.
func telling(err error) int {
	switch {
	case errors.Is(err, wire.Revoked):
		return 2
	case errors.Is(err, wire.Expired):
		return 1
	default:
		return 0
	}
}

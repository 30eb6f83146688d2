// Package tickettest is a small ticket scheme for tests and scenarios: an
// ed25519 signature over the peer and the end of its right.
package tickettest

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

const domain = "smalti/tickettest/1"

// Class is the class of the tickets of this package.
var Class = ticket.NewClass("smalti/tickettest/1")

// Issue signs a ticket for peer that ends at end.
func Issue(issuer ident.Key, peer ident.PeerID, end time.Time) ticket.Ticket {
	data := binary.BigEndian.AppendUint64(nil, uint64(end.UnixNano()))
	return ticket.Ticket{Class: Class, Data: append(data, issuer.Sign(domain, append(peer[:], data...))...)}
}

// Validator accepts the tickets of one issuer.
type Validator struct {
	Issuer ident.PeerID
	// Seen remembers which signatures were right, for all validators of a simulated
	// world; nil: none.
	Seen *Seen
}

// Seen is a memory of validators that run on one thread. Its zero value is empty.
type Seen struct{ right map[string]bool }

// maxSeen bounds it.
const maxSeen = 8 << 10

// genuine tells whether the issuer signed data for peer.
func (v Validator) genuine(peer ident.PeerID, data []byte) bool {
	verify := func() bool { return v.Issuer.Verify(domain, append(peer[:], data[:8]...), data[8:]) }
	if v.Seen == nil {
		return verify()
	}
	key := string(v.Issuer[:]) + string(peer[:]) + string(data)
	right, ok := v.Seen.right[key]
	if ok {
		return right
	}
	if v.Seen.right == nil || len(v.Seen.right) >= maxSeen {
		v.Seen.right = map[string]bool{}
	}
	right = verify()
	v.Seen.right[key] = right
	return right
}

var _ ticket.Validator = Validator{}

// Class implements ticket.Validator.
func (Validator) Class() ticket.Class { return Class }

// Validate implements ticket.Validator.
func (v Validator) Validate(peer ident.PeerID, data []byte, now time.Time) (ticket.Expiration, error) {
	if len(data) != 8+ident.SignatureSize {
		return ticket.Never, fmt.Errorf("ticket of %d bytes: %w", len(data), wire.NotAllowed)
	}
	if !v.genuine(peer, data) {
		return ticket.Never, fmt.Errorf("ticket not signed by %s for %s: %w", v.Issuer.Short(), peer.Short(), wire.NotAllowed)
	}
	end := ticket.At(time.Unix(0, int64(binary.BigEndian.Uint64(data[:8]))))
	if end.Passed(now) {
		return end, fmt.Errorf("ticket ended at %s: %w", end, wire.Expired)
	}
	return end, nil
}

package discovery

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// entryDomain separates signatures of entries from all others.
const entryDomain = "smalti/entry/1"

// EntryProtocol is the version of the entries that this build publishes.
const EntryProtocol = 1

// Entry is what a node says of itself. It is immutable once made. Tags, Streams
// and Tickets are sorted and without duplicates; Addrs are IP:PORT, best first.
type Entry struct {
	Protocol uint16
	Network  ident.NetworkID
	Peer     ident.PeerID
	Version  Version
	Addrs    []string
	Tags     []ident.Tag
	Streams  []ident.StreamPrefix
	Tickets  []ticket.Ticket
}

// HasTag tells whether the node carries t.
func (e *Entry) HasTag(t ident.Tag) bool {
	_, found := slices.BinarySearchFunc(e.Tags, t, ident.Tag.Compare)
	return found
}

// HasStream reports whether the node says that it produces s. An entry has prefixes of 8
// bytes, so another stream may be meant; a subscription to it is refused with
// wire.StreamNotFound.
func (e *Entry) HasStream(s ident.StreamID) bool {
	_, found := slices.BinarySearchFunc(e.Streams, s.Prefix(), ident.StreamPrefix.Compare)
	return found
}

// Uptime is how long the node runs at now, as it says itself; 0 if by now's clock it
// has not begun.
func (e *Entry) Uptime(now time.Time) time.Duration {
	return max(0, now.Sub(time.UnixMilli(e.Version.Started)))
}

// sameContent tells whether e and f say the same, whatever their versions.
func (e *Entry) sameContent(f *Entry) bool {
	return e.Protocol == f.Protocol && e.Network == f.Network && e.Peer == f.Peer &&
		slices.Equal(e.Addrs, f.Addrs) && slices.Equal(e.Tags, f.Tags) && slices.Equal(e.Streams, f.Streams) &&
		slices.EqualFunc(e.Tickets, f.Tickets, func(a, b ticket.Ticket) bool { return a.Compare(b) == 0 })
}

// Signed is an entry with the bytes that prove it. Both are immutable.
type Signed struct {
	Entry *Entry
	// Raw is the signature and the body exactly as the peer signed them,
	// fields that this build does not know included.
	Raw   []byte
	peer  Peer // as a catalog holds it before the round trip is known
	local bool // it names a loopback address
}

func newSigned(e *Entry, raw []byte) *Signed {
	return &Signed{Entry: e, Raw: raw, peer: newPeer(e, raw), local: loopback(e.Addrs)}
}

// entryBody is the signed part. Ids are byte strings whose length is checked
// here, for a decoder would pad or cut them.
type entryBody struct {
	Protocol uint16       `cbor:"1,keyasint"`
	Network  []byte       `cbor:"2,keyasint"`
	Peer     []byte       `cbor:"3,keyasint"`
	Started  int64        `cbor:"4,keyasint"`
	Updated  int64        `cbor:"5,keyasint"`
	Addrs    []string     `cbor:"6,keyasint,omitempty"`
	Tags     [][]byte     `cbor:"7,keyasint,omitempty"`
	Streams  []byte       `cbor:"8,keyasint,omitempty"` // prefixes, one after the other
	Tickets  []ticketBody `cbor:"9,keyasint,omitempty"`
}

type ticketBody struct {
	Class []byte `cbor:"1,keyasint"`
	Data  []byte `cbor:"2,keyasint"`
}

// Sign signs e with the key of its peer. The lists of e must be in order; the
// error says what no peer would accept.
func Sign(e *Entry, key ident.Key) (*Signed, error) {
	if key.PeerID() != e.Peer {
		return nil, fmt.Errorf("sign entry: the key is that of %s, the entry that of %s", key.PeerID().Short(), e.Peer.Short())
	}
	b := entryBody{
		Protocol: e.Protocol, Network: e.Network[:], Peer: e.Peer[:],
		Started: e.Version.Started, Updated: e.Version.Updated, Addrs: e.Addrs,
	}
	for i := range e.Tags {
		b.Tags = append(b.Tags, e.Tags[i][:])
	}
	for i := range e.Streams {
		b.Streams = append(b.Streams, e.Streams[i][:]...)
	}
	for i := range e.Tickets {
		b.Tickets = append(b.Tickets, ticketBody{Class: e.Tickets[i].Class[:], Data: e.Tickets[i].Data})
	}
	body, err := wire.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("sign entry: %w", err)
	}
	raw := append(key.Sign(entryDomain, body), body...)
	if err := check(e, len(raw)); err != nil {
		return nil, fmt.Errorf("sign entry: %w", err)
	}
	return newSigned(e, raw), nil
}

// Parse decodes a signed entry and verifies its signature. It is a pure
// function of raw, which it keeps: it must not be modified. The error wraps
// ErrMalformed, ErrSignature or ErrAddress, or is a LimitError against the
// hard limits.
func Parse(raw []byte) (*Signed, error) {
	body, err := split(raw, hardLimits.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse entry: %w", err)
	}
	var b entryBody
	if err := wire.Unmarshal(body, hardLimits.Bytes, &b); err != nil {
		return nil, fmt.Errorf("parse entry: %w: %w", ErrMalformed, err)
	}
	e, err := b.entry()
	if err == nil {
		err = check(e, len(raw))
	}
	if err != nil {
		return nil, fmt.Errorf("parse entry: %w", err)
	}
	if !e.Peer.Verify(entryDomain, body, raw[:ident.SignatureSize]) {
		return nil, fmt.Errorf("parse entry of %s: %w", e.Peer.Short(), ErrSignature)
	}
	return newSigned(e, raw), nil
}

// split takes the body from behind the signature.
func split(raw []byte, limit int) (body []byte, err error) {
	switch {
	case len(raw) > limit:
		return nil, &LimitError{What: "bytes", Have: len(raw), Max: limit}
	case len(raw) <= ident.SignatureSize:
		return nil, fmt.Errorf("%d bytes: %w", len(raw), ErrMalformed)
	}
	return raw[ident.SignatureSize:], nil
}

// prefixSize is the length of a stream in an entry, in bytes.
const prefixSize = len(ident.StreamPrefix{})

func (b *entryBody) entry() (*Entry, error) {
	e := &Entry{Protocol: b.Protocol, Version: Version{Started: b.Started, Updated: b.Updated}, Addrs: b.Addrs}
	ok := setID(&e.Network, b.Network) && setID(&e.Peer, b.Peer)
	ok = ok && setIDs(&e.Tags, b.Tags)
	e.Tickets = make([]ticket.Ticket, len(b.Tickets))
	for i, t := range b.Tickets {
		ok = ok && setID(&e.Tickets[i].Class, t.Class)
		e.Tickets[i].Data = t.Data
	}
	if !ok {
		return nil, fmt.Errorf("an id is not of %d bytes: %w", ident.Size, ErrMalformed)
	}
	if len(b.Streams)%prefixSize != 0 {
		return nil, fmt.Errorf("%d bytes of streams, want a multiple of %d: %w", len(b.Streams), prefixSize, ErrMalformed)
	}
	e.Streams = make([]ident.StreamPrefix, 0, len(b.Streams)/prefixSize)
	for s := range slices.Chunk(b.Streams, prefixSize) {
		e.Streams = append(e.Streams, ident.StreamPrefix(s))
	}
	return e, nil
}

func setID[T ~[ident.Size]byte](id *T, b []byte) bool {
	if len(b) != ident.Size {
		return false
	}
	*id = T(b)
	return true
}

func setIDs[T ~[ident.Size]byte](ids *[]T, list [][]byte) bool {
	*ids = make([]T, len(list))
	for i, b := range list {
		if !setID(&(*ids)[i], b) {
			return false
		}
	}
	return true
}

// check holds for every entry, own or heard: what a correct peer never signs is
// refused.
func check(e *Entry, size int) error {
	if err := e.Version.check(); err != nil {
		return err
	}
	if err := hardLimits.check(e, size); err != nil {
		return err
	}
	for i, addr := range e.Addrs {
		if err := checkAddr(addr); err != nil {
			return err
		}
		if slices.Contains(e.Addrs[:i], addr) {
			return fmt.Errorf("address %s twice: %w", addr, ErrMalformed)
		}
	}
	switch {
	case e.Protocol == 0 || e.Peer.IsZero() || e.Network == ident.NetworkID{}:
		return fmt.Errorf("no protocol, peer or network: %w", ErrMalformed)
	case !ascending(e.Tags, ident.Tag.Compare):
		return fmt.Errorf("tags out of order: %w", ErrMalformed)
	case !ascending(e.Streams, ident.StreamPrefix.Compare):
		return fmt.Errorf("streams out of order: %w", ErrMalformed)
	case !ascending(e.Tickets, ticket.Ticket.Compare):
		return fmt.Errorf("tickets out of order: %w", ErrMalformed)
	}
	return nil
}

// ascending tells whether each element is above the one before.
func ascending[T any](list []T, compare func(T, T) int) bool {
	for i := 1; i < len(list); i++ {
		if compare(list[i-1], list[i]) >= 0 {
			return false
		}
	}
	return true
}

// sortedSet gives a sorted copy without duplicates.
func sortedSet[T any](list []T, compare func(T, T) int) []T {
	set := slices.Clone(list)
	slices.SortFunc(set, compare)
	return slices.CompactFunc(set, func(a, b T) bool { return compare(a, b) == 0 })
}

// cloneTickets copies tickets whole, for an entry must not change when the
// caller's slices do.
func cloneTickets(list []ticket.Ticket) []ticket.Ticket {
	set := sortedSet(list, ticket.Ticket.Compare)
	for i := range set {
		set[i].Data = bytes.Clone(set[i].Data)
	}
	return set
}

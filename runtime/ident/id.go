package ident

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/zeebo/blake3"
)

// Size is the length of every id, in bytes.
const Size = 32

// shortDigits is how many hexadecimal digits Short prints: 40 bits tell a few
// thousand nodes apart in a log.
const shortDigits = 10

// ErrMalformed is wrapped by every error of the parsers in this package.
var ErrMalformed = errors.New("malformed id")

// PeerID names a node: its ed25519 public key. The zero value names nobody.
type PeerID [Size]byte

// NetworkID isolates nodes of different networks from each other. It is no
// secret. The zero value is no network.
type NetworkID [Size]byte

// StreamID names a stream of datums. The zero value is no stream.
type StreamID [Size]byte

// Tag labels a node in its entry.
type Tag [Size]byte

// Network gives the id of the network called name.
func Network(name string) NetworkID { return NetworkID(named(name)) }

// Stream gives the id of the stream called name.
func Stream(name string) StreamID { return StreamID(named(name)) }

// NewTag gives the tag called name.
func NewTag(name string) Tag { return Tag(named(name)) }

// ParsePeerID reads the 64 hexadecimal digits that PeerID.String prints, in
// either case.
func ParsePeerID(s string) (PeerID, error) {
	id, ok := fromHex(s)
	if !ok {
		return PeerID{}, fmt.Errorf("parse peer id %.80q: want %d hexadecimal digits: %w", s, 2*Size, ErrMalformed)
	}
	return PeerID(id), nil
}

// String gives 64 lower-case hexadecimal digits.
func (p PeerID) String() string { return hex.EncodeToString(p[:]) }

// Short gives the first ten digits of String, for logs and metric labels.
func (p PeerID) Short() string { return hex.EncodeToString(p[:])[:shortDigits] }

// IsZero tells whether p is the zero value.
func (p PeerID) IsZero() bool { return p == PeerID{} }

// Compare orders peer ids by their bytes.
func (p PeerID) Compare(q PeerID) int { return bytes.Compare(p[:], q[:]) }

// MarshalText implements encoding.TextMarshaler.
func (p PeerID) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *PeerID) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePeerID(string(text))
	return err
}

// String gives 64 lower-case hexadecimal digits.
func (n NetworkID) String() string { return hex.EncodeToString(n[:]) }

// Short gives the first ten digits of String.
func (n NetworkID) Short() string { return n.String()[:shortDigits] }

// String gives 64 lower-case hexadecimal digits.
func (s StreamID) String() string { return hex.EncodeToString(s[:]) }

// Short gives the first ten digits of String.
func (s StreamID) Short() string { return s.String()[:shortDigits] }

// IsZero tells whether s is the zero value.
func (s StreamID) IsZero() bool { return s == StreamID{} }

// Compare orders stream ids by their bytes.
func (s StreamID) Compare(t StreamID) int { return bytes.Compare(s[:], t[:]) }

// StreamPrefix is the first 8 bytes of a StreamID: enough to find the producers of a
// stream, which the handshake, with the whole id, then verifies.
type StreamPrefix [8]byte

// Prefix returns the first bytes of s.
func (s StreamID) Prefix() StreamPrefix { return StreamPrefix(s[:8]) }

// String returns 16 lower-case hexadecimal digits.
func (p StreamPrefix) String() string { return hex.EncodeToString(p[:]) }

// Compare orders prefixes by their bytes.
func (p StreamPrefix) Compare(q StreamPrefix) int { return bytes.Compare(p[:], q[:]) }

// String gives 64 lower-case hexadecimal digits.
func (t Tag) String() string { return hex.EncodeToString(t[:]) }

// Short gives the first ten digits of String.
func (t Tag) Short() string { return t.String()[:shortDigits] }

// Compare orders tags by their bytes.
func (t Tag) Compare(u Tag) int { return bytes.Compare(t[:], u[:]) }

// named is the rule for names: 64 hexadecimal digits are the bytes they spell,
// everything else is hashed.
func named(name string) [Size]byte {
	if id, ok := fromHex(name); ok {
		return id
	}
	return blake3.Sum256([]byte(name))
}

func fromHex(s string) (id [Size]byte, ok bool) {
	if len(s) != 2*Size {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err == nil
}

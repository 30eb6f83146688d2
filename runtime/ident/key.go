package ident

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// KeySize is the length of a key's seed, in bytes.
const KeySize = ed25519.SeedSize

// SignatureSize is the length of a signature, in bytes.
const SignatureSize = ed25519.SignatureSize

// Key is the secret behind a PeerID: an ed25519 private key. Its String is
// redacted, so that a key that reaches a log by accident says nothing.
type Key struct{ private ed25519.PrivateKey }

// KeyFromSeed derives the key of a 32-byte seed. The same seed gives the same
// key, which is what simulated nodes and tests want; a real node draws its
// seed from the operating system with GenerateKey.
func KeyFromSeed(seed [KeySize]byte) Key {
	return Key{private: ed25519.NewKeyFromSeed(seed[:])}
}

// GenerateKey draws a key from random, which must be a cryptographic source.
func GenerateKey(random io.Reader) (Key, error) {
	var seed [KeySize]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return Key{}, fmt.Errorf("generate key: %w", err)
	}
	return KeyFromSeed(seed), nil
}

// ParseKey reads what Key.Format wrote; surrounding white space is allowed.
func ParseKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	seed, ok := fromHex(text)
	if !ok {
		return Key{}, fmt.Errorf("parse key: want %d hexadecimal digits, have %d characters: %w", 2*KeySize, len(text), ErrMalformed)
	}
	return KeyFromSeed(seed), nil
}

// Format gives the secret seed as 64 hexadecimal digits and a newline: the
// content of a key file.
func (k Key) Format() string { return hex.EncodeToString(k.private.Seed()) + "\n" }

// String hides the secret.
func (k Key) String() string { return "<key of " + k.PeerID().Short() + ">" }

// GoString hides the secret.
func (k Key) GoString() string { return k.String() }

// IsZero tells whether k is the zero Key, which can sign nothing.
func (k Key) IsZero() bool { return k.private == nil }

// PeerID gives the public side of k, the zero PeerID for a zero Key.
func (k Key) PeerID() PeerID {
	if k.private == nil {
		return PeerID{}
	}
	return PeerID(k.private.Public().(ed25519.PublicKey))
}

// Private gives the key in the form that crypto/tls wants.
func (k Key) Private() ed25519.PrivateKey { return k.private }

// Sign signs the exact bytes of message under a domain, so that a signature
// made for one purpose never passes for another. Domains are constants that
// end in a version, for example "smalti/entry/1".
func (k Key) Sign(domain string, message []byte) []byte {
	return ed25519.Sign(k.private, bound(domain, message))
}

// Verify tells whether signature is p's over the exact bytes of message under
// domain.
func (p PeerID) Verify(domain string, message, signature []byte) bool {
	return len(signature) == SignatureSize && ed25519.Verify(p[:], bound(domain, message), signature)
}

// bound prefixes message with its domain. The zero byte keeps one domain from
// being the prefix of another.
func bound(domain string, message []byte) []byte {
	b := make([]byte, 0, len(domain)+1+len(message))
	b = append(b, domain...)
	b = append(b, 0)
	return append(b, message...)
}

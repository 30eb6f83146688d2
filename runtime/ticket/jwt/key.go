package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	_ "crypto/sha512" // of the 384 and 512 algorithms
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/golang-jwt/jwt/v5"
)

// Algorithm is the name of a signature scheme, as in a token's header (RFC 7518,
// section 3.1, and RFC 8037).
type Algorithm string

// The algorithms.
const (
	HS256 Algorithm = "HS256"
	HS384 Algorithm = "HS384"
	HS512 Algorithm = "HS512"
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	EdDSA Algorithm = "EdDSA"
)

// ErrKey is wrapped by every error about key material.
var ErrKey = errors.New("unusable key")

// schemes tells what each algorithm is made of: the least secret of an HMAC, in
// bytes (RFC 7518, section 3.2), or the curve.
var schemes = map[Algorithm]struct {
	method jwt.SigningMethod
	secret int
	curve  elliptic.Curve
	hash   crypto.Hash
}{
	HS256: {method: jwt.SigningMethodHS256, secret: 32},
	HS384: {method: jwt.SigningMethodHS384, secret: 48},
	HS512: {method: jwt.SigningMethodHS512, secret: 64},
	ES256: {method: jwt.SigningMethodES256, curve: elliptic.P256(), hash: crypto.SHA256},
	ES384: {method: jwt.SigningMethodES384, curve: elliptic.P384(), hash: crypto.SHA384},
	ES512: {method: jwt.SigningMethodES512, curve: elliptic.P521(), hash: crypto.SHA512},
	EdDSA: {method: jwt.SigningMethodEdDSA},
}

// Key verifies tokens of one algorithm. Make one with PublicKey or
// SigningKey.Verifying.
type Key struct {
	alg Algorithm
	id  string
	key any // what the library's Verify wants
}

// WithID gives the key with a name: tokens that name a key (kid) are tried with
// that one only.
func (k Key) WithID(id string) Key {
	k.id = id
	return k
}

// String names the algorithm and the key's name. It tells nothing of a secret.
func (k Key) String() string { return fmt.Sprintf("%s key %q", k.alg, k.id) }

// GoString is String.
func (k Key) GoString() string { return k.String() }

// SigningKey signs tokens with one algorithm. Make one with NewSigningKey.
type SigningKey struct {
	Key
	private any // what the library's Sign wants
}

// WithID gives the key with a name, which its tokens carry.
func (k SigningKey) WithID(id string) SigningKey {
	k.id = id
	return k
}

// Verifying gives the key that verifies what k signs: for HMAC the secret itself.
func (k SigningKey) Verifying() Key { return k.Key }

// NewSigningKey makes a key from its bytes: for HMAC a secret of at least 32, 48 or
// 64 bytes, for ECDSA the private scalar of 32, 48 or 66 bytes, for EdDSA the
// Ed25519 seed of 32 bytes.
func NewSigningKey(alg Algorithm, private []byte) (SigningKey, error) {
	s, known := schemes[alg]
	switch {
	case !known:
		return SigningKey{}, fmt.Errorf("algorithm %q: %w", alg, ErrKey)
	case s.secret > 0:
		if len(private) < s.secret {
			return SigningKey{}, fmt.Errorf("%s: a secret of %d bytes, at least %d are needed: %w", alg, len(private), s.secret, ErrKey)
		}
		secret := append([]byte(nil), private...)
		return SigningKey{Key{alg: alg, key: secret}, secret}, nil
	case s.curve != nil:
		private, err := ecdsa.ParseRawPrivateKey(s.curve, private)
		if err != nil {
			return SigningKey{}, fmt.Errorf("%s: %w: %w", alg, err, ErrKey)
		}
		return SigningKey{Key{alg: alg, key: &private.PublicKey}, private}, nil
	default:
		if len(private) != ed25519.SeedSize {
			return SigningKey{}, fmt.Errorf("%s: a seed of %d bytes, want %d: %w", alg, len(private), ed25519.SeedSize, ErrKey)
		}
		key := ed25519.NewKeyFromSeed(private)
		return SigningKey{Key{alg: alg, key: key.Public()}, key}, nil
	}
}

// PublicKey makes a verifying key from its bytes: for ECDSA the point in SEC 1
// form, compressed (33, 49 or 67 bytes) or not, for EdDSA the 32 bytes of the
// Ed25519 public key. HMAC has none.
func PublicKey(alg Algorithm, public []byte) (Key, error) {
	s, known := schemes[alg]
	switch {
	case !known:
		return Key{}, fmt.Errorf("algorithm %q: %w", alg, ErrKey)
	case s.secret > 0:
		return Key{}, fmt.Errorf("%s has no public keys: use NewSigningKey and Verifying: %w", alg, ErrKey)
	case s.curve != nil:
		key, err := point(s.curve, public)
		if err != nil {
			return Key{}, fmt.Errorf("%s: %w: %w", alg, err, ErrKey)
		}
		return Key{alg: alg, key: key}, nil
	default:
		if len(public) != ed25519.PublicKeySize {
			return Key{}, fmt.Errorf("%s: a public key of %d bytes, want %d: %w", alg, len(public), ed25519.PublicKeySize, ErrKey)
		}
		return Key{alg: alg, key: ed25519.PublicKey(append([]byte(nil), public...))}, nil
	}
}

// point reads a point of a curve.
func point(curve elliptic.Curve, b []byte) (*ecdsa.PublicKey, error) {
	if len(b) == 1+(curve.Params().BitSize+7)/8 {
		x, y := elliptic.UnmarshalCompressed(curve, b)
		if x == nil {
			return nil, errors.New("no point of the curve")
		}
		size := len(b) - 1
		full := make([]byte, 1+2*size)
		full[0] = 4
		x.FillBytes(full[1 : 1+size])
		y.FillBytes(full[1+size:])
		b = full
	}
	return ecdsa.ParseUncompressedPublicKey(curve, b)
}

// sign signs deterministically.
func (k SigningKey) sign(text string) ([]byte, error) {
	s := schemes[k.alg]
	private, ok := k.private.(*ecdsa.PrivateKey)
	if !ok {
		return s.method.Sign(text, k.private)
	}
	h := s.hash.New()
	_, _ = h.Write([]byte(text))
	der, err := private.Sign(nil, h.Sum(nil), s.hash) // without randomness: RFC 6979
	if err != nil {
		return nil, err
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return nil, err
	}
	size := (s.curve.Params().BitSize + 7) / 8
	sig := make([]byte, 2*size)
	pair.R.FillBytes(sig[:size])
	pair.S.FillBytes(sig[size:])
	return sig, nil
}

// verify tells whether sig is the key's signature of text.
func (k Key) verify(text string, sig []byte) bool {
	return schemes[k.alg].method.Verify(text, sig, k.key) == nil
}

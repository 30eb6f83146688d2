package wire

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/zeebo/blake3"
)

// Instance is 128 random bits that a node draws at each start. It tells a peer
// that dialled twice from one that restarted.
type Instance [16]byte

// Secret is the network secret: who knows it is a member.
type Secret [32]byte

// ProofSize is the length of a proof of membership, in bytes.
const ProofSize = 32

// ExporterLabel is the label of the TLS exporter (RFC 8446, section 7.5) that
// ties a proof to its connection.
const ExporterLabel = "EXPORTER-smalti-hello"

// proofDomain is the context from which the keyed hash of a proof is derived.
const proofDomain = "smalti hello proof 1"

// Hello is what each side says first on a new connection, as CBOR. The
// dialler's hello carries no proof: it proves last, in a second one, once the
// acceptor has proven that it is a member.
type Hello struct {
	VersionMin uint16          `cbor:"1,keyasint"`
	VersionMax uint16          `cbor:"2,keyasint"`
	Network    ident.NetworkID `cbor:"3,keyasint"`
	Instance   Instance        `cbor:"4,keyasint"`
	Proof      []byte          `cbor:"5,keyasint,omitempty"`
	// Refused ends the hello with a reason instead of an answer.
	Refused Reason `cbor:"6,keyasint,omitempty"`
}

// ParseHello decodes a hello.
func ParseHello(b []byte) (Hello, error) {
	var h Hello
	if err := Unmarshal(b, MaxHello, &h); err != nil {
		return Hello{}, err
	}
	if h.VersionMin > h.VersionMax {
		return Hello{}, fmt.Errorf("parse hello: versions %d to %d: %w", h.VersionMin, h.VersionMax, ErrDecode)
	}
	return h, nil
}

// Negotiate gives the highest version that both hellos allow. The error is a
// VersionMismatch that names both ranges.
func Negotiate(ours, theirs Hello) (uint16, error) {
	v := min(ours.VersionMax, theirs.VersionMax)
	if v < ours.VersionMin || v < theirs.VersionMin {
		return 0, fmt.Errorf("we speak versions %d to %d, the peer %d to %d: %w",
			ours.VersionMin, ours.VersionMax, theirs.VersionMin, theirs.VersionMax, VersionMismatch)
	}
	return v, nil
}

// Role tells the two proofs of one connection apart, so that neither side can
// answer with the other's.
type Role byte

// The two sides of a connection.
const (
	Dialler  Role = 'd'
	Acceptor Role = 'a'
)

// Proof shows that the side of the given role knows the secret, on this one
// connection and for these two peers: BLAKE3 keyed with the secret over role,
// both peers, network and the connection's TLS exporter.
func (s Secret) Proof(role Role, dialler, acceptor ident.PeerID, network ident.NetworkID, exporter []byte) []byte {
	var key [32]byte
	blake3.DeriveKey(proofDomain, s[:], key[:])
	h, err := blake3.NewKeyed(key[:])
	if err != nil {
		panic(err) // the key has the right size
	}
	_, _ = h.Write([]byte{byte(role)})
	_, _ = h.Write(dialler[:])
	_, _ = h.Write(acceptor[:])
	_, _ = h.Write(network[:])
	_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(exporter))))
	_, _ = h.Write(exporter)
	return h.Sum(nil)
}

// CheckProof tells, in constant time for each secret, whether any of secrets
// made proof. Without secrets everyone is a member.
func CheckProof(secrets []Secret, proof []byte, role Role, dialler, acceptor ident.PeerID, network ident.NetworkID, exporter []byte) bool {
	ok := len(secrets) == 0
	for _, s := range secrets {
		if subtle.ConstantTimeCompare(proof, s.Proof(role, dialler, acceptor, network, exporter)) == 1 {
			ok = true
		}
	}
	return ok
}

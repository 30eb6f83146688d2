package discovery

import (
	"fmt"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// suspicionDomain separates signatures of suspicions from all others.
const suspicionDomain = "smalti/suspicion/1"

// maxSuspicion bounds a signed suspicion, in bytes; this build writes about 200,
// the rest is for fields of later versions.
const maxSuspicion = 1 << 10

// Suspicion is the word of one member that another, as of one version of its entry,
// does not answer. It removes nobody: who hears enough of them looks, waits, and
// hides the peer only if it does not refute them with a newer version.
type Suspicion struct {
	Network ident.NetworkID
	// Accuser signs it.
	Accuser ident.PeerID
	Suspect ident.PeerID
	// Version is that of the suspect's entry. A newer one refutes it.
	Version Version
	raw     []byte
}

type suspicionBody struct {
	Network []byte `cbor:"1,keyasint"`
	Accuser []byte `cbor:"2,keyasint"`
	Suspect []byte `cbor:"3,keyasint"`
	Started int64  `cbor:"4,keyasint"`
	Updated int64  `cbor:"5,keyasint"`
}

// SignSuspicion signs that suspect, as of version v, does not answer key's peer.
func SignSuspicion(network ident.NetworkID, suspect ident.PeerID, v Version, key ident.Key) (*Suspicion, error) {
	if err := v.check(); err != nil {
		return nil, fmt.Errorf("sign suspicion: %w", err)
	}
	s := &Suspicion{Network: network, Accuser: key.PeerID(), Suspect: suspect, Version: v}
	body := wire.MustMarshal(suspicionBody{
		Network: network[:], Accuser: s.Accuser[:], Suspect: suspect[:], Started: v.Started, Updated: v.Updated,
	})
	s.raw = append(key.Sign(suspicionDomain, body), body...)
	return s, nil
}

// Raw gives the signature and the body exactly as the accuser signed them. They
// must not be modified.
func (s *Suspicion) Raw() []byte { return s.raw }

// ParseSuspicion decodes a signed suspicion and verifies its signature. It keeps
// raw.
func ParseSuspicion(raw []byte) (*Suspicion, error) {
	s, err := decodeSuspicion(raw)
	if err != nil {
		return nil, err
	}
	return s, s.verify()
}

// decodeSuspicion leaves the signature for verify, because most suspicions that are
// heard are known already.
func decodeSuspicion(raw []byte) (*Suspicion, error) {
	body, err := split(raw, maxSuspicion)
	if err != nil {
		return nil, fmt.Errorf("parse suspicion: %w", err)
	}
	var b suspicionBody
	if err := wire.Unmarshal(body, maxSuspicion, &b); err != nil {
		return nil, fmt.Errorf("parse suspicion: %w: %w", ErrMalformed, err)
	}
	s := &Suspicion{Version: Version{Started: b.Started, Updated: b.Updated}, raw: raw}
	if !setID(&s.Network, b.Network) || !setID(&s.Accuser, b.Accuser) || !setID(&s.Suspect, b.Suspect) {
		return nil, fmt.Errorf("parse suspicion: an id is not of %d bytes: %w", ident.Size, ErrMalformed)
	}
	if s.Accuser == s.Suspect {
		return nil, fmt.Errorf("parse suspicion: %s suspects itself: %w", s.Accuser.Short(), ErrMalformed)
	}
	if err := s.Version.check(); err != nil {
		return nil, fmt.Errorf("parse suspicion: %w", err)
	}
	return s, nil
}

func (s *Suspicion) verify() error {
	if !s.Accuser.Verify(suspicionDomain, s.raw[ident.SignatureSize:], s.raw[:ident.SignatureSize]) {
		return fmt.Errorf("parse suspicion by %s: %w", s.Accuser.Short(), ErrSignature)
	}
	return nil
}

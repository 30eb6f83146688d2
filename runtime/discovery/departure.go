package discovery

import (
	"fmt"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// departureDomain separates signatures of departures from all others.
const departureDomain = "smalti/departure/1"

// maxDeparture bounds a signed departure, in bytes; this build writes about
// 160, the rest is for fields of later versions.
const maxDeparture = 1 << 10

// Departure is a node's last word: it leaves the network. It ends every entry
// of its run, whatever order the two arrive in; an entry of a later run stands.
type Departure struct {
	Network ident.NetworkID
	Peer    ident.PeerID
	Version Version
	raw     []byte
}

type departureBody struct {
	Network []byte `cbor:"1,keyasint"`
	Peer    []byte `cbor:"2,keyasint"`
	Started int64  `cbor:"3,keyasint"`
	Updated int64  `cbor:"4,keyasint"`
}

// SignDeparture signs the departure of key's peer.
func SignDeparture(network ident.NetworkID, v Version, key ident.Key) (*Departure, error) {
	if err := v.check(); err != nil {
		return nil, fmt.Errorf("sign departure: %w", err)
	}
	d := &Departure{Network: network, Peer: key.PeerID(), Version: v}
	body := wire.MustMarshal(departureBody{Network: network[:], Peer: d.Peer[:], Started: v.Started, Updated: v.Updated})
	d.raw = append(key.Sign(departureDomain, body), body...)
	return d, nil
}

// Raw gives the signature and the body exactly as the peer signed them. They
// must not be modified.
func (d *Departure) Raw() []byte { return d.raw }

// Ends tells whether the departure ends an entry of version v.
func (d *Departure) Ends(v Version) bool { return v.Started <= d.Version.Started }

// ParseDeparture decodes a signed departure and verifies its signature. It
// keeps raw.
func ParseDeparture(raw []byte) (*Departure, error) {
	d, err := decodeDeparture(raw)
	if err != nil {
		return nil, err
	}
	return d, d.verify()
}

// decodeDeparture leaves the signature for verify, because most departures that
// are heard are known already.
func decodeDeparture(raw []byte) (*Departure, error) {
	body, err := split(raw, maxDeparture)
	if err != nil {
		return nil, fmt.Errorf("parse departure: %w", err)
	}
	var b departureBody
	if err := wire.Unmarshal(body, maxDeparture, &b); err != nil {
		return nil, fmt.Errorf("parse departure: %w: %w", ErrMalformed, err)
	}
	d := &Departure{Version: Version{Started: b.Started, Updated: b.Updated}, raw: raw}
	if !setID(&d.Network, b.Network) || !setID(&d.Peer, b.Peer) {
		return nil, fmt.Errorf("parse departure: an id is not of %d bytes: %w", ident.Size, ErrMalformed)
	}
	if err := d.Version.check(); err != nil {
		return nil, fmt.Errorf("parse departure: %w", err)
	}
	return d, nil
}

func (d *Departure) verify() error {
	if !d.Peer.Verify(departureDomain, d.raw[ident.SignatureSize:], d.raw[:ident.SignatureSize]) {
		return fmt.Errorf("parse departure of %s: %w", d.Peer.Short(), ErrSignature)
	}
	return nil
}

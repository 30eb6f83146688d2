package quicnet

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/zeebo/blake3"
)

// alpn is the application protocol of TLS; its number changes only when the
// hello itself does.
const alpn = "smalti/1"

// newTLS gives the configuration of both roles. What the certificate says
// besides its key means nothing, so its dates are the widest that X.509 has.
func newTLS(key ident.Key) (*tls.Config, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	private := key.Private()
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{alpn},
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // there is no authority: VerifyConnection judges the key
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := peerOf(state)
			return err
		},
	}, nil
}

// resetKey derives the key of stateless resets (RFC 9000, section 10.3) from that of the
// node: a node that restarts can say of packets of connections from before that it does not
// know them, so that peers need not wait for their idle time-out.
func resetKey(key ident.Key) *quic.StatelessResetKey {
	var reset quic.StatelessResetKey
	blake3.DeriveKey("smalti stateless reset 1", key.Private().Seed(), reset[:])
	return &reset
}

// peerOf gives the identity that the other side proved in the handshake.
func peerOf(state tls.ConnectionState) (ident.PeerID, error) {
	if len(state.PeerCertificates) != 1 {
		return ident.PeerID{}, fmt.Errorf("verify peer: %d certificates, want 1", len(state.PeerCertificates))
	}
	key, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || len(key) != ident.Size {
		return ident.PeerID{}, fmt.Errorf("verify peer: the key is no ed25519 key")
	}
	return ident.PeerID(key), nil
}

package quicnet_test

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime/wire"
)

// The tests of this file hold a transport with the fewest options to what SECURITY.md says.

// plainClient is a QUIC client with an identity and nothing of smalti's.
func plainClient(t *testing.T) (*quic.Transport, *tls.Config) {
	t.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	transport := &quic.Transport{Conn: socket}
	t.Cleanup(func() {
		_ = transport.Close()
		_ = socket.Close()
	})
	config := rawTLS()
	config.ServerName = "n" // by which a cache would find what it can resume
	return transport, config
}

func (n *node) addr() net.Addr {
	addr, err := net.ResolveUDPAddr("udp", n.Addrs()[0])
	if err != nil {
		n.t.Fatal(err)
	}
	return addr
}

// ticketCache counts the tickets with which a TLS session could be resumed.
type ticketCache struct {
	tls.ClientSessionCache
	put chan struct{}
}

func (c ticketCache) Put(key string, s *tls.ClientSessionState) {
	if s != nil {
		c.put <- struct{}{}
	}
	c.ClientSessionCache.Put(key, s)
}

func TestNodesOfferNoResumption(t *testing.T) {
	t.Parallel()
	n := start(t, "n")
	transport, config := plainClient(t)
	cache := ticketCache{tls.NewLRUClientSessionCache(4), make(chan struct{}, 16)}
	config.ClientSessionCache = cache
	for range 2 {
		conn, err := transport.DialEarly(t.Context(), n.addr(), config, &quic.Config{})
		if err != nil {
			t.Fatal(err)
		}
		<-conn.HandshakeComplete()
		state := conn.ConnectionState()
		if state.TLS.Version != tls.VersionTLS13 || state.TLS.DidResume || state.Used0RTT {
			t.Errorf("TLS version %x, resumed %t, 0-RTT %t; want 1.3 and neither", state.TLS.Version, state.TLS.DidResume, state.Used0RTT)
		}
		select {
		case <-cache.put:
			t.Error("the node hands out a ticket for resumption")
		case <-time.After(200 * time.Millisecond):
		}
		_ = conn.CloseWithError(0, "")
	}
}

func TestPeersNeedAKeyOfTheirOwn(t *testing.T) {
	t.Parallel()
	n := start(t, "n")
	transport, config := plainClient(t)
	config.Certificates = nil
	conn, err := transport.Dial(t.Context(), n.addr(), config, &quic.Config{})
	if err == nil { // the client is done before the node has judged it
		select {
		case <-conn.Context().Done():
		case <-time.After(4 * time.Second):
			t.Error("a client without a certificate is let in")
		}
	}
}

func TestPeerThatSaysNoHelloIsGivenUp(t *testing.T) {
	t.Parallel()
	n := start(t, "n")
	for what, hello := range map[string][]byte{"silent": nil, "long": make([]byte, wire.MaxHello+1)} {
		transport, config := plainClient(t)
		began := time.Now()
		conn, err := transport.Dial(t.Context(), n.addr(), config, &quic.Config{MaxIdleTimeout: time.Minute, KeepAlivePeriod: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if hello != nil {
			s, err := conn.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = s.Write(append([]byte{0xff, 0xff, 0xff}, hello...))
		}
		select {
		case <-conn.Context().Done():
		case <-time.After(wire.DefaultHelloTimeout + 2*time.Second):
			t.Errorf("%s: still connected after %s", what, time.Since(began))
		}
	}
}

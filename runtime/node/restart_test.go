package node_test

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/quicnet"
	"github.com/smalti/smalti/runtime/wire"
)

// A bootstrap peer that was killed and starts again without a store has an empty catalog.
// Its former peers reconnect soon, because it resets their connections.
func TestKilledBootstrapPeerIsFoundAgainSoon(t *testing.T) {
	onMachine(t, func(x *trial) {
		var socket atomic.Pointer[net.UDPConn]
		first := x.node("n0", func(_ *trial, _ string, s *setup) {
			s.quic = func(c *quicnet.Config) {
				c.ListenPacket = func(string) (net.PacketConn, error) {
					if socket.Load() != nil {
						return nil, errors.New("killed")
					}
					udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
					socket.Store(udp)
					return udp, err
				}
			}
		})
		boot := first.Endpoint()
		const others = 3
		for _, name := range []string{"n1", "n2", "n3"} {
			x.node(name, func(_ *trial, _ string, s *setup) { s.Bootstrap = []discovery.Endpoint{boot} })
		}
		x.settle()
		x.sleep(time.Second)
		_ = socket.Load().Close() // nothing that it says from here on arrives
		began := x.env().Clock.Mono()
		again := x.node("n0", func(_ *trial, _ string, s *setup) {
			s.quic = func(c *quicnet.Config) { c.Listen = boot.Addrs[0] }
		})
		x.by(10*time.Second, "the bootstrap peer knows the others", func() bool { return again.Discovery().Catalog().Len() == 1+others })
		took := x.env().Clock.Mono() - began
		x.Logf("found again after %s", took)
		if most := wire.DefaultKeepAlive + time.Second; took > most {
			x.Errorf("found again after %s, want %s at most", took, most)
		}
	})
}

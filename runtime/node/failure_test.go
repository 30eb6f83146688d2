package node_test

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/quicnet"
)

// A node whose transport fails closes, and Close returns the error.
func TestNodeEndsWithItsTransport(t *testing.T) {
	onMachine(t, func(x *trial) {
		var socket atomic.Pointer[net.UDPConn]
		n := x.node("n0", func(_ *trial, _ string, s *setup) {
			s.quic = func(c *quicnet.Config) {
				c.Observer, c.ReopenTimeout = x.log, 100*time.Millisecond
				c.ListenPacket = func(string) (net.PacketConn, error) {
					if socket.Load() != nil {
						return nil, os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)
					}
					udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
					socket.Store(udp)
					return udp, err
				}
			}
		})
		_ = socket.Load().Close() // as the system takes it away
		if ok, err := n.Closing().Wait(x.limited(5*time.Second), n.Env(), func(closing bool) bool { return closing }); !ok || err != nil {
			x.Fatalf("the node goes on without a socket: %v", err)
		}
		if err := n.Close(context.Background()); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			x.Errorf("Close returned %v, want why there is no socket", err)
		}
		if x.log.count(n, event.TransportFailed) != 1 || x.log.count(n, event.NodeStopped) != 1 {
			x.Errorf("the end was not reported")
		}
	})
}

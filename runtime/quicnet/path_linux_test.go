package quicnet_test

import (
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/quicnet"
	"github.com/smalti/smalti/runtime/wire"
	"golang.org/x/sys/unix"
)

// narrowing is a socket on a path that carries packets of at most so many bytes; 0: all.
type narrowing struct {
	*net.UDPConn
	most atomic.Int64
}

func (n *narrowing) WriteMsgUDP(p, oob []byte, addr *net.UDPAddr) (int, int, error) {
	size := len(p)
	messages, _ := unix.ParseSocketControlMessage(oob)
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_UDP && m.Header.Type == unix.UDP_SEGMENT {
			size = min(size, int(binary.NativeEndian.Uint16(m.Data))) // several packets in one call
		}
	}
	if most := n.most.Load(); most > 0 && int64(size) > most {
		return len(p), len(oob), nil
	}
	return n.UDPConn.WriteMsgUDP(p, oob, addr)
}

// A session on a path that has come to carry smaller packets ends although small packets
// arrive, and the next one finds out how large packets may be.
func TestSessionOnAPathThatBecameNarrowerEnds(t *testing.T) {
	t.Parallel()
	var path *narrowing
	brisk := func(c *quicnet.Config) { c.IdleTimeout, c.KeepAlive = 6*time.Second, 3*time.Second }
	x := start(t, "x", brisk, func(c *quicnet.Config) {
		c.ListenPacket = func(string) (net.PacketConn, error) {
			udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				return nil, err
			}
			path = &narrowing{UDPConn: udp}
			return path, nil
		}
	})
	y := start(t, "y", brisk)
	accepted := y.listen()
	near := x.dial(y)
	await(t, "open", near.open)
	far := await(t, "accepted link", accepted)
	const size = 3000
	for i := range 50 { // meanwhile packets become larger
		near.send(message(i, size))
		time.Sleep(10 * time.Millisecond)
	}
	far.expect(50, size)

	path.most.Store(1250)
	began := time.Now()
	near.send(batch(2, size)...)
	if c := near.awaitClosed(); c.Reason != wire.IdleTimeout {
		t.Errorf("%v, want idle-timeout", c)
	}
	t.Logf("the session ended after %v", time.Since(began))
	if c := far.awaitClosed(); c.Reason != wire.IdleTimeout {
		t.Errorf("the peer: %v, want idle-timeout", c)
	}
	near = x.dial(y)
	await(t, "open", near.open)
	far = await(t, "accepted link", accepted)
	near.send(batch(10, size)...)
	far.expect(10, size)
	near.do(func(l runtime.Link) { l.Close(wire.Finished) })
}

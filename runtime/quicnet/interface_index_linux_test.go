package quicnet

import (
	"bytes"
	"encoding/binary"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// gone is an index of no interface.
const gone = 1 << 30

// controlMessage returns one control message as the system takes it.
func controlMessage(level, kind int32, data ...byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(data)))
	binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(len(data)))) // tests run on 64 bits
	binary.NativeEndian.PutUint32(b[8:], uint32(level))
	binary.NativeEndian.PutUint32(b[12:], uint32(kind))
	copy(b[unix.CmsgLen(0):], data)
	return b
}

func from4(address string, index int) []byte {
	return (&ipv4.ControlMessage{Src: net.ParseIP(address), IfIndex: index}).Marshal()
}

func from6(address string, index int) []byte {
	return (&ipv6.ControlMessage{Src: net.ParseIP(address), IfIndex: index}).Marshal()
}

func TestInterfaceIndexIsClearedAlone(t *testing.T) {
	t.Parallel()
	ecn4 := controlMessage(unix.IPPROTO_IP, unix.IP_TOS, 2)
	ecn6 := controlMessage(unix.IPPROTO_IPV6, unix.IPV6_TCLASS, 2, 0, 0, 0)
	gso := controlMessage(unix.IPPROTO_UDP, unix.UDP_SEGMENT, binary.NativeEndian.AppendUint16(nil, 1200)...)
	join := func(messages ...[]byte) []byte { return slices.Concat(messages...) }
	broken := from4("10.0.0.1", gone)
	binary.NativeEndian.PutUint64(broken, 1<<20)
	for name, c := range map[string]struct {
		oob, want []byte // want nil: nothing is cleared
		to        net.UDPAddr
	}{
		"IPv4": {oob: from4("10.0.0.1", gone), want: from4("10.0.0.1", 0)},
		"IPv6": {oob: from6("fd77::1", gone), want: from6("fd77::1", 0)},
		"IPv4, GSO and ECN": {
			oob:  join(from4("10.0.0.1", gone), gso, ecn4),
			want: join(from4("10.0.0.1", 0), gso, ecn4),
		},
		"IPv6, GSO and ECN first": {
			oob:  join(gso, ecn6, from6("fd77::1", gone)),
			want: join(gso, ecn6, from6("fd77::1", 0)),
		},
		"no index":               {oob: join(from4("10.0.0.1", 0), gso)},
		"no packet information":  {oob: join(gso, ecn4)},
		"nothing":                {},
		"link-local source":      {oob: from6("fe80::1", gone)},
		"link-local destination": {oob: from6("fd77::1", gone), to: net.UDPAddr{IP: net.ParseIP("fe80::2")}},
		"scoped destination":     {oob: from6("fd77::1", gone), to: net.UDPAddr{IP: net.ParseIP("fd77::2"), Zone: "x"}},
		"length beyond the end":  {oob: broken},
		"cut off":                {oob: from4("10.0.0.1", gone)[:20]},
		"good before bad":        {oob: join(from4("10.0.0.1", gone), broken)},
		"IPv4 of another size":   {oob: controlMessage(unix.IPPROTO_IP, unix.IP_PKTINFO, 1, 0, 0, 0)},
		"IPv6 of another size":   {oob: controlMessage(unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, 1, 0, 0, 0)},
		"same type, other family": {
			oob: controlMessage(unix.IPPROTO_UDP, unix.IP_PKTINFO, from4("10.0.0.1", gone)[16:28]...),
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(c.oob)
			got, ok := withoutIndex(c.oob, &c.to)
			if ok != (c.want != nil) || ok && !bytes.Equal(got, c.want) {
				t.Errorf("withoutIndex(%x) = %x, %v; want %x", c.oob, got, ok, c.want)
			}
			if !bytes.Equal(c.oob, before) {
				t.Errorf("the buffer of QUIC is now %x, was %x", c.oob, before)
			}
		})
	}
}

// started is a clock that shows a second.
type started struct{ runtime.Clock }

func (started) Mono() time.Duration { return time.Second }

// counted counts the sends of a socket.
type counted struct {
	*net.UDPConn
	sends int
}

func (c *counted) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (int, int, error) {
	c.sends++
	return c.UDPConn.WriteMsgUDP(b, oob, addr)
}

// TestPacketOfAGoneInterfaceIsSentOnceMore has the system refuse the index of no
// interface.
func TestPacketOfAGoneInterfaceIsSentOnceMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		listen, to string
		oob        []byte
		sends      int
		lost       int64
	}{
		"IPv4":                      {"0.0.0.0", "127.0.0.1", from4("127.0.0.1", gone), 2, 0},
		"IPv4 on a socket for both": {"::", "127.0.0.1", from4("127.0.0.1", gone), 2, 0},
		"IPv6":                      {"::", "::1", from6("::1", gone), 2, 0},
		"link-local IPv6":           {"::", "::1", from6("fe80::1", gone), 1, 1},
		"source that is gone too":   {"0.0.0.0", "127.0.0.1", from4("192.0.2.1", gone), 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			listen := func(host string) *net.UDPConn {
				conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = conn.Close() })
				return conn
			}
			from, to := &counted{UDPConn: listen(c.listen)}, listen(c.to)
			var lost int64
			s := &udpSocket{&socket{
				clock: started{}, closing: make(chan struct{}),
				report: func(_ event.Kind, n int64, _ string) { lost += n },
			}}
			s.current.Store(newConn(from))
			addr, _ := to.LocalAddr().(*net.UDPAddr)
			if n, oobn, err := s.WriteMsgUDP([]byte("datum"), c.oob, addr); n != 5 || oobn != len(c.oob) || err != nil {
				t.Errorf("WriteMsgUDP returns %d, %d and %v, want 5, %d and nil", n, oobn, err, len(c.oob))
			}
			if from.sends != c.sends || lost != c.lost {
				t.Errorf("%d sends and %d packets lost, want %d and %d", from.sends, lost, c.sends, c.lost)
			}
			if c.lost > 0 {
				return
			}
			got := make([]byte, 16)
			_ = to.SetReadDeadline(time.Now().Add(5 * time.Second))
			if n, err := to.Read(got); err != nil || string(got[:n]) != "datum" {
				t.Errorf("received %q and %v, want the packet", got[:max(n, 0)], err)
			}
		})
	}
}

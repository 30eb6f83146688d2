package quicnet_test

import (
	"testing"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
	"golang.org/x/sys/unix"
)

// A socket that replaces another has its options: without them QUIC neither finds out how
// large packets may be nor hears of congestion early.
func TestReopenedSocketHasTheOptionsOfTheFirst(t *testing.T) {
	t.Parallel()
	s := &sockets{}
	y := start(t, "y", s.use)
	options := func() (discover, tos, buffer int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		raw, err := s.current.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) {
			discover, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER)
			tos, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS)
			buffer, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		}); err != nil {
			t.Fatal(err)
		}
		return discover, tos, buffer
	}
	discover, tos, buffer := options()
	if discover != unix.IP_PMTUDISC_PROBE || tos != 1 {
		t.Fatalf("QUIC sets IP_MTU_DISCOVER %d and IP_RECVTOS %d, want %d and 1", discover, tos, unix.IP_PMTUDISC_PROBE)
	}
	s.breakRead()
	y.until("socket that is opened again", func() bool { return y.count(event.SocketReopened, wire.None) == 1 })
	if d, o, b := options(); d != discover || o != tos || b != buffer {
		t.Errorf("the socket has IP_MTU_DISCOVER %d, IP_RECVTOS %d and SO_RCVBUF %d, want %d, %d and %d", d, o, b, discover, tos, buffer)
	}
}

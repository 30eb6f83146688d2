package quicnet_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/quicnet"
	"github.com/smalti/smalti/runtime/wire"
)

// sockets opens the sockets of a node, which a test can have fail.
type sockets struct {
	plain bool // QUIC sees nothing but a net.PacketConn

	mu      sync.Mutex
	current *brittle
	opened  int
	refuse  error // of the next openings
}

// brittle is a socket whose reads and writes a test can have fail.
type brittle struct {
	*net.UDPConn
	read, write atomic.Pointer[error]
}

var errRead = &net.OpError{Op: "read", Net: "udp", Err: os.NewSyscallError("recvmsg", syscall.ENOMEM)}

func (s *sockets) listen(address string) (net.PacketConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return nil, s.refuse
	}
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	udp, err := net.ListenUDP("udp4", addr)
	if err != nil {
		return nil, err
	}
	s.opened++
	s.current = &brittle{UDPConn: udp}
	if s.plain {
		return struct{ net.PacketConn }{s.current}, nil
	}
	return s.current, nil
}

func (s *sockets) use(c *quicnet.Config) { c.ListenPacket = s.listen }

// breakRead has the read that is under way fail.
func (s *sockets) breakRead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error = errRead
	s.current.read.Store(&err)
	_ = s.current.SetReadDeadline(time.Unix(1, 0)) // what a read that goes around b returns as well
}

// breakWrites has all writes fail from now on; nil: no more.
func (s *sockets) breakWrites(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.write.Store(&err)
}

func (b *brittle) ReadFrom(p []byte) (int, net.Addr, error) {
	n, addr, err := b.UDPConn.ReadFrom(p)
	if broken := b.read.Load(); broken != nil && err != nil {
		err = *broken
	}
	return n, addr, err
}

func (b *brittle) WriteTo(p []byte, addr net.Addr) (int, error) {
	if broken := b.write.Load(); broken != nil && *broken != nil {
		return 0, *broken
	}
	return b.UDPConn.WriteTo(p, addr)
}

func (b *brittle) WriteMsgUDP(p, oob []byte, addr *net.UDPAddr) (int, int, error) {
	if broken := b.write.Load(); broken != nil && *broken != nil {
		return 0, 0, *broken
	}
	return b.UDPConn.WriteMsgUDP(p, oob, addr)
}

// kinds runs a test with what QUIC knows of UDP sockets and without.
func kinds(t *testing.T, f func(t *testing.T, s *sockets)) {
	for name, plain := range map[string]bool{"UDP socket": false, "any socket": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, &sockets{plain: plain})
		})
	}
}

func TestFailedSocketIsOpenedAgain(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, s *sockets) {
		x, y := start(t, "x"), start(t, "y", s.use)
		accepted := y.listen()
		near := x.dial(y)
		await(t, "open", near.open)
		far := await(t, "accepted link", accepted)
		const rounds, each, size = 20, 50, 3000
		go func() {
			for i := range rounds * each {
				near.send(message(i, size))
				time.Sleep(time.Millisecond)
			}
		}()
		for round := range rounds {
			for i := range each {
				if m := await(t, "message", far.messages); string(m) != string(message(round*each+i, size)) {
					t.Fatalf("message %d: got %.20q", round*each+i, m)
				}
			}
			if round < rounds-1 {
				began := time.Now()
				s.breakRead()
				y.until("socket that is opened again", func() bool { return y.count(event.SocketReopened, wire.None) == round+1 })
				if d := time.Since(began); d > 5*time.Second {
					t.Errorf("back after %s, want 5s at most", d)
				}
			}
		}
		if n := y.count(event.SessionDown, wire.None) + x.count(event.SessionDown, wire.None); n != 0 {
			t.Errorf("%d sessions ended, want that they go on", n)
		}
		if failed := y.count(event.SocketFailed, wire.None); failed != rounds-1 || s.opened != rounds {
			t.Errorf("%d failures and %d sockets, want %d and %d", failed, s.opened, rounds-1, rounds)
		}
	})
}

// What the system does not send counts as lost: no session ends, and a dial is told.
func TestPacketsThatCannotBeSentAreLost(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, s *sockets) {
		x, y := start(t, "x"), start(t, "y", s.use)
		x.listen()
		e := y.dial(x)
		await(t, "open", e.open)
		s.breakWrites(os.NewSyscallError("sendmsg", syscall.ENETUNREACH))
		e.send(message(0, 100))
		y.until("report", func() bool { return y.count(event.SendFailed, wire.None) > 0 })
		began := time.Now()
		other := y.dialAt(keyOf("z").PeerID(), []string{"127.0.0.1:9"})
		if c := other.awaitClosed(); c.Reason != wire.DialFailed || time.Since(began) > 4*time.Second {
			t.Errorf("a dial over a broken socket: %v after %s, want dial-failed at once", c.Reason, time.Since(began))
		}
		s.breakWrites(nil)
		e.send(message(1, 100))
		time.Sleep(time.Second) // for what ends by mistake
		if n := y.sessions(); n != 1 {
			t.Errorf("%d sessions, want the one that was up", n)
		}
		y.mu.Lock()
		defer y.mu.Unlock()
		for _, ev := range y.events {
			if ev.Kind == event.SessionRefused && !strings.Contains(ev.Text, "unreachable") {
				t.Errorf("the dial failed with %q, want the error of the system", ev.Text)
			}
		}
	})
}

func TestSocketThatDoesNotComeBackEndsTheTransport(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, s *sockets) {
		x := start(t, "x")
		y := start(t, "y", s.use, func(c *quicnet.Config) { c.ReopenTimeout = 300 * time.Millisecond })
		x.listen()
		e := y.dial(x)
		await(t, "open", e.open)
		failures := make(chan error, 2)
		y.OnFailure(y.strand, func(err error) { failures <- err })
		s.mu.Lock()
		s.refuse = os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)
		s.mu.Unlock()
		s.breakRead()
		err := await(t, "failure", failures)
		if !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("failed with %v, want what opening the socket says", err)
		}
		if c := e.awaitClosed(); c.Reason != wire.ConnectionLost {
			t.Errorf("the link ended with %v, want connection-lost", c.Reason)
		}
		if c := y.dial(x).awaitClosed(); c.Reason != wire.ConnectionLost {
			t.Errorf("a dial later ended with %v, want connection-lost", c.Reason)
		}
		y.OnFailure(y.strand, func(err error) { failures <- err })
		if late := await(t, "failure for who asks late", failures); !errors.Is(late, syscall.EADDRNOTAVAIL) {
			t.Errorf("told %v later, want the same", late)
		}
		if n := y.count(event.TransportFailed, wire.None); n != 1 {
			t.Errorf("reported %d times, want once", n)
		}
	})
}

// Close does not wait for a socket that is being opened again.
func TestCloseWhileTheSocketIsBroken(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, s *sockets) {
		y := start(t, "y", s.use)
		y.OnFailure(y.strand, func(err error) { t.Errorf("failed with %v, but it was closed", err) })
		s.mu.Lock()
		s.refuse = os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)
		s.mu.Unlock()
		s.breakRead()
		y.until("failure of the socket", func() bool { return y.count(event.SocketFailed, wire.None) == 1 })
		done := make(chan struct{})
		go func() {
			y.Close()
			close(done)
		}()
		await(t, "end of Close", done)
	})
}

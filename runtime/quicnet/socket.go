package quicnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"golang.org/x/net/ipv4"
)

const (
	// reopenMin and reopenMax are the shortest and the longest wait between two attempts to
	// open a failed socket again. The first attempt does not wait.
	reopenMin = 10 * time.Millisecond
	reopenMax = time.Second
	// steadyAfter is how long a socket must serve before its next failure is a first one.
	steadyAfter = 10 * time.Second
	// sendReports is the shortest time between two reports of packets that were not sent.
	sendReports = 10 * time.Second
)

// socket is what QUIC reads and writes in place of a UDP socket. QUIC closes all its
// connections for good after one error of a read, and a connection after one error of a
// write. A socket instead opens the address again after the first, and has packets be lost
// after the second, so that connections go on or time out by themselves.
type socket struct {
	open    func(address string) (net.PacketConn, error)
	local   net.Addr
	clock   runtime.Clock
	limit   time.Duration // of reopening
	report  func(kind event.Kind, n int64, text string)
	closing chan struct{}

	current atomic.Pointer[conn]

	mu       sync.Mutex
	closed   bool
	setup    []func(*conn) error    // repeats what QUIC has set
	dialling map[netip.AddrPort]int // addresses whose errors are of interest to a dial
	unsent   int64                  // packets since reported
	reported time.Duration          // Mono of the latest report of unsent packets; 0: none

	fatal error // why it cannot be opened again

	opened  time.Duration // Mono of the latest opening; of the reader alone, as is wait
	wait    time.Duration // before the next attempt
	failing time.Duration // Mono since which no socket was steady
}

// conn is a socket of the system. udp and batch are nil unless it is a *net.UDPConn, or has
// all of its methods that QUIC uses.
type conn struct {
	net.PacketConn
	udp   quic.OOBCapablePacketConn
	batch *ipv4.PacketConn
}

func newConn(c net.PacketConn) *conn {
	if udp, ok := c.(interface {
		quic.OOBCapablePacketConn
		net.Conn
	}); ok {
		return &conn{c, udp, ipv4.NewPacketConn(udp)}
	}
	return &conn{c, nil, nil}
}

// openSocket opens a socket at address. What QUIC is to use is socket.packetConn.
func openSocket(config Config, report func(kind event.Kind, n int64, text string)) (*socket, error) {
	first, err := config.ListenPacket(config.Listen)
	if err != nil {
		return nil, err
	}
	s := &socket{
		open: config.ListenPacket, local: first.LocalAddr(), clock: config.Clock, limit: config.ReopenTimeout, report: report,
		closing: make(chan struct{}), dialling: map[netip.AddrPort]int{}, opened: config.Clock.Mono(),
	}
	s.current.Store(newConn(first))
	return s, nil
}

// listenUDP opens a UDP socket. Without an IP address it serves IPv4 and IPv6.
func listenUDP(address string) (net.PacketConn, error) {
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	network := "udp"
	if addr.IP.To4() != nil {
		network = "udp4"
	}
	return net.ListenUDP(network, addr)
}

// packetConn returns what QUIC is to read and write.
func (s *socket) packetConn() net.PacketConn {
	if s.current.Load().udp == nil {
		return s
	}
	return &udpSocket{s}
}

// stop has reads and attempts to reopen end with net.ErrClosed. It does not close the socket.
func (s *socket) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	_ = s.current.Load().SetReadDeadline(time.Unix(1, 0))
}

func (s *socket) stopped() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// read calls f, which reads from the socket that there is, until it succeeds, the socket is
// stopped, or no other can be opened.
func (s *socket) read(f func(c *conn) error) error {
	for {
		c := s.current.Load()
		err := f(c)
		if err == nil {
			return nil
		}
		if s.stopped() {
			return net.ErrClosed
		}
		if transient(err) {
			continue
		}
		if err := s.reopen(c, err); err != nil {
			s.mu.Lock()
			s.fatal = err
			s.mu.Unlock()
			return err
		}
	}
}

// failure returns why the socket could not be opened again; nil if that is not so.
func (s *socket) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fatal
}

// transient reports whether the socket that returned err serves on as it is.
func transient(err error) bool {
	return errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, syscall.ECONNREFUSED)
}

// reopen replaces the socket c after an error.
func (s *socket) reopen(c *conn, cause error) error {
	start := s.clock.Mono()
	if s.wait == 0 || start-s.opened >= steadyAfter {
		s.wait, s.failing = 0, start
	}
	s.report(event.SocketFailed, 0, cause.Error())
	_ = c.Close()
	for {
		timer := time.NewTimer(s.wait)
		select {
		case <-timer.C:
		case <-s.closing:
			timer.Stop()
			return net.ErrClosed
		}
		s.wait = min(max(2*s.wait, reopenMin), reopenMax)
		err := s.replace(c)
		now := s.clock.Mono()
		if err == nil {
			s.opened = now
			s.report(event.SocketReopened, int64(now-start), s.local.String())
			return nil
		}
		if s.stopped() {
			return net.ErrClosed
		}
		if now-s.failing >= s.limit {
			return fmt.Errorf("socket failed: %w; could not be opened again at %s within %s: %w", cause, s.local, s.limit, err)
		}
	}
}

// replace opens a socket at the address of the one before and sets it up like that one.
func (s *socket) replace(before *conn) error {
	opened, err := s.open(s.local.String())
	if err != nil {
		return err
	}
	c := newConn(opened)
	if (c.udp == nil) != (before.udp == nil) || c.LocalAddr().String() != s.local.String() {
		_ = c.Close()
		return fmt.Errorf("another kind of socket, or another address: %T at %s", opened, c.LocalAddr())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.setup {
		if err := f(c); err != nil {
			_ = c.Close()
			return err
		}
	}
	if s.closed {
		_ = c.Close()
		return net.ErrClosed
	}
	s.current.Store(c)
	return nil
}

// dial has errors of packets to addr be returned, until the function that it returns is
// called: who dials wants to know at once that there is no way.
func (s *socket) dial(addr *net.UDPAddr) (done func()) {
	key := addrPort(addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialling[key]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.dialling[key]--; s.dialling[key] == 0 {
			delete(s.dialling, key)
		}
	}
}

func addrPort(addr net.Addr) netip.AddrPort {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	a := udp.AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// forgive reports whether a packet to addr counts as lost after sending it failed with err.
// EMSGSIZE and EIO are returned to QUIC, which then sends smaller packets, or does not use
// segmentation offload.
func (s *socket) forgive(addr net.Addr, err error) bool {
	if s.stopped() || errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, syscall.EIO) {
		return false
	}
	s.mu.Lock()
	if s.dialling[addrPort(addr)] > 0 {
		s.mu.Unlock()
		return false
	}
	s.unsent++
	n, now := s.unsent, s.clock.Mono()
	due := s.reported == 0 || now-s.reported >= sendReports
	if due {
		s.unsent, s.reported = 0, max(now, 1)
	}
	s.mu.Unlock()
	if due {
		s.report(event.SendFailed, n, err.Error())
	}
	return true
}

func (s *socket) ReadFrom(b []byte) (n int, addr net.Addr, err error) {
	err = s.read(func(c *conn) (err error) {
		n, addr, err = c.ReadFrom(b)
		return err
	})
	return n, addr, err
}

func (s *socket) WriteTo(b []byte, addr net.Addr) (int, error) {
	n, err := s.current.Load().WriteTo(b, addr)
	if err != nil && s.forgive(addr, err) {
		return len(b), nil
	}
	return n, err
}

func (s *socket) LocalAddr() net.Addr { return s.local }

// Close closes the socket for good.
func (s *socket) Close() error {
	s.stop()
	return s.current.Load().Close()
}

// SetReadDeadline is how QUIC ends its reads: it stops the socket if t is over.
func (s *socket) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && !t.After(time.Now()) {
		s.stop()
	}
	return nil
}

func (s *socket) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (s *socket) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// udpSocket is a socket with what QUIC makes use of on UDP sockets of the system.
type udpSocket struct{ *socket }

var _ quic.OOBCapablePacketConn = (*udpSocket)(nil)

// ReadBatch is what QUIC prefers to ReadMsgUDP.
func (s *udpSocket) ReadBatch(ms []ipv4.Message, flags int) (n int, err error) {
	err = s.read(func(c *conn) (err error) {
		n, err = c.batch.ReadBatch(ms, flags)
		return err
	})
	return n, err
}

func (s *udpSocket) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	err = s.read(func(c *conn) (err error) {
		n, oobn, flags, addr, err = c.udp.ReadMsgUDP(b, oob)
		return err
	})
	return n, oobn, flags, addr, err
}

// WriteMsgUDP sends a packet. If its control message names an interface that is gone, it
// sends once more and has the system choose the interface.
func (s *udpSocket) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	c := s.current.Load()
	n, oobn, err = c.udp.WriteMsgUDP(b, oob, addr)
	if err != nil && staleIndex(err) {
		if cleared, ok := withoutIndex(oob, addr); ok {
			n, oobn, err = c.udp.WriteMsgUDP(b, cleared, addr)
		}
	}
	if err != nil && s.forgive(addr, err) {
		return len(b), len(oob), nil
	}
	return n, oobn, err
}

func (s *udpSocket) SetReadBuffer(bytes int) error {
	return s.set(func(c *conn) error { return c.udp.SetReadBuffer(bytes) })
}

func (s *udpSocket) SetWriteBuffer(bytes int) error {
	return s.set(func(c *conn) error {
		w, ok := c.udp.(interface{ SetWriteBuffer(bytes int) error })
		if !ok {
			return errors.ErrUnsupported
		}
		return w.SetWriteBuffer(bytes)
	})
}

// set sets something of the socket and of those that will replace it. A size that the system
// does not grant is no error for those either.
func (s *udpSocket) set(f func(*conn) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setup = append(s.setup, func(c *conn) error {
		_ = f(c)
		return nil
	})
	return f(s.current.Load())
}

// SyscallConn gives access to the socket. Options that are set through it are set on sockets
// that replace this one as well.
func (s *udpSocket) SyscallConn() (syscall.RawConn, error) { return options{s}, nil }

// options is the syscall.RawConn of a udpSocket.
type options struct{ s *udpSocket }

func (o options) with(c *conn, f func(syscall.RawConn) error) error {
	raw, err := c.udp.SyscallConn()
	if err != nil {
		return err
	}
	return f(raw)
}

func (o options) Control(f func(fd uintptr)) error {
	control := func(c *conn) error { return o.with(c, func(raw syscall.RawConn) error { return raw.Control(f) }) }
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.s.setup = append(o.s.setup, control)
	return control(o.s.current.Load())
}

func (o options) Read(f func(fd uintptr) (done bool)) error {
	return o.with(o.s.current.Load(), func(raw syscall.RawConn) error { return raw.Read(f) })
}

func (o options) Write(f func(fd uintptr) (done bool)) error {
	return o.with(o.s.current.Load(), func(raw syscall.RawConn) error { return raw.Write(f) })
}

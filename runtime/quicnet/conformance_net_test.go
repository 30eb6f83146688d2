package quicnet_test

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
	"github.com/smalti/smalti/runtime/transporttest"
)

// fates decides which datagrams between the nodes of one case arrive, and in a
// simulated network when. All are judged where they are sent.
type fates struct {
	net transporttest.Net

	mu    sync.Mutex
	rand  *rand.Rand
	names map[string]string // of the node at an address
	dead  map[string]bool   // addresses of crashed nodes
	cuts  map[[2]string]bool
	free  map[[2]string]time.Time // when a line has sent what it was given
}

func newFates(net transporttest.Net) *fates {
	return &fates{
		net:   net,
		rand:  rand.New(rand.NewPCG(1, 2)),
		names: map[string]string{},
		dead:  map[string]bool{},
		cuts:  map[[2]string]bool{},
		free:  map[[2]string]time.Time{},
	}
}

func (f *fates) place(addr net.Addr, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names[addr.String()] = name
}

func (f *fates) kill(addr net.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead[addr.String()] = true
}

func (f *fates) Partition(a, b string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cuts[[2]string{a, b}] = true
	f.cuts[[2]string{b, a}] = true
}

func (f *fates) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.cuts)
}

func (f *fates) pass(from, to net.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	x, y := from.String(), to.String()
	return !f.dead[x] && !f.dead[y] && !f.cuts[[2]string{f.names[x], f.names[y]}] && f.rand.IntN(1_000_000) >= f.net.Loss
}

// delay is how long a datagram is under way. Each direction between two
// addresses is a line of its own.
func (f *fates) delay(p simnet.Packet) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.net.Latency
	if f.net.Jitter > 0 {
		d += time.Duration(f.rand.Int64N(int64(f.net.Jitter)))
	}
	if f.net.Bandwidth > 0 {
		line, now := [2]string{p.From.String(), p.To.String()}, time.Now()
		start := f.free[line]
		if start.Before(now) {
			start = now
		}
		f.free[line] = start.Add(time.Duration(int64(len(p.Data)) * int64(time.Second) / f.net.Bandwidth))
		d += f.free[line].Sub(now)
	}
	return d
}

// judgedConn is a socket whose datagrams fates judges. What it inherits from
// net.UDPConn lets quic-go use the same system calls as in production.
type judgedConn struct {
	*net.UDPConn
	fates *fates
}

func (c judgedConn) WriteTo(p []byte, to net.Addr) (int, error) {
	if !c.fates.pass(c.LocalAddr(), to) {
		return len(p), nil
	}
	return c.UDPConn.WriteTo(p, to)
}

func (c judgedConn) WriteMsgUDP(p, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	if !c.fates.pass(c.LocalAddr(), to) {
		return len(p), len(oob), nil
	}
	return c.UDPConn.WriteMsgUDP(p, oob, to)
}

// judgedRouter passes on what fates lets pass.
type judgedRouter struct {
	simnet.PerfectRouter
	fates *fates
}

func (r *judgedRouter) SendPacket(p simnet.Packet) error {
	if !r.fates.pass(p.From, p.To) {
		return nil
	}
	return r.PerfectRouter.SendPacket(p)
}

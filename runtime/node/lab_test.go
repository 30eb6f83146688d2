package node_test

import (
	"bytes"
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/live"
	"github.com/smalti/smalti/runtime/quicnet"
	"github.com/smalti/smalti/sim"
	"github.com/zeebo/blake3"
)

// lab is a world in which a test runs nodes: a simulated one, or this machine.
type lab interface {
	// host starts a host, or starts it anew, and completes its setup.
	host(name string, s *setup) (*runtime.Env, error)
	key(name string) ident.Key
	network() ident.NetworkID
	// step moves the wall clock of a host whose setup is steppable.
	step(name string, d time.Duration)
	// distance makes every path between hosts take d, one way.
	distance(d time.Duration)
	env() *runtime.Env
}

// setup is what a host and its node are made of.
type setup struct {
	discovery.Config
	narrow    bool // its links hold some kilobytes, so that lag is felt soon
	distant   bool // lab.distance applies to it
	steppable bool // its wall clock can be stepped
	// quic changes its transport, if it is a real one.
	quic func(*quicnet.Config)
}

// narrowLink bounds the links of a narrow host, in messages and bytes.
var narrowLink = struct{ messages, sending, window int }{4, 1 << 10, 3 << 10}

// simulated is a lab in a seeded world.
type simulated struct {
	*sim.World
	verifier discovery.Verifier
}

func (l *simulated) key(name string) ident.Key         { return l.Host(name).Key() }
func (l *simulated) network() ident.NetworkID          { return l.Host("n0").Config().Network }
func (l *simulated) step(name string, d time.Duration) { l.Host(name).StepClock(d) }
func (l *simulated) env() *runtime.Env                 { return l.Env() }

func (l *simulated) distance(d time.Duration) {
	if err := l.Net.SetDefault(netsim.Path{Latency: netsim.Latency{Base: d}}); err != nil {
		panic(err)
	}
}

func (l *simulated) host(name string, s *setup) (*runtime.Env, error) {
	h := l.Host(name)
	s.Verifier = l.verifier
	h.Configure(func(c *sim.HostConfig) { c.Network = s.Network })
	if s.narrow {
		h.Configure(func(c *sim.HostConfig) {
			c.Endpoint = func(e *netsim.EndpointConfig) {
				e.SendMessages, e.SendBytes = narrowLink.messages, narrowLink.sending
				e.LinkWindow = narrowLink.window
			}
		})
	}
	if h.Up() {
		h.Restart()
	} else {
		h.Boot(func(context.Context, *runtime.Env) {}) // the trial runs the node
	}
	return h.Env(), nil
}

// machine is a lab of real nodes on loopback.
type machine struct {
	t      testing.TB
	e      *runtime.Env
	log    *log
	clocks map[string]*steppedClock
	delay  atomic.Int64 // of every packet, in nanoseconds
}

func (l *machine) env() *runtime.Env        { return l.e }
func (l *machine) network() ident.NetworkID { return ident.Network(l.t.Name()) }

func (l *machine) key(name string) ident.Key {
	return ident.KeyFromSeed(blake3.Sum256([]byte(name + " of " + l.t.Name())))
}

func (l *machine) distance(d time.Duration) { l.delay.Store(int64(d)) }

func (l *machine) step(name string, d time.Duration) { l.clocks[name].offset.Add(int64(d)) }

func (l *machine) host(name string, s *setup) (*runtime.Env, error) {
	own, scheduler := live.NewClock(nil), live.NewScheduler(live.SchedulerConfig{})
	l.t.Cleanup(func() {
		scheduler.Stop()
		own.Stop()
	})
	env := &runtime.Env{Clock: own, Scheduler: scheduler, Observer: l.log}
	if s.steppable {
		l.clocks[name] = &steppedClock{Clock: own}
		env.Clock = l.clocks[name]
	}
	c := quicnet.Config{Key: s.Key, Network: s.Network, Listen: "127.0.0.1:0", Clock: env.Clock}
	if s.narrow {
		c.LinkWindow = narrowLink.window
		c.SendMessages, c.SendBytes = narrowLink.messages, narrowLink.sending
	}
	if s.distant {
		socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, err
		}
		c.ListenPacket = func(string) (net.PacketConn, error) { return newDistantConn(socket, &l.delay), nil }
	}
	if s.quic != nil {
		s.quic(&c)
	}
	t, err := quicnet.Listen(c)
	if err != nil {
		return nil, err
	}
	l.t.Cleanup(t.Close)
	env.Transport = t
	return env, nil
}

// steppedClock is a machine's clock with a wall time of its own.
type steppedClock struct {
	runtime.Clock
	offset atomic.Int64
}

func (c *steppedClock) Now() time.Time { return c.Clock.Now().Add(time.Duration(c.offset.Load())) }

// At looks every so often whether the wall clock was stepped over its time.
func (c *steppedClock) At(s runtime.Strand, wall time.Time, f func()) runtime.Timer {
	const poll = 100 * time.Millisecond
	var t runtime.Timer
	t = c.AfterFunc(s, time.Hour, func() {
		if left := wall.Sub(c.Now()); left > 0 {
			t.Reset(min(left, poll))
			return
		}
		f()
	})
	t.Reset(0)
	return t
}

// distantConn is a socket whose packets leave late, in order.
type distantConn struct {
	*net.UDPConn
	delay *atomic.Int64
	queue chan packet
	done  chan struct{}
}

// packet is what a distantConn holds back.
type packet struct {
	at time.Time
	b  []byte
	to net.Addr
}

func newDistantConn(socket *net.UDPConn, delay *atomic.Int64) net.PacketConn {
	c := &distantConn{UDPConn: socket, delay: delay, queue: make(chan packet, 1<<12), done: make(chan struct{})}
	go c.run()
	return struct{ net.PacketConn }{c} // without what QUIC knows of UDP sockets
}

func (c *distantConn) run() {
	for {
		select {
		case p := <-c.queue:
			if d := time.Until(p.at); d > 0 {
				timer := time.NewTimer(d)
				<-timer.C
			}
			_, _ = c.UDPConn.WriteTo(p.b, p.to)
		case <-c.done:
			return
		}
	}
}

func (c *distantConn) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case c.queue <- packet{time.Now().Add(time.Duration(c.delay.Load())), bytes.Clone(b), to}:
	case <-c.done:
		return 0, net.ErrClosed
	default: // lost
	}
	return len(b), nil
}

func (c *distantConn) Close() error {
	close(c.done)
	return c.UDPConn.Close()
}

// inWorld runs a test over netsim.
func inWorld(t *testing.T, f func(x *trial)) {
	w := sim.New(sim.Config{Seed: 1})
	x := &trial{TB: t, lab: &simulated{World: w, verifier: discovery.NewVerifier(0)}, log: &log{}}
	w.Observe(func(r *event.Record) { x.log.Event(r.Event) })
	over := false
	w.Env().Scheduler.Go("trial", func(ctx context.Context) {
		x.ctx = ctx
		f(x)
		over = true
	})
	if _, err := w.RunUntil(func() bool { return over || t.Failed() }, time.Hour); err != nil {
		t.Error(err)
	}
	if !over {
		t.Error("the trial did not end")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// onMachine runs a test over real QUIC.
func onMachine(t *testing.T, f func(x *trial)) {
	clock, scheduler := live.NewClock(nil), live.NewScheduler(live.SchedulerConfig{})
	t.Cleanup(func() {
		clock.Stop()
		scheduler.Stop()
	})
	l := &machine{t: t, e: &runtime.Env{Clock: clock, Scheduler: scheduler}, log: &log{}, clocks: map[string]*steppedClock{}}
	x := &trial{TB: t, lab: l, log: l.log, ctx: t.Context()}
	defer x.end()
	f(x)
}

// must is for calls that cannot fail here.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

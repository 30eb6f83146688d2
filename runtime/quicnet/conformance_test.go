package quicnet_test

import (
	"context"
	"net"
	goruntime "runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/live"
	"github.com/smalti/smalti/runtime/quicnet"
	"github.com/smalti/smalti/runtime/transporttest"
)

// onLoopback runs cases in real time between sockets of this machine.
var onLoopback = transporttest.Harness{
	Name:     "quicnet on loopback",
	Can:      transporttest.CanCrash | transporttest.CanPartition | transporttest.CanRaw | transporttest.CanConnect,
	Omits:    []string{"one key in two places is served again later"},
	Parallel: true,
	Run: func(t *testing.T, s transporttest.Setup, body func(ctx context.Context, w transporttest.World)) {
		w := newWorld(s.Net)
		w.listen = func(name string) (net.PacketConn, error) {
			conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil || s.Net == (transporttest.Net{}) && s.Needs&(transporttest.CanCrash|transporttest.CanPartition) == 0 {
				return conn, err // exactly what a node has
			}
			return judgedConn{conn, w.fates}, nil
		}
		w.run(t, body)
	},
}

// onSimnet runs them in virtual time on a packet simulator.
var onSimnet = transporttest.Harness{
	Name: "quicnet on simnet",
	Can:  transporttest.CanCrash | transporttest.CanPartition | transporttest.CanRaw | transporttest.CanLeap | transporttest.CanShape | transporttest.CanConnect,
	Base: transporttest.Net{Latency: 5 * time.Millisecond, Loss: 10_000},
	Run: func(t *testing.T, s transporttest.Setup, body func(ctx context.Context, w transporttest.World)) {
		// Go 1.26 runs a bubble's timer that is due at once in the goroutine that
		// set it, and all of them on one context of the race detector, which
		// crashes when two do so at a time: SIGSEGV or a failed CHECK within
		// ThreadSanitizer (golang/go#78156). On one processor they cannot. Races
		// are still found, by order of events; loopback keeps all processors.
		defer goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(1))
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(s.Net)
			router := &judgedRouter{fates: w.fates}
			var links []*simnet.SimulatedLink
			w.listen = func(string) (net.PacketConn, error) {
				addr := &net.UDPAddr{IP: net.IPv4(1, 0, 0, byte(len(links)+1)), Port: 4700 + len(links)}
				link := &simnet.SimulatedLink{UploadPacket: router, LatencyFunc: w.fates.delay}
				conn := simnet.NewBlockingSimConn(addr, link)
				router.AddNode(addr, link)
				link.Start()
				links = append(links, link)
				return conn, nil
			}
			w.run(t, body)
			for _, link := range links {
				_ = link.Close()
			}
		})
	},
}

func TestConformanceOnLoopback(t *testing.T) { transporttest.Run(t, onLoopback) }

func TestConformanceOnSimnet(t *testing.T) { transporttest.Run(t, onSimnet) }

// realWorld is a transporttest.World of nodes as production makes them, on sockets
// that listen gives.
type realWorld struct {
	*fates
	listen func(name string) (net.PacketConn, error)
	env    *runtime.Env
	own    *live.Scheduler
	silent net.PacketConn // nobody reads what arrives there
	nodes  []*realNode
}

type realNode struct {
	name      string
	conn      net.PacketConn
	clock     *live.Clock
	scheduler *live.Scheduler
	transport *quicnet.Transport
}

func newWorld(net transporttest.Net) *realWorld {
	w := &realWorld{fates: newFates(net), own: live.NewScheduler(live.SchedulerConfig{})}
	w.env = &runtime.Env{Clock: live.NewClock(nil), Scheduler: w.own}
	return w
}

// run runs body as a task and ends everything afterwards.
func (w *realWorld) run(t *testing.T, body func(ctx context.Context, w transporttest.World)) {
	silent, err := w.listen("nobody")
	if err != nil {
		t.Fatal(err)
	}
	w.silent = silent
	done := make(chan struct{})
	w.own.Go("body", func(ctx context.Context) {
		defer close(done)
		body(ctx, w)
	})
	<-done
	for _, n := range w.nodes {
		n.transport.Close()
		n.scheduler.Stop()
		n.scheduler.Wait()
		n.clock.Stop()
		_ = n.conn.Close()
	}
	_ = silent.Close()
	w.own.Stop()
	w.own.Wait()
}

func (w *realWorld) Env() *runtime.Env { return w.env }
func (w *realWorld) Nowhere() string   { return w.silent.LocalAddr().String() }

func (w *realWorld) Start(name string, o transporttest.Options) (*runtime.Env, error) {
	conn, err := w.listen(name)
	if err != nil {
		return nil, err
	}
	w.place(conn.LocalAddr(), name)
	n := &realNode{name: name, conn: conn, clock: live.NewClock(nil), scheduler: live.NewScheduler(live.SchedulerConfig{})}
	n.transport, err = quicnet.Listen(quicnet.Config{
		Key:          o.Key,
		Network:      o.Network,
		Secrets:      o.Secrets,
		VersionMin:   o.Versions[0],
		VersionMax:   o.Versions[1],
		Instance:     o.Instance,
		ListenPacket: func(string) (net.PacketConn, error) { return conn, nil },
		Clock:        n.clock,
		Observer:     o.Observer,
		HelloTimeout: o.HelloTimeout,
		LinkTimeout:  o.LinkTimeout,
		IdleTimeout:  o.IdleTimeout,
		KeepAlive:    o.KeepAlive,
		Linger:       o.Linger,
		LinksPerPeer: o.LinksPerPeer,
		SendMessages: o.SendMessages, SendBytes: o.SendBytes,
	})
	if err != nil {
		return nil, err
	}
	w.nodes = append(w.nodes, n)
	return &runtime.Env{Clock: n.clock, Scheduler: n.scheduler, Transport: n.transport, Observer: o.Observer}, nil
}

// Crash cuts the node off for good, so that nothing that it still says
// arrives, and stops it.
func (w *realWorld) Crash(name string) {
	for _, n := range w.nodes {
		if n.name == name {
			w.kill(n.conn.LocalAddr())
			n.scheduler.Stop()
			n.transport.Close()
		}
	}
}

var _ transporttest.World = (*realWorld)(nil)

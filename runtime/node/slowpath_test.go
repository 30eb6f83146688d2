package node_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/quicnet"
	"github.com/smalti/smalti/runtime/stream"
)

// narrowPath is a socket on a path of a bandwidth: packets wait in a queue, which drops what
// does not fit, as that of a router.
type narrowPath struct {
	*net.UDPConn
	queue chan struct{} // a token for each packet that waits
	cut   atomic.Bool   // nothing passes any more
	mu    sync.Mutex
	free  time.Time // when the last one has left
}

const (
	pathBandwidth = 150_000 // bytes per second
	pathQueue     = 128     // packets: about a second
)

func (n *narrowPath) WriteTo(b []byte, to net.Addr) (int, error) {
	if n.cut.Load() {
		return len(b), nil
	}
	select {
	case n.queue <- struct{}{}:
	default:
		return len(b), nil // lost
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if n.free.Before(now) {
		n.free = now
	}
	n.free = n.free.Add(time.Duration(len(b)) * time.Second / pathBandwidth)
	packet := append([]byte(nil), b...)
	time.AfterFunc(n.free.Sub(now), func() {
		<-n.queue
		_, _ = n.UDPConn.WriteTo(packet, to)
	})
	return len(b), nil
}

func (n *narrowPath) ReadFrom(b []byte) (size int, from net.Addr, err error) {
	for {
		if size, from, err = n.UDPConn.ReadFrom(b); err != nil || !n.cut.Load() {
			return size, from, err
		}
	}
}

// large is a stream from a node whose path to the other is narrow.
type large struct {
	*trial
	path *narrowPath
	p    *stream.Producer[[]byte]
	c    *stream.Consumer[[]byte]
}

func newLarge(x *trial, limit time.Duration) *large {
	l := &large{trial: x}
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		x.Fatal(err)
	}
	l.path = &narrowPath{UDPConn: udp, queue: make(chan struct{}, pathQueue)}
	a := x.node("n0", func(_ *trial, _ string, s *setup) {
		s.quic = func(c *quicnet.Config) {
			c.ListenPacket = func(string) (net.PacketConn, error) {
				return struct{ net.PacketConn }{l.path}, nil // without what QUIC knows of UDP sockets
			}
		}
	})
	b := x.node("n1")
	x.settle()
	l.p, err = stream.Produce[[]byte](a.Streams(), "large", stream.ProducerConfig{
		Queue: 1, Lag: stream.Block, BlockMax: limit, DrainMax: limit,
	}, stream.WithCodec[[]byte](stream.Bytes{}))
	if err != nil {
		x.Fatal(err)
	}
	l.c, err = stream.Consume[[]byte](b.Streams(), "large", stream.ConsumerConfig{}, stream.WithCodec[[]byte](stream.Bytes{}))
	if err != nil {
		x.Fatal(err)
	}
	x.within("the consumer", func() bool { return len(l.p.Status().Subscriptions) == 1 })
	return l
}

// sendAndClose sends datums of a size and closes the producer.
func (l *large) sendAndClose(datums, size int) *runtime.Watch[*outcome] {
	return l.task(func(ctx context.Context) error {
		for range datums {
			if _, err := l.p.Send(ctx, make([]byte, size)); err != nil {
				return err
			}
		}
		return l.p.Close(ctx)
	})
}

// A close that takes a datum on its way for no progress ends after DrainMax, and loses it. A
// producer under Block that does so cuts its consumer after BlockMax.
func TestDatumsThatTakeLongerThanTimeOutsArriveOverQUIC(t *testing.T) {
	const datums = 2 // and each takes 2.7 s
	onMachine(t, func(x *trial) {
		l := newLarge(x, time.Second)
		closed := l.sendAndClose(datums, 400_000)
		for i := range uint64(datums) {
			if d, err := l.c.Recv(x.limited(30 * time.Second)); err != nil || d.Seq != i+1 {
				x.Fatalf("got datum %d, %v, want %d", d.Seq, err, i+1)
			}
		}
		if err := x.await("the close", closed); err != nil {
			x.Errorf("close: %v", err)
		}
	})
}

// The path is cut in both directions while a datum is on its way.
func TestCloseOverADeadPathEndsAfterDrainMaxOverQUIC(t *testing.T) {
	const limit = 4 * time.Second
	onMachine(t, func(x *trial) {
		l := newLarge(x, limit)
		closed := l.sendAndClose(1, 1<<20) // 7 s
		x.sleep(time.Second)
		l.path.cut.Store(true)
		began := x.env().Clock.Mono()
		err := x.await("the close", closed)
		var undrained *stream.UndrainedError
		if took := x.env().Clock.Mono() - began; !errors.As(err, &undrained) || took > 2*limit {
			x.Errorf("close: %v after %s, want an UndrainedError within %s", err, took, 2*limit)
		}
	})
}

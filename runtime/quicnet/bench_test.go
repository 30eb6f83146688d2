package quicnet_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/live"
	"github.com/smalti/smalti/runtime/quicnet"
	"github.com/smalti/smalti/runtime/wire"
)

// source sends the same messages to its link as fast as that takes them.
type source struct {
	link  runtime.Link
	batch [][]byte
	left  int
}

func (s *source) OnOpen()                 { s.OnWritable() }
func (s *source) OnMessage([]byte)        {}
func (s *source) OnClosed(runtime.Closed) {}
func (s *source) OnWritable() {
	for s.left > 0 {
		n, err := s.link.Send(s.batch[:min(len(s.batch), s.left)]...)
		s.left -= n
		if err != nil {
			return
		}
	}
	s.link.Drain(wire.Finished, patience)
}

// sink counts.
type sink struct {
	left *atomic.Int64
	done *sync.WaitGroup
	got  int64
}

func (s *sink) OnOpen()          {}
func (s *sink) OnMessage([]byte) { s.got++ }
func (s *sink) OnWritable()      {}
func (s *sink) OnClosed(runtime.Closed) {
	s.left.Add(-s.got)
	s.done.Done()
}

func BenchmarkFanOut(b *testing.B) {
	for _, size := range []int{128, 1024, 1000000} {
		b.Run(fmt.Sprintf("%dBx8", size), func(b *testing.B) { fanOut(b, 8, size) })
	}
}

func fanOut(b *testing.B, consumers, size int) {
	sched := live.NewScheduler(live.SchedulerConfig{})
	defer sched.Stop()
	open := func(name string) *quicnet.Transport {
		t, err := quicnet.Listen(quicnet.Config{Key: keyOf(name), Network: ident.Network("test"), Clock: live.NewClock(nil)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(t.Close)
		return t
	}
	producer := open("producer")
	strand := sched.Strand("producer")
	var left atomic.Int64
	var done sync.WaitGroup
	left.Store(int64(b.N) * int64(consumers))
	done.Add(consumers)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range consumers {
		name := fmt.Sprintf("consumer %d", i)
		c, s := open(name), sched.Strand(name)
		_, err := c.Listen(runtime.Protocol{Name: proto}, s, func(l runtime.Link) { l.Bind(s, &sink{left: &left, done: &done}) })
		if err != nil {
			b.Fatal(err)
		}
		strand.Post(func() {
			h := &source{batch: batch(128, size), left: b.N}
			h.link = producer.Dial(c.Local(), c.Addrs(), runtime.Protocol{Name: proto}, strand, h)
		})
	}
	done.Wait()
	b.StopTimer()
	if n := left.Load(); n != 0 {
		b.Fatalf("%d messages were lost", n)
	}
	b.ReportMetric(float64(b.N)*float64(consumers)/b.Elapsed().Seconds()/1e6, "Mdeliveries/s")
}

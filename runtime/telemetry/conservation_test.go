package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/telemetry"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim"
)

// TestMetricsAgreeWithStatus compares what was counted with what producers and
// consumers say of themselves, while one consumer does not read.
func TestMetricsAgreeWithStatus(t *testing.T) {
	for _, lag := range []stream.Lag{stream.Disconnect, stream.DropNewest, stream.DropOldest, stream.Block} {
		w := sim.New(sim.Config{Seed: 1})
		metrics := map[string]*telemetry.Metrics{}
		w.Observe(func(r *event.Record) {
			if m := metrics[r.Host]; m != nil {
				m.Event(r.Event)
			}
		})
		nodes := map[string]*node.Node{}
		for _, host := range []string{"p", "reader", "sleeper"} {
			metrics[host] = telemetry.New()
			h := w.Host(host)
			h.Configure(func(c *sim.HostConfig) {
				c.Endpoint = func(e *netsim.EndpointConfig) {
					e.SendMessages, e.SendBytes, e.LinkWindow = 4, 1<<10, 3<<10
				}
			})
			h.Boot(func(_ context.Context, env *runtime.Env) {
				c := discovery.Config{Network: h.Config().Network, Key: h.Key(), Bootstrap: []discovery.Endpoint{{Peer: w.Host("p").Key().PeerID(), Addrs: []string{w.Host("p").Addr()}}}}
				n, err := node.New(env, node.Config{Discovery: c})
				if err != nil {
					t.Fatal(err)
				}
				nodes[host] = n
			})
			run(t, w, time.Second)
		}
		p, err := stream.Produce(nodes["p"].Streams(), "s", stream.ProducerConfig{Lag: lag, Queue: 16, Online: stream.AtLeast(2)}, stream.WithCodec(stream.Bytes{}))
		if err != nil {
			t.Fatal(err)
		}
		read := uint64(0)
		consumers := map[string]*stream.Consumer[[]byte]{}
		for host, queue := range map[string]int{"reader": 1024, "sleeper": 2} {
			if consumers[host], err = stream.Consume(nodes[host].Streams(), "s", stream.ConsumerConfig{Queue: queue}, stream.WithCodec(stream.Bytes{})); err != nil {
				t.Fatal(err)
			}
		}
		run(t, w, 5*time.Second)
		for range 200 {
			for range 5 {
				_, _ = p.TrySend(make([]byte, 100)) // what is full or offline is not sent
			}
			run(t, w, 10*time.Millisecond)
			for _, err := consumers["reader"].TryRecv(); err == nil; _, err = consumers["reader"].TryRecv() {
				read++
			}
		}
		all, status := gathered(t, metrics["p"]), p.Status()
		var queued, datums, bytes float64
		for _, s := range status.Subscriptions {
			queued += float64(s.Queued())
			datums += float64(s.Stats().Datums)
			bytes += float64(s.Stats().Bytes)
		}
		want(t, lag, "consumers", all["producer_consumers s"], float64(len(status.Subscriptions)))
		want(t, lag, "what waits", waiting(all, "s"), queued)
		if lag != stream.Disconnect { // there are subscriptions that ended
			want(t, lag, "written", all["producer_written_datums_total s"], datums)
			want(t, lag, "written bytes", all["producer_written_bytes_total s"], bytes)
			if queued == 0 {
				t.Errorf("%s: nothing waits for a consumer that does not read", lag)
			}
		}
		reader := gathered(t, metrics["reader"])
		want(t, lag, "received", reader["consumer_received_datums_total s"], float64(read))
		want(t, lag, "received bytes", reader["consumer_received_bytes_total s"], 100*float64(read))
		for range 100 { // it wakes, and finds gaps
			for _, err := consumers["sleeper"].TryRecv(); !errors.Is(err, stream.ErrEmpty); _, err = consumers["sleeper"].TryRecv() {
			}
			run(t, w, 10*time.Millisecond)
		}
		sleeper := gathered(t, metrics["sleeper"])
		want(t, lag, "received bytes", sleeper["consumer_received_bytes_total s"], 100*sleeper["consumer_received_datums_total s"])
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

func run(t *testing.T, w *sim.World, d time.Duration) {
	t.Helper()
	if err := w.Run(w.Now() + d); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, of fmt.Stringer, what string, got, want float64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s: %v by the metrics, want %v", of, what, got, want)
	}
}

// waiting is what a producer's books leave over.
func waiting(all map[string]float64, name string) float64 {
	n := all["producer_enqueued_datums_total "+name] - all["producer_written_datums_total "+name] + all["producer_returned_datums_total "+name]
	for series, v := range all {
		if strings.HasPrefix(series, "producer_dropped_datums_total ") && strings.HasSuffix(series, " "+name) {
			n -= v
		}
	}
	return n
}

// boot is a host between two crashes.
type boot struct {
	host string
	n    int
}

// TestBooksBalanceWhateverHappens runs worlds in which everything goes wrong: of
// each node that ended in order nothing may be left over.
func TestBooksBalanceWhateverHappens(t *testing.T) {
	ended, moved := 0, 0
	for seed := range uint64(25) {
		metrics := map[boot]*telemetry.Metrics{}
		stopped := map[boot]bool{}
		s := scenarios.Swarm(seed)
		_, err := scenarios.Run(s, scenarios.Options{Seed: seed, Observe: func(r *event.Record) {
			b := boot{r.Host, r.Boot}
			if metrics[b] == nil {
				metrics[b] = telemetry.New()
			}
			metrics[b].Event(r.Event)
			stopped[b] = stopped[b] || r.Kind == event.NodeStopped
		}})
		if err != nil {
			t.Fatal(err)
		}
		for b, m := range metrics {
			if !stopped[b] {
				continue // it crashed
			}
			ended++
			all := gathered(t, m)
			for series, v := range all {
				name, label, _ := strings.Cut(series, " ")
				switch name {
				case "producer_enqueued_datums_total":
					if v > 0 {
						moved++
					}
					if n := waiting(all, label); n != 0 {
						t.Errorf("seed %d, %v: %v datums of %s are left over", seed, b, n, label)
					}
				case "producer_open", "producer_online", "producer_consumers", "consumer_open", "consumer_online", "consumer_producers":
					if v != 0 {
						t.Errorf("seed %d, %v: %s is %v after the end", seed, b, series, v)
					}
				}
			}
		}
	}
	if ended < 25 || moved < 25 {
		t.Errorf("only %d nodes ended in order and %d producers sent: not enough to see anything", ended, moved)
	}
}

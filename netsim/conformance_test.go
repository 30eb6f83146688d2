package netsim_test

import (
	"context"
	"testing"
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/transporttest"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
)

// seeds is how many schedules and fates each case is run under.
const seeds = 8

// TestConformance runs the suite of transports on the kernel.
func TestConformance(t *testing.T) {
	transporttest.Run(t, transporttest.Harness{
		Name: "netsim",
		Can:  transporttest.CanCrash | transporttest.CanPartition | transporttest.CanLeap | transporttest.CanShape | transporttest.CanConnect,
		// There are no bytes below a frame: nothing to say garbage in.
		Omits: []string{
			"a silent handshake ends in time",
			"garbage for a hello is refused",
			"garbage on a stream ends that peer only",
		},
		Base: transporttest.Net{Latency: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 10_000},
		Run: func(t *testing.T, s transporttest.Setup, body func(ctx context.Context, w transporttest.World)) {
			for seed := range uint64(seeds) {
				runOnKernel(t, seed, s, body)
				if t.Failed() {
					t.Logf("with seed %d", seed)
					return
				}
			}
		},
	})
}

func runOnKernel(t *testing.T, seed uint64, s transporttest.Setup, body func(ctx context.Context, w transporttest.World)) {
	t.Helper()
	w := sim.New(sim.Config{Seed: seed, Path: pathOf(s.Net)})
	if err := w.RunTask("body", func(ctx context.Context) { body(ctx, kernelWorld{w}) }); err != nil {
		t.Errorf("run: %v", err)
	} else if err := w.Run(w.Now() + time.Minute); err != nil {
		t.Errorf("run on after the end: %v", err)
	} else if !w.Net.Idle() {
		t.Errorf("%d frames under way, or a link left, a minute after all transports closed", w.Net.InFlight())
	}
	if err := w.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func pathOf(net transporttest.Net) netsim.Path {
	return netsim.Path{
		Latency:   netsim.Latency{Shape: netsim.Uniform, Base: net.Latency, Spread: net.Jitter},
		LossPPM:   net.Loss,
		Bandwidth: net.Bandwidth,
		Queue:     512 << 10,
	}
}

// kernelWorld is a transporttest.World of simulated hosts.
type kernelWorld struct{ *sim.World }

// Start boots a host, or reboots it after a crash.
func (k kernelWorld) Start(name string, o transporttest.Options) (*runtime.Env, error) {
	h := k.Host(name)
	crashed := h.Config().Endpoint != nil
	h.Configure(func(c *sim.HostConfig) {
		c.Key, c.Network, c.Secrets = o.Key, o.Network, o.Secrets
		c.Endpoint = func(e *netsim.EndpointConfig) {
			if o.Instance != (wire.Instance{}) {
				e.Instance = o.Instance
			}
			e.VersionMin, e.VersionMax = o.Versions[0], o.Versions[1]
			e.SendMessages, e.SendBytes, e.LinksPerPeer = o.SendMessages, o.SendBytes, o.LinksPerPeer
			e.IdleTimeout, e.KeepAlive, e.Linger = o.IdleTimeout, o.KeepAlive, o.Linger
			e.HelloTimeout, e.LinkTimeout = o.HelloTimeout, o.LinkTimeout
			e.Observer = both{e.Observer, o.Observer}
		}
	})
	if crashed {
		h.Restart()
	} else {
		h.Boot(func(context.Context, *runtime.Env) {})
	}
	return h.Env(), nil
}

func (k kernelWorld) Crash(name string)     { k.Host(name).Crash() }
func (k kernelWorld) Partition(a, b string) { k.Net.Partition([]string{a}, []string{b}) }
func (k kernelWorld) Heal()                 { k.Net.Heal() }
func (k kernelWorld) Nowhere() string       { return "10.255.255.255:1" }

// Raw is never called: the harness cannot.
func (k kernelWorld) Raw(context.Context, *runtime.Env, transporttest.Raw, time.Duration) wire.Reason {
	panic("netsim has no raw access")
}

type both [2]runtime.Observer

func (b both) Event(e event.Event) {
	b[0].Event(e)
	b[1].Event(e)
}

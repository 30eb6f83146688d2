package quicnet_test

import (
	"context"
	"testing"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/transporttest"
	"github.com/smalti/smalti/sim"
)

// TestModelsAgree holds the same conversation on the simulated network and on
// QUIC over simulated packets, of equal latency and bandwidth.
func TestModelsAgree(t *testing.T) {
	model := transporttest.Script(t, onKernel)
	real := transporttest.Script(t, onSimnet)
	table, faults := transporttest.Agree("netsim", model, "quicnet", real)
	t.Logf("round trip %v, bandwidth %d B/s\n%s", transporttest.ScriptRoundTrip, transporttest.ScriptNet.Bandwidth, table)
	for _, fault := range faults {
		t.Errorf("the models differ by more than a round trip and a tenth: %s", fault)
	}
}

// onKernel runs the script on netsim.
var onKernel = transporttest.Harness{
	Name: "netsim",
	Can:  transporttest.CanPartition | transporttest.CanShape,
	Run: func(t *testing.T, s transporttest.Setup, body func(ctx context.Context, w transporttest.World)) {
		w := sim.New(sim.Config{Seed: 1, Path: netsim.Path{
			Latency:   netsim.Latency{Base: s.Net.Latency},
			Bandwidth: s.Net.Bandwidth,
			Queue:     512 << 10,
		}})
		if err := w.RunTask("body", func(ctx context.Context) { body(ctx, kernelWorld{kernel: w}) }); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	},
}

// kernelWorld has of a transporttest.World what the script needs.
type kernelWorld struct {
	transporttest.World
	kernel *sim.World
}

func (k kernelWorld) Env() *runtime.Env     { return k.kernel.Env() }
func (k kernelWorld) Partition(a, b string) { k.kernel.Net.Partition([]string{a}, []string{b}) }
func (k kernelWorld) Heal()                 { k.kernel.Net.Heal() }

func (k kernelWorld) Start(name string, o transporttest.Options) (*runtime.Env, error) {
	h := k.kernel.Host(name)
	h.Configure(func(c *sim.HostConfig) { c.Key, c.Network = o.Key, o.Network })
	h.Boot(func(context.Context, *runtime.Env) {})
	return h.Env(), nil
}

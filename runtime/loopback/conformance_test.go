package loopback_test

import (
	"context"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/live"
	"github.com/smalti/smalti/runtime/loopback"
	"github.com/smalti/smalti/runtime/transporttest"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
)

// seeds is how many schedules each case is run under on the kernel, a quarter with -short.
const seeds = 16

// omits are the cases about what is between two processes.
var omits = []string{
	"a close during a partition arrives after it",
	"a crashed peer times out",
	"a dial to nobody ends",
	"a dial tries the next address",
	"a dial without addresses needs a session",
	"a link survives a short partition",
	"a link that is refused does not keep its session",
	"a peer of another network is refused",
	"a peer that is not known has few links",
	"a peer with another key is refused",
	"a peer without the secret is refused",
	"a quiet session stays up",
	"a restarted peer replaces its former self",
	"a session without links closes after its linger",
	"a silent handshake ends in time",
	"a silent peer times out, all its links together",
	"an address that others claim is shunned, but for the peer that is there",
	"both ends know who, where and for what",
	"drain is confirmed before a process goes away",
	"drain through a short partition",
	"exporters agree within a session and differ between sessions",
	"garbage for a hello is refused",
	"garbage on a stream ends that peer only",
	"links per peer are bounded and come back",
	"many new addresses are dialled one after the other",
	"one key in two places is refused",
	"one key in two places is served again later",
	"peers that did not answer leave places for others",
	"round trips are measured",
	"secrets rotate",
	"silent peers delay other dials only briefly",
	"simultaneous dials give one session",
	"simultaneous dials give one session through loss",
	"unbound links are bounded",
	"versions are negotiated",
}

func TestConformanceOnTheKernel(t *testing.T) {
	transporttest.Run(t, transporttest.Harness{
		Name: "loopback on the kernel", Can: transporttest.CanLeap, Omits: omits,
		Run: func(t *testing.T, _ transporttest.Setup, body func(ctx context.Context, w transporttest.World)) {
			most := uint64(seeds)
			if testing.Short() {
				most /= 4
			}
			for seed := range most {
				w := sim.New(sim.Config{Seed: seed, Buggify: seed%2 == 1})
				here := &world{hub: &loopback.Hub{}, env: w.Env(), machine: func(name string) *runtime.Env {
					h := w.Host(name)
					h.Boot(func(context.Context, *runtime.Env) {})
					return h.Env()
				}}
				if err := w.RunTask("body", func(ctx context.Context) { body(ctx, here) }); err != nil {
					t.Errorf("run: %v", err)
				}
				if err := w.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
				if t.Failed() {
					t.Logf("with seed %d", seed)
					return
				}
			}
		},
	})
}

func TestConformanceInRealTime(t *testing.T) {
	transporttest.Run(t, transporttest.Harness{
		Name: "loopback in real time", Omits: omits, Parallel: true,
		Run: func(t *testing.T, _ transporttest.Setup, body func(ctx context.Context, w transporttest.World)) {
			own := live.NewScheduler(live.SchedulerConfig{})
			var others []*live.Scheduler
			w := &world{hub: &loopback.Hub{}, env: &runtime.Env{Clock: live.NewClock(nil), Scheduler: own}, machine: func(string) *runtime.Env {
				s := live.NewScheduler(live.SchedulerConfig{})
				others = append(others, s)
				return &runtime.Env{Clock: live.NewClock(nil), Scheduler: s}
			}}
			done := make(chan struct{})
			own.Go("body", func(ctx context.Context) {
				defer close(done)
				body(ctx, w)
			})
			<-done
			for _, s := range append(others, own) {
				s.Stop()
			}
		},
	})
}

// world is a transporttest.World of members of one hub.
type world struct {
	hub     *loopback.Hub
	env     *runtime.Env
	machine func(name string) *runtime.Env
}

func (w *world) Env() *runtime.Env { return w.env }

func (w *world) Start(name string, o transporttest.Options) (*runtime.Env, error) {
	m := w.machine(name)
	env := &runtime.Env{Clock: m.Clock, Scheduler: m.Scheduler, Observer: o.Observer, Bugs: m.Bugs}
	env.Transport = w.hub.Attach(env, o.Key.PeerID())
	return env, nil
}

func (w *world) Crash(string)          { panic("a member of a hub does not crash") }
func (w *world) Partition(_, _ string) { panic("nothing is between members of a hub") }
func (w *world) Heal()                 { panic("nothing is between members of a hub") }
func (w *world) Nowhere() string       { return "" }
func (w *world) Raw(context.Context, *runtime.Env, transporttest.Raw, time.Duration) wire.Reason {
	panic("nothing is between members of a hub")
}

package discovery_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

func (c *cluster) task(f func(ctx context.Context)) {
	c.Host("n0").Env().Scheduler.Go("test", f)
}

func TestPingGivesTheStoredEntryAndMeasures(t *testing.T) {
	w := newCluster(t, 1, 2)
	w.run(time.Second)
	var pong discovery.Pong
	var err, selfErr error
	version := w.nodes["n1"].Me().Version
	w.task(func(ctx context.Context) {
		pong, err = w.nodes["n0"].Ping(ctx, w.id("n1"), nil)
		_, selfErr = w.nodes["n0"].Ping(ctx, w.id("n0"), nil)
	})
	w.run(5 * time.Second)
	if err != nil || pong.Entry == nil || pong.Entry.Peer != w.id("n1") || pong.Entry.Version != version || pong.RTT <= 0 {
		t.Errorf("got %+v, %v", pong, err)
	}
	if !errors.Is(selfErr, discovery.ErrSelf) {
		t.Errorf("ping of oneself: %v", selfErr)
	}
	w.Host("n1").Crash()
	w.task(func(ctx context.Context) { _, err = w.nodes["n0"].Ping(ctx, w.id("n1"), nil) })
	w.run(time.Minute)
	if _, ok := errors.AsType[wire.Reason](err); !ok {
		t.Errorf("ping of the dead: %v", err)
	}
}

func TestTrackedPeersAreMeasuredAndOthersAreNot(t *testing.T) {
	w := newCluster(t, 1, 2)
	w.run(time.Second)
	pings := func() int { return w.count(event.Pinged, "n0", "n1") }
	untrack := w.nodes["n0"].Track(w.id("n1"))
	second := w.nodes["n0"].Track(w.id("n1"))
	w.run(5 * time.Minute)
	if n := pings(); n < 5 || n > 20 {
		t.Errorf("%d measurements in 5 minutes, want about 10", n)
	}
	untrack()
	w.run(5 * time.Minute)
	n := pings()
	if n < 12 {
		t.Errorf("%d measurements in 10 minutes: one of two trackers left", n)
	}
	second()
	w.run(time.Minute)
	n = pings()
	w.run(10 * time.Minute)
	if pings() != n {
		t.Error("still measured after nobody tracks it")
	}
}

func TestPingOfASilentPeerEnds(t *testing.T) {
	w := newCluster(t, 1, 1)
	w.run(time.Second)
	mute := w.Host("mute")
	mute.Boot(func(_ context.Context, env *runtime.Env) {
		s := env.Scheduler.Strand("test")
		closed := 0
		if _, err := env.Transport.Listen(runtime.Protocol{Name: discovery.PingProtocol}, s, func(l runtime.Link) { l.Bind(s, silent{&closed}) }); err != nil {
			t.Error(err)
		}
	})
	errs := 0
	for range 4 {
		w.task(func(ctx context.Context) {
			if _, err := w.nodes["n0"].Ping(ctx, w.id("mute"), []string{mute.Addr()}); errors.Is(err, wire.HandshakeTimeout) {
				errs++
			}
		})
	}
	w.run(6 * time.Second)
	if errs != 4 {
		t.Errorf("%d of 4 pings ended within the time of one", errs)
	}
}

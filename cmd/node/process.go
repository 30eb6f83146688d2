package main

import (
	"context"
	"errors"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/live"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/quicnet"
)

// closeMax bounds the end of a node. Streams take up to node.DefaultCloseMax while consumers
// make progress; then come a farewell of 300 ms and the transport's drain of a second. The
// rest is for a busy machine. A second signal does not wait for it.
const closeMax = node.DefaultCloseMax + 5*time.Second

// process is a node on this machine: real strands, clock, network and store.
type process struct {
	*node.Node
	clock     *live.Clock
	scheduler *live.Scheduler
	transport *quicnet.Transport
	health    *health
	storeless error // why nothing is kept in the default store
	closed    bool
}

// start starts a node. observer may be nil.
func start(s settings, observer runtime.Observer) (*process, error) {
	p := &process{clock: live.NewClock(nil), scheduler: live.NewScheduler(live.SchedulerConfig{})}
	env := &runtime.Env{Clock: p.clock, Scheduler: p.scheduler, Observer: observer}
	if s.store != "" {
		store, err := live.OpenStore(s.store, p.scheduler)
		if err == nil {
			env.Store = store // what it has is read even if it cannot be written
			err = store.Check()
		}
		switch {
		case err == nil:
		case s.storeByDefault:
			p.storeless = err
		default:
			p.stop()
			return nil, badInput("give --store a directory that you can write to, with free space, or none", "%w", err)
		}
	}
	var err error
	p.transport, err = quicnet.Listen(quicnet.Config{
		Key: s.key, Network: s.network, Secrets: s.secrets,
		Listen: s.listen, Advertise: s.advertise,
		Clock: p.clock, Observer: observer,
	})
	if err != nil {
		p.stop()
		return nil, listenFault(s.listen, err)
	}
	env.Transport = p.transport
	p.Node, err = node.New(env, node.Config{Discovery: discovery.Config{
		Network: s.network, Key: s.key, Bootstrap: s.bootstrap,
	}})
	if err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// Close ends the node in order, within closeMax. A second call does nothing.
func (p *process) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), closeMax)
	defer cancel()
	err := p.Node.Close(ctx)
	p.stop()
	if errors.Is(err, context.DeadlineExceeded) {
		return failed("the peers notice within the idle time-out", "the node did not end within %s", closeMax)
	}
	return err
}

// stop ends what there is of the process, at once.
func (p *process) stop() {
	if p.transport != nil {
		p.transport.Close()
	}
	p.clock.Stop()
	p.scheduler.Stop()
}

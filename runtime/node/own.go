package node

import (
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/loopback"
	"github.com/smalti/smalti/runtime/wire"
)

// transport is the Env's, through which a node reaches itself besides: without the network,
// by a hub of which it is the only member.
type transport struct {
	runtime.Transport
	own *loopback.Transport
}

// withOwn returns an Env whose transport reaches the node itself too.
func withOwn(env *runtime.Env) *runtime.Env {
	own := new(loopback.Hub).Attach(env, env.Transport.Local())
	return &runtime.Env{
		Clock: env.Clock, Scheduler: env.Scheduler, Transport: transport{env.Transport, own},
		Store: env.Store, Observer: env.Observer, Bugs: env.Bugs,
	}
}

// Listen implements runtime.Transport.
func (t transport) Listen(proto runtime.Protocol, s runtime.Strand, accept func(runtime.Link)) (stop func(), err error) {
	stopPeers, err := t.Transport.Listen(proto, s, accept)
	if err != nil {
		return nil, err
	}
	stopOwn, err := t.own.Listen(proto, s, accept)
	if err != nil {
		stopPeers()
		return nil, err
	}
	return func() {
		stopPeers()
		stopOwn()
	}, nil
}

// Dial implements runtime.Transport.
func (t transport) Dial(peer ident.PeerID, addrs []string, proto runtime.Protocol, s runtime.Strand, h runtime.Handler) runtime.Link {
	if peer == t.Local() {
		return t.own.Dial(peer, nil, proto, s, h)
	}
	return t.Transport.Dial(peer, addrs, proto, s, h)
}

// Drain implements runtime.Transport.
func (t transport) Drain(r wire.Reason, max time.Duration, s runtime.Strand, done func()) {
	t.own.Drain(r, max, s, func() { t.Transport.Drain(r, max, s, done) })
}

// Close implements runtime.Transport.
func (t transport) Close() {
	t.own.Close()
	t.Transport.Close()
}

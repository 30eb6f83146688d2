package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// DefaultCloseMax is how long Close goes on delivering to consumers that make progress:
// the grace period that Kubernetes gives a pod by default.
const DefaultCloseMax = 30 * time.Second

// transportDrain bounds the last step of Close: what streams wanted delivered
// is delivered by then.
const transportDrain = time.Second

// Config configures a node. Discovery's Key must be the one of the Env's
// transport, and so must its Network.
type Config struct {
	Discovery discovery.Config
	// CloseMax bounds how long Close delivers what the node's producers accepted; each
	// gives up earlier on consumers without progress, see stream.ProducerConfig.
	// 0: DefaultCloseMax.
	CloseMax time.Duration
	Streams  stream.Config
}

// Node is a running node.
type Node struct {
	env       *runtime.Env
	strand    runtime.Strand
	discovery *discovery.Discovery
	streams   *stream.Streams
	closeMax  time.Duration
	failure   error // of the transport
	closing   runtime.Watch[bool]
	ended     runtime.Watch[*end]
}

// end is the outcome of a Close.
type end struct{ err error }

// networked is a transport that keeps to one network, such as a *quicnet.Transport.
type networked interface{ Network() ident.NetworkID }

// New starts a node on env. The error names the field of config that is wrong: a key or a
// network other than those of the transport, with which peers would refuse each other's
// entries for ever, an address of the transport at which no peer would dial this node, or
// what discovery.Config and stream.Config refuse.
func New(env *runtime.Env, config Config) (*Node, error) {
	if key := config.Discovery.Key.PeerID(); key != env.Transport.Local() {
		return nil, fmt.Errorf("start node: discovery signs as %s, but the transport proves %s: give both the same key", key.Short(), env.Transport.Local().Short())
	}
	if t, ok := env.Transport.(networked); ok && t.Network() != config.Discovery.Network {
		return nil, fmt.Errorf("start node: discovery is of network %s, but the transport of network %s: "+
			"give both the same network", config.Discovery.Network.Short(), t.Network().Short())
	}
	if config.CloseMax < 0 {
		return nil, fmt.Errorf("start node: CloseMax of %s, want 0 or more", config.CloseMax)
	}
	inner := withOwn(env)
	n := &Node{env: env, strand: env.Scheduler.Strand("node"), closeMax: cmp.Or(config.CloseMax, DefaultCloseMax)}
	env.Report(&event.Event{Kind: event.NodeStarted})
	var err error
	if n.discovery, err = discovery.New(env, config.Discovery); err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	if n.streams, err = stream.New(inner, n.discovery, config.Streams); err != nil {
		n.discovery.Stop(n.strand, func() {})
		return nil, fmt.Errorf("start node: %w", err)
	}
	env.Transport.SetKnown(func(peer ident.PeerID) bool {
		_, known := n.discovery.Catalog().Get(peer)
		return known
	})
	env.Transport.OnFailure(n.strand, n.onFailure)
	return n, nil
}

// onFailure ends the node, whose transport has failed.
func (n *Node) onFailure(err error) {
	n.failure = err
	n.close()
}

// ID is the node's identity.
func (n *Node) ID() ident.PeerID { return n.env.Transport.Local() }

// Env is what the node runs on.
func (n *Node) Env() *runtime.Env { return n.env }

// Discovery gives the node's view of the network.
func (n *Node) Discovery() *discovery.Discovery { return n.discovery }

// Streams gives what stream.Produce and stream.Consume need.
func (n *Node) Streams() *stream.Streams { return n.streams }

// Endpoint is what another node needs to bootstrap from this one.
func (n *Node) Endpoint() discovery.Endpoint {
	return discovery.Endpoint{Peer: n.ID(), Addrs: n.env.Transport.Addrs()}
}

// Closing turns true when the node begins to end: Close was called, or the transport
// failed, which Close then returns. A program that does something every so
// often waits for it beside its time-out.
func (n *Node) Closing() *runtime.Watch[bool] { return &n.closing }

// Close ends the node in order. The error says what a producer could not
// deliver, and whether the transport had failed; the cause of ctx ends the waiting and not the close. Twice is fine.
func (n *Node) Close(ctx context.Context) error {
	n.strand.Post(n.close)
	e, err := n.ended.Wait(ctx, n.env, func(e *end) bool { return e != nil })
	if err != nil {
		return err
	}
	return e.err
}

func (n *Node) close() {
	if n.closing.Get() {
		return
	}
	n.closing.Set(true)
	n.env.Report(&event.Event{Kind: event.NodeClosing})
	n.streams.Close(n.closeMax, n.strand, func(err error) {
		n.discovery.Stop(n.strand, func() {
			n.env.Transport.Drain(wire.GracefulShutdown, transportDrain, n.strand, func() {
				n.env.Report(&event.Event{Kind: event.NodeStopped})
				n.ended.Set(&end{errors.Join(n.failure, err)})
			})
		})
	})
}

package main

import (
	"context"
	"sync"
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
)

// connectMax bounds the time in which the nodes of a cluster find each other:
// some retries of a handshake.
const connectMax = 30 * time.Second

// cluster is a producer and its consumers, each a whole node on loopback, in
// one process.
type cluster struct {
	producer  *process
	consumers []*process
}

// newCluster starts a producer and n consumers, which know its address.
func newCluster(n int) (*cluster, error) {
	key, err := freshKey()
	if err != nil {
		return nil, err
	}
	s := settings{network: ident.Network("loopback of " + key.PeerID().String()), listen: "127.0.0.1:0", key: key}
	c := &cluster{}
	if c.producer, err = start(s, nil); err != nil {
		return nil, err
	}
	s.bootstrap = []discovery.Endpoint{c.producer.Endpoint()}
	for range n {
		if s.key, err = freshKey(); err != nil {
			break
		}
		p, startErr := start(s, nil)
		if err = startErr; err != nil {
			break
		}
		c.consumers = append(c.consumers, p)
	}
	if err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// connect opens a stream and returns when all consumers are connected.
func (c *cluster) connect(ctx context.Context, name string) (*stream.Producer[[]byte], []*stream.Consumer[[]byte], error) {
	producer, err := stream.Produce(c.producer.Streams(), name, stream.ProducerConfig{Lag: stream.Block}, stream.WithCodec(stream.Bytes{}))
	if err != nil {
		return nil, nil, err
	}
	consumers := make([]*stream.Consumer[[]byte], len(c.consumers))
	for i, p := range c.consumers {
		if consumers[i], err = stream.Consume(p.Streams(), name, stream.ConsumerConfig{}, stream.WithCodec(stream.Bytes{})); err != nil {
			return nil, nil, err
		}
	}
	limited, cancel := context.WithTimeout(ctx, connectMax)
	defer cancel()
	if err := producer.When().Quorum(stream.AtLeast(len(consumers))).Wait(limited); err != nil {
		if interrupted(ctx) {
			return nil, nil, failed("nothing was measured", "interrupted")
		}
		return nil, nil, failed("see whether the machine is overloaded, or UDP on loopback is filtered",
			"%d of %s connected within %s", len(producer.Status().Subscriptions), count(len(consumers), "consumer"), connectMax)
	}
	return producer, consumers, nil
}

// stop ends all nodes, all at once.
func (c *cluster) stop() {
	var all sync.WaitGroup
	for _, p := range append(c.consumers, c.producer) {
		all.Go(func() { _ = p.Close() }) // nothing is left to deliver
	}
	all.Wait()
}

package node_test

import (
	"context"
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/sim"
)

// measurement is a datum; its fields are what criteria can ask for.
type measurement struct {
	Site string `cbor:"site"`
	Temp int    `cbor:"temp"`
}

// measurements is declared once and used on both sides.
var measurements = stream.Define[measurement]("measurements")

// Two nodes find each other and one stream flows. The program of each host would
// run over real QUIC as it is: only its Env would be another.
func ExampleNew() {
	world := sim.New(sim.Config{Seed: 1})
	sensor, screen := world.Host("sensor"), world.Host("screen")

	start := func(env *runtime.Env, h *sim.Host) *node.Node {
		n, err := node.New(env, node.Config{Discovery: discovery.Config{
			Network:   h.Config().Network,
			Key:       h.Key(),
			Bootstrap: []discovery.Endpoint{{Peer: sensor.Key().PeerID(), Addrs: []string{sensor.Addr()}}},
		}})
		if err != nil {
			panic(err)
		}
		return n
	}

	sensor.Boot(func(ctx context.Context, env *runtime.Env) {
		n := start(env, sensor)
		defer n.Close(ctx)
		p, err := measurements.Produce(n.Streams())
		if err != nil {
			panic(err)
		}
		for temp := 28; temp <= 33; temp++ {
			// Waits until there is a consumer.
			if _, err := p.Send(ctx, measurement{Site: "lab", Temp: temp}); err != nil {
				return
			}
		}
		_ = p.Close(ctx) // delivers what is under way
	})
	screen.Boot(func(ctx context.Context, env *runtime.Env) {
		n := start(env, screen)
		hot := measurements.With(stream.Consuming[measurement](stream.ConsumerConfig{Criteria: `temp > 30 && site == "lab"`}))
		c, err := hot.Consume(n.Streams())
		if err != nil {
			panic(err)
		}
		for d, err := range c.All(ctx) {
			fmt.Println(d.Seq, d.Value.Temp, err)
		}
	})

	if err := world.Run(10 * time.Second); err != nil {
		fmt.Println(err)
	}
	if err := world.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 4 31 <nil>
	// 5 32 <nil>
	// 6 33 <nil>
}

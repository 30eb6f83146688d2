// Package ownservice shows how to test a service of one's own in the simulator:
// a sensor that sends readings and a display that must never see them go back.
package ownservice

import (
	"context"
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/scenarios"
)

// Reading is what travels.
type Reading struct{ Count int }

// Sensor sends a reading every 100 ms.
var Sensor = scenarios.Program{Name: "sensor", Doc: "Sends a reading every 100 ms.", Start: func(ctx context.Context, n *node.Node) error {
	out, err := stream.Produce[Reading](n.Streams(), "readings", stream.ProducerConfig{})
	for i := 0; err == nil; i++ {
		if _, err = out.Send(ctx, Reading{Count: i}); err == nil {
			err = n.Env().Sleep(ctx, 100*time.Millisecond)
		}
	}
	return err
}}

// Display receives readings, and fails if those of one sensor go back.
var Display = scenarios.Program{Name: "display", Doc: "Receives readings and checks their order.", Start: func(ctx context.Context, n *node.Node) error {
	in, err := stream.Consume[Reading](n.Streams(), "readings", stream.ConsumerConfig{})
	if err != nil {
		return err
	}
	type source struct {
		peer        ident.PeerID
		incarnation uint64
	}
	shown := map[source]int{}
	for d, err := range in.All(ctx) {
		from := source{d.Producer, d.Incarnation}
		if last, ok := shown[from]; err == nil && ok && d.Value.Count <= last {
			return fmt.Errorf("reading %d of %s after %d", d.Value.Count, d.Producer.Short(), last)
		}
		if err == nil {
			shown[from] = d.Value.Count
		}
	}
	return nil
}}

package node_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/zeebo/blake3"
)

// A member publishes entries of producers that do not exist, at silent addresses. A consumer
// that starts then dials MaxDials of them a second, and reaches the real one within seconds.
func TestMadeUpProducersDelayANewConsumerForSeconds(t *testing.T) {
	const producers = 500
	inWorld(t, func(x *trial) {
		d := texts.With(stream.Producing[string](stream.ProducerConfig{Online: stream.AtLeast(0)}))
		first, real, liar := x.node("first"), x.node("real"), x.node("liar")
		produce(x, real, d)
		for i := range producers {
			key := ident.KeyFromSeed(blake3.Sum256([]byte(fmt.Sprint(i))))
			entry := &discovery.Entry{
				Protocol: discovery.EntryProtocol, Network: x.network(), Peer: key.PeerID(),
				Version: discovery.Version{Started: x.env().Clock.Now().UnixMilli(), Updated: x.env().Clock.Now().UnixMilli()},
				Addrs:   []string{fmt.Sprintf("10.9.8.7:%d", 2000+i)},
				Streams: []ident.StreamPrefix{texts.Stream().Prefix()},
			}
			signed, err := discovery.Sign(entry, key)
			if err != nil {
				x.Fatal(err)
			}
			if err := liar.Discovery().Feed(x.ctx, signed.Raw); err != nil {
				x.Fatal(err)
			}
		}
		x.within("the made-up entries to spread", func() bool { return first.Discovery().Catalog().Len() == 3+producers })
		c := consume(x, x.node("c2"), d)
		most := time.Duration(producers/runtime.MaxDials+5) * runtime.DialPlace
		x.by(most, "the real producer", func() bool { return len(c.Status().Subscriptions) == 1 })
	})
}

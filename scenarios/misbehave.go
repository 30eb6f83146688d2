package scenarios

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/criteria"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
	"github.com/smalti/smalti/sim/fault"
)

// errSpoiled is what the codec of the built-in producers says under the fault spoil.
var errSpoiled = errors.New("spoiled")

// fields is the codec of the built-in producers: bytes, into which criteria can
// look, and which a fault makes unfit.
type fields struct {
	stream.Bytes
	spoiled func() bool
}

// Append implements stream.Codec.
func (f fields) Append(b, v []byte) ([]byte, error) {
	if f.spoiled() {
		return nil, errSpoiled
	}
	return append(b, v...), nil
}

// Fields implements criteria.Fielder.
func (fields) Fields(data []byte) (any, error) {
	if len(data) < minPayload {
		return nil, wire.ErrDecode
	}
	return described(binary.BigEndian.Uint64(data[16:]), int64(len(data))), nil
}

// described are the fields of a datum.
func described(index uint64, size int64) any {
	return map[string]any{"index": int64(index), "size": size, "kind": string("abc"[index%3])}
}

// matcher judges what the built-in producers sent, without their help.
func matcher() func(text string, sent event.Event) bool {
	compiled := map[string]*criteria.Criteria{}
	return func(text string, sent event.Event) bool {
		c := compiled[text]
		if c == nil {
			c, _ = criteria.Compile(text) // validated
			compiled[text] = c
		}
		match, err := c.Match(described(sent.To, sent.Bytes))
		return match && err == nil
	}
}

// spoiled tells whether the host's producers cannot encode, as its dial says.
func spoiled(env *runtime.Env, spoil dial) bool {
	if spoil.Get() == 0 {
		return false
	}
	env.Mark(fault.MarkSpoil)
	return true
}

// crawls gives how much longer a datum takes the host's consumers.
func crawls(env *runtime.Env, crawl dial) time.Duration {
	d := time.Duration(crawl.Get())
	if d > 0 {
		env.Mark(fault.MarkCrawl)
	}
	return d
}

// gulps gives how long a consumer that began to read at rested, and now had to wait for
// a datum, leaves the rest alone.
func gulps(env *runtime.Env, gulp dial, rested time.Duration) time.Duration {
	d := time.Duration(gulp.Get())
	if d == 0 || env.Clock.Mono() == rested {
		return 0
	}
	env.Mark(fault.MarkGulp)
	return d
}

// raised is n, or what a dial of the host says if that is more.
func raised(env *runtime.Env, by dial, n int, mark string) int {
	more := int(by.Get())
	if more <= n {
		return n
	}
	env.Mark(mark)
	return more
}

// panicking makes a requirement panic while its host's dial says so. A nil one
// asks for nothing.
func panicking(env *runtime.Env, h *sim.Host, require func(discovery.Peer) bool) func(discovery.Peer) bool {
	return func(p discovery.Peer) bool {
		if h.Dial("panic").Get() != 0 {
			env.Mark(fault.MarkPanic)
			panic(fault.PanicText)
		}
		return require == nil || require(p)
	}
}

// dial is a number of a host's that faults turn.
type dial = *runtime.Watch[uint64]

// tellRevocations reports what happens to the rights of others on the stream: to
// consume it, or if side is 1, to produce it.
func (j job) tellRevocations(n *node.Node, side int64) {
	if len(j.validators) == 0 {
		return
	}
	strand := n.Env().Scheduler.Strand(fmt.Sprintf("revocations/%d", j.id))
	for _, h := range j.world.Hosts() {
		before := false
		h.Dial("revoke").Subscribe(strand, func(value uint64) {
			if now := value != 0; now != before {
				before = now
				kind := event.AppAllowed
				if now {
					kind = event.AppRevoked
				}
				n.Env().Report(&event.Event{Kind: kind, Stream: ident.Stream(j.stream.Name), Peer: h.Config().Key.PeerID(), N: side})
			}
		})
	}
}

// stall keeps a consumer from reading for as long as its host's dial says.
func stall(ctx context.Context, n *node.Node, stalls dial) error {
	if stalls.Get() == 0 {
		return nil
	}
	n.Env().Mark(fault.MarkStall)
	for stalls.Get() != 0 {
		if closing, err := pause(ctx, n, 50*time.Millisecond); closing || err != nil {
			return err
		}
	}
	return nil
}

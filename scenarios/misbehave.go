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
	"github.com/smalti/smalti/runtime/ticket"
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

// spoiled tells whether the host's producers cannot encode.
func spoiled(env *runtime.Env, h *sim.Host) bool {
	if h.Dial("spoil").Get() == 0 {
		return false
	}
	env.Mark(fault.MarkSpoil)
	return true
}

// crawls gives how much longer a datum takes the host's consumers.
func crawls(env *runtime.Env, h *sim.Host) time.Duration {
	d := time.Duration(h.Dial("crawl").Get())
	if d > 0 {
		env.Mark(fault.MarkCrawl)
	}
	return d
}

// raised is n, or what a dial of the host says if that is more.
func raised(env *runtime.Env, h *sim.Host, n int, dial, mark string) int {
	more := int(h.Dial(dial).Get())
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

// give has the node carry new tickets, unless the issuer withholds them.
func (t *ticketing) give(n *node.Node) (given bool) {
	t.missed = t.on.Dial("withhold").Get() != 0
	if t.missed {
		n.Env().Mark(fault.MarkWithhold)
		return false
	}
	n.Discovery().SetTickets(t.issue(n.ID()))
	return true
}

// obey renews the tickets when the host's dials ask for it: at once, and when
// what was missed is not withheld any more.
func (t *ticketing) obey(n *node.Node) {
	strand := n.Env().Scheduler.Strand("tickets")
	t.on.Dial("renew").Subscribe(strand, func(asked uint64) {
		if asked != 0 && t.give(n) {
			n.Env().Mark(fault.MarkRenew)
		}
	})
	t.on.Dial("withhold").Subscribe(strand, func(withheld uint64) {
		if withheld == 0 && t.missed {
			t.give(n)
		}
	})
}

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
				n.Env().Report(event.Event{Kind: kind, Stream: ident.Stream(j.stream.Name), Peer: h.Key().PeerID(), N: side})
			}
		})
	}
}

// stall keeps a consumer from reading for as long as its host's dial says.
func stall(ctx context.Context, n *node.Node, h *sim.Host) error {
	dial := h.Dial("stall")
	if dial.Get() == 0 {
		return nil
	}
	n.Env().Mark(fault.MarkStall)
	for dial.Get() != 0 {
		if closing, err := pause(ctx, n, 50*time.Millisecond); closing || err != nil {
			return err
		}
	}
	return nil
}

// revoking refuses the tickets of hosts whose dial says so.
type revoking struct {
	ticket.Validator
	world *sim.World
}

var _ ticket.Changer = revoking{}

// Validate implements ticket.Validator.
func (v revoking) Validate(peer ident.PeerID, data []byte, now time.Time) (ticket.Expiration, error) {
	for _, h := range v.world.Hosts() {
		if h.Key().PeerID() == peer && h.Dial("revoke").Get() != 0 {
			v.world.Env().Mark(fault.MarkRevoke)
			return ticket.Never, wire.Revoked
		}
	}
	return v.Validator.Validate(peer, data, now)
}

// Changes implements ticket.Changer.
func (v revoking) Changes() (list []*runtime.Watch[uint64]) {
	for _, h := range v.world.Hosts() {
		list = append(list, h.Dial("revoke"))
	}
	return list
}

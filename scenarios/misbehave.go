package scenarios

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/smalti/smalti/runtime"
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
	index := binary.BigEndian.Uint64(data[16:])
	return map[string]any{"index": int64(index), "size": int64(len(data)), "kind": string("abc"[index%3])}, nil
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

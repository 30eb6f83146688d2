package scenarios

import (
	"bytes"
	"slices"

	"github.com/smalti/smalti/internal/next"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
)

// Marks of versions: what a node of the next version signed, its fields included,
// came from a node of this version to another one. An entry is in its catalog now.
const (
	MarkEntryForwarded     = "next.entry-forwarded"
	MarkDepartureForwarded = "next.departure-forwarded"
	MarkSuspicionForwarded = "next.suspicion-forwarded"
)

// signed is a kind of things that nodes sign: the domain, the field of the body that
// says who did, the field of each protocol's messages that has them, and the mark.
type signed struct {
	domain string
	signer uint64
	in     map[string]uint64
	mark   string
}

var signedThings = []signed{
	{"smalti/entry/1", 3, map[string]uint64{discovery.GossipProtocol: 1, discovery.Protocol: 2}, MarkEntryForwarded},
	{"smalti/departure/1", 2, map[string]uint64{discovery.GossipProtocol: 2, discovery.Protocol: 3}, MarkDepartureForwarded},
	{"smalti/suspicion/1", 2, map[string]uint64{discovery.GossipProtocol: 3, discovery.Protocol: 7}, MarkSuspicionForwarded},
}

var entry = &signedThings[0]

// by tells who signed raw.
func (s *signed) by(raw []byte) (id ident.PeerID) {
	var body map[uint64]any
	if len(raw) > ident.SignatureSize && wire.Unmarshal(raw[ident.SignatureSize:], len(raw), &body) == nil {
		b, _ := body[s.signer].([]byte)
		copy(id[:], b)
	}
	return id
}

// each gives message m of a protocol with the signed things in it replaced.
func each(protocol string, m []byte, replace func(s *signed, raw []byte) []byte) []byte {
	var fields map[uint64]any
	if wire.Unmarshal(m, wire.MaxControl, &fields) != nil {
		return m
	}
	for i := range signedThings {
		s := &signedThings[i]
		list, _ := fields[s.in[protocol]].([]any)
		for j := range list {
			switch x := list[j].(type) {
			case []byte:
				list[j] = replace(s, x)
			case map[any]any: // a departure
				if raw, ok := x[uint64(1)].([]byte); ok {
					x[uint64(1)] = replace(s, raw)
				}
			}
		}
	}
	return wire.MustMarshal(fields)
}

// versions makes some nodes of a run speak the next version of the protocol, and
// watches what becomes of that: it stands between each node and its transport, and
// signs the entries, which catalogs are compared by. Other words of a node need only
// be the same to all others.
type versions struct {
	world *sim.World
	nodes map[string]*node.Node
	next  map[ident.PeerID]bool // who is of the next version now
	forms map[string]bool       // the bytes of what those signed
}

func newVersions(r *run) *versions {
	return &versions{world: r.world, nodes: r.nodes, next: map[ident.PeerID]bool{}, forms: map[string]bool{}}
}

// mixed tells whether any node of s is, or becomes, one of the next version.
func (s Scenario) mixed() bool {
	return slices.ContainsFunc(s.Hosts, func(h Host) bool { return h.Next > 0 })
}

// upgraded tells whether the present life of a host is of the next version.
func (h Host) upgraded(on *sim.Host) bool { return h.Next > 0 && on.Incarnation() >= h.Next }

// apply makes a node that boots one of its version.
func (v *versions) apply(h Host, env *runtime.Env, config *discovery.Config) {
	on := v.world.Host(h.Name)
	upgraded := h.upgraded(on)
	v.next[on.Key().PeerID()] = upgraded
	env.Transport = &versionTransport{Transport: env.Transport, v: v, host: on, env: env, next: upgraded}
	if upgraded {
		config.Sign = v.sign
	}
}

// sign signs an entry as the next version does.
func (v *versions) sign(e *discovery.Entry, key ident.Key) (*discovery.Signed, error) {
	s, err := discovery.Sign(e, key)
	if err != nil {
		return nil, err
	}
	return discovery.Parse(v.resign(entry, s.Raw, key))
}

// resign gives what key's peer signed with a field more.
func (v *versions) resign(s *signed, raw []byte, key ident.Key) []byte {
	fresh := next.Resign(raw, s.domain, key)
	v.forms[string(fresh)] = true
	return fresh
}

// versionTransport is the transport of one life of a node.
type versionTransport struct {
	runtime.Transport
	v    *versions
	host *sim.Host
	env  *runtime.Env
	next bool
}

// Listen implements runtime.Transport.
func (t *versionTransport) Listen(protocol runtime.Protocol, s runtime.Strand, accept func(runtime.Link)) (stop func(), err error) {
	return t.Transport.Listen(protocol, s, func(l runtime.Link) { accept(&versionLink{Link: l, t: t}) })
}

// Dial implements runtime.Transport.
func (t *versionTransport) Dial(peer ident.PeerID, addrs []string, protocol runtime.Protocol, s runtime.Strand, h runtime.Handler) runtime.Link {
	l := &versionLink{t: t, dialled: true}
	l.Link = t.Transport.Dial(peer, addrs, protocol, s, &versionHandler{h, l})
	return l
}

// versionLink changes what a node of the next version sends.
type versionLink struct {
	runtime.Link
	t       *versionTransport
	dialled bool
	said    bool
}

// Bind implements runtime.Link.
func (l *versionLink) Bind(s runtime.Strand, h runtime.Handler) {
	l.Link.Bind(s, &versionHandler{h, l})
}

// Send implements runtime.Link. What it adds is not counted.
func (l *versionLink) Send(messages ...[]byte) (n int, err error) {
	if !l.t.next {
		return l.Link.Send(messages...)
	}
	if l.Protocol() == discovery.Protocol && (l.said || !l.dialled) {
		_, _ = l.Link.Send(next.Unknown()) // whoever sends has its turn
	}
	grown := make([][]byte, len(messages))
	for i, m := range messages {
		grown[i] = l.grow(m)
	}
	n, err = l.Link.Send(grown...)
	first := n > 0 && !l.said
	l.said = l.said || n > 0
	switch {
	case n < len(messages):
	case l.Protocol() == discovery.GossipProtocol:
		_, _ = l.Link.Send(next.Unknown())
	case l.Protocol() == stream.Protocol && first != l.dialled: // behind the start, or a report of progress
		_, _ = l.Link.Send([]byte{next.Kind})
	}
	return n, err
}

// grow gives a message as the next version sends it.
func (l *versionLink) grow(m []byte) []byte {
	switch l.Protocol() {
	case discovery.Protocol, discovery.GossipProtocol:
		return next.Extend(each(l.Protocol(), m, l.t.resign))
	case discovery.PingProtocol:
		if l.dialled {
			return append(bytes.Clone(m), next.Kind)
		}
	case stream.Protocol:
		switch {
		case l.dialled && !l.said:
			return next.Subscribe(m)
		case l.dialled: // a report of progress
		case m[0] == 0: // start
			return append([]byte{0}, next.Extend(m[1:])...)
		}
	}
	return m
}

// resign gives departures and suspicions of the node's own with a field more. Its
// entries have one already.
func (t *versionTransport) resign(s *signed, raw []byte) []byte {
	key := t.host.Key()
	if s == entry || s.by(raw) != key.PeerID() || next.Extended(raw[ident.SignatureSize:]) {
		return raw
	}
	return t.v.resign(s, raw, key)
}

// versionHandler hears what comes before the node does.
type versionHandler struct {
	runtime.Handler
	l *versionLink
}

// OnMessage implements runtime.Handler.
func (h *versionHandler) OnMessage(m []byte) {
	t, protocol := h.l.t, h.l.Protocol()
	switch {
	case protocol != discovery.Protocol && protocol != discovery.GossipProtocol:
		h.Handler.OnMessage(m)
	case t.next || t.v.next[h.l.Peer()]:
		h.Handler.OnMessage(m)
	default:
		h.watch(m)
	}
}

// watch looks at what comes from a node of this version to another one.
func (h *versionHandler) watch(m []byte) {
	t := h.l.t
	var entries [][]byte
	each(h.l.Protocol(), m, func(s *signed, raw []byte) []byte {
		switch {
		case !t.v.forms[string(raw)]:
		case s != entry:
			t.env.Mark(s.mark)
		case !t.holds(raw):
			entries = append(entries, raw)
		}
		return raw
	})
	h.Handler.OnMessage(m)
	for _, raw := range entries {
		if t.holds(raw) {
			t.env.Mark(MarkEntryForwarded)
		}
	}
}

// holds tells whether the node's catalog has an entry as these bytes.
func (t *versionTransport) holds(raw []byte) bool {
	n := t.v.nodes[t.host.Name()]
	if n == nil || n.Env() != t.env {
		return false
	}
	p, ok := n.Discovery().Catalog().Get(entry.by(raw))
	return ok && bytes.Equal(p.Signed(), raw)
}

// OnClosed implements runtime.Handler: what Send added was not the node's.
func (h *versionHandler) OnClosed(c runtime.Closed) {
	if h.l.t.next && h.l.Protocol() == stream.Protocol {
		c.Unsent = slices.DeleteFunc(slices.Clone(c.Unsent), func(m []byte) bool { return bytes.Equal(m, []byte{next.Kind}) })
	}
	h.Handler.OnClosed(c)
}

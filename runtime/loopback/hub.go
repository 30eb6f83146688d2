// Package loopback connects transports of one process without a network: links whose
// messages go from one strand to another. A node reaches its own producers through it. It
// passes the conformance suite of transports, but for what only a network does.
package loopback

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// MaxLinks is how many links a transport may have: one for each stream, and its ends may both
// be the same transport's. Further ones are refused with wire.Overloaded.
const MaxLinks = 2 * (wire.LinksPerPeer + wire.SpareLinks)

// ErrNoExporter says that there is no session under a link within one process, and so no
// secret.
var ErrNoExporter = errors.New("a link within one process has no exporter")

// Hub connects the transports that are attached to it. Its zero value is ready. It may be
// used from anywhere.
type Hub struct {
	mu      sync.Mutex // guards all that is reached through the hub
	members map[ident.PeerID]*Transport
}

// Transport is one member of a Hub.
type Transport struct {
	hub       *Hub
	env       *runtime.Env
	local     ident.PeerID
	listeners map[string]*listener
	links     map[*link]uint64 // and the order in which they came
	last      uint64
	refusing  wire.Reason // not None: it drains, or is closed
	drained   []func()    // posts what Drain was given
}

var _ runtime.Transport = (*Transport)(nil)

type listener struct {
	proto  runtime.Protocol
	strand runtime.Strand
	accept func(runtime.Link)
}

// Attach makes a member of the hub, which others dial as local. env gives the clock.
func (h *Hub) Attach(env *runtime.Env, local ident.PeerID) *Transport {
	t := &Transport{hub: h, env: env, local: local, listeners: map[string]*listener{}, links: map[*link]uint64{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.members == nil {
		h.members = map[ident.PeerID]*Transport{}
	}
	h.members[local] = t
	return t
}

// Local implements runtime.Transport.
func (t *Transport) Local() ident.PeerID { return t.local }

// Addrs implements runtime.Transport: there are none.
func (t *Transport) Addrs() []string { return nil }

// SetKnown implements runtime.Transport. All members are known.
func (t *Transport) SetKnown(func(ident.PeerID) bool) {}

// OnFailure implements runtime.Transport. There is none.
func (t *Transport) OnFailure(runtime.Strand, func(error)) {}

// Listen implements runtime.Transport.
func (t *Transport) Listen(proto runtime.Protocol, s runtime.Strand, accept func(runtime.Link)) (stop func(), err error) {
	if err := proto.Check(); err != nil {
		return nil, err
	}
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	switch {
	case t.refusing != wire.None:
		return nil, runtime.ErrClosed
	case t.listeners[proto.Name] != nil:
		return nil, runtime.ErrListening
	}
	l := &listener{proto, s, accept}
	t.listeners[proto.Name] = l
	return func() {
		t.hub.mu.Lock()
		defer t.hub.mu.Unlock()
		if t.listeners[proto.Name] == l {
			delete(t.listeners, proto.Name)
		}
	}, nil
}

// Dial implements runtime.Transport. addrs do not matter.
func (t *Transport) Dial(peer ident.PeerID, _ []string, proto runtime.Protocol, s runtime.Strand, handler runtime.Handler) runtime.Link {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	near := newLink(t, peer, proto)
	near.strand, near.handler = s, handler
	if err := proto.Check(); err != nil {
		near.finish(runtime.Closed{Reason: wire.ProtocolViolation, Local: true})
		return near
	}
	if t.refusing != wire.None {
		near.finish(runtime.Closed{Reason: t.refusing, Local: true})
		return near
	}
	to := t.hub.members[peer]
	switch {
	case to == nil:
		near.finish(runtime.Closed{Reason: wire.DialFailed, Local: true})
		return near
	case to.refusing != wire.None:
		near.finish(runtime.Closed{Reason: to.refusing})
		return near
	}
	l := to.listeners[proto.Name]
	switch {
	case l == nil:
		near.finish(runtime.Closed{Reason: wire.UnknownProtocol})
	case max(len(t.links), len(to.links)) >= MaxLinks:
		near.finish(runtime.Closed{Reason: wire.Overloaded})
	default:
		far := newLink(to, t.local, l.proto)
		near.other, far.other = far, near
		far.open, far.waits, far.from = true, true, l
		t.add(near)
		to.add(far)
		l.strand.Post(func() { l.accept(far) })
	}
	return near
}

// add puts a link on the list; the hub's lock is held.
func (t *Transport) add(l *link) {
	t.last++
	t.links[l] = t.last
}

// inOrder lists the links; the hub's lock is held.
func (t *Transport) inOrder() []*link {
	list := make([]*link, 0, len(t.links))
	//lint:ordered they are sorted
	for l := range t.links {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *link) int { return cmp.Compare(t.links[a], t.links[b]) })
	return list
}

// Drain implements runtime.Transport.
func (t *Transport) Drain(r wire.Reason, max time.Duration, s runtime.Strand, done func()) {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	if t.refusing == wire.None {
		t.refusing = r
	}
	clear(t.listeners)
	t.drained = append(t.drained, func() { s.Post(done) })
	for _, l := range t.inOrder() {
		l.drain(r, max)
	}
	t.settle()
}

// Close implements runtime.Transport.
func (t *Transport) Close() {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	if t.refusing == wire.None {
		t.refusing = wire.Cancelled
	}
	clear(t.listeners)
	for _, l := range t.inOrder() {
		l.end(wire.Cancelled)
	}
	t.settle()
}

// settle ends a drain once no link is left; the hub's lock is held.
func (t *Transport) settle() {
	if len(t.links) > 0 {
		return
	}
	for _, f := range t.drained {
		f()
	}
	t.drained = nil
}

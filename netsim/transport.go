package netsim

import (
	"fmt"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// Transport is one host's, made by Network.Attach.
type Transport struct {
	n         *Network
	config    EndpointConfig
	host      *host
	local     peerID
	peers     map[peerID]*peer // for lookup only
	sessions  []*session       // that are up, in order
	links     []*Link          // that are not closed, in order
	listeners map[string]*listener
	unbound   int        // accepted links that nobody bound
	shaking   []*session // that are not up yet, in order
	dials     []*attempt // under way, in order
	places    [2]int     // of dials in flight: of likely ones, and of unlikely ones
	queues    [2][]*peer // that wait for a place, in order
	dialling  bool       // dialNext is at work
	book      runtime.Dials

	known    func(peerID) bool // nil: no peer is known
	stopping bool              // drains or is closed
	stopped  bool              // is closed
	crashed  bool
	reason   wire.Reason // with which the sessions end after the drain
	done     []func()    // when drained
}

var _ runtime.Transport = (*Transport)(nil)

type listener struct {
	protocol runtime.Protocol
	strand   runtime.Strand
	accept   func(runtime.Link)
}

// gone: nothing of it is left.
func (t *Transport) gone() bool { return t.crashed || t.stopped }

// Local implements runtime.Transport.
func (t *Transport) Local() peerID { return t.local }

// Addrs implements runtime.Transport.
func (t *Transport) Addrs() []string { return []string{t.config.Addr} }

// SetKnown implements runtime.Transport.
func (t *Transport) SetKnown(known func(peerID) bool) { t.known = known }

// OnFailure implements runtime.Transport. A simulated one does not fail: what may happen to
// it are crashes of its host and partitions.
func (t *Transport) OnFailure(runtime.Strand, func(error)) {}

// Name is the host's.
func (t *Transport) Name() string { return t.config.Name }

// Listen implements runtime.Transport. A dead or closed transport takes no
// listeners.
func (t *Transport) Listen(proto runtime.Protocol, s runtime.Strand, accept func(runtime.Link)) (stop func(), err error) {
	if err := proto.Check(); err != nil {
		return func() {}, fmt.Errorf("listen: %w", err)
	}
	switch {
	case t.crashed:
		return func() {}, runtime.ErrCrashed
	case t.stopping:
		return func() {}, fmt.Errorf("listen for %s: %w", proto.Name, runtime.ErrStopped)
	case t.listeners[proto.Name] != nil:
		return func() {}, fmt.Errorf("listen for %s: %w", proto.Name, runtime.ErrListening)
	}
	ln := &listener{protocol: proto, strand: s, accept: accept}
	t.listeners[proto.Name] = ln
	return func() {
		if t.listeners[proto.Name] == ln {
			delete(t.listeners, proto.Name)
		}
	}, nil
}

// Crash makes the transport vanish as a power cut does: nobody is told
// anything, and every later call does nothing. What is on the wire arrives.
func (t *Transport) Crash() {
	if t.gone() {
		t.crashed = true
		return
	}
	t.crashed, t.stopping = true, true
	t.n.live = slices.DeleteFunc(t.n.live, func(other *Transport) bool { return other == t })
	for _, s := range slices.Concat(t.sessions, t.shaking) {
		s.silence()
	}
	for _, a := range t.dials {
		a.alarm.stop()
		a.place.stop()
	}
	t.sessions, t.shaking, t.dials, t.links = nil, nil, nil, nil
	t.queues = [2][]*peer{}
}

// Drain implements runtime.Transport.
func (t *Transport) Drain(r wire.Reason, limit time.Duration, s runtime.Strand, done func()) {
	if t.crashed {
		return
	}
	t.done = append(t.done, func() { s.Post(done) })
	if !t.stopping {
		t.stopping, t.reason = true, r
		clear(t.listeners)
		for _, l := range slices.Clone(t.links) {
			if l.s == nil {
				l.Close(r)
			} else {
				l.Drain(r, limit)
			}
		}
	}
	t.drained()
}

// drained finishes a drain once the last link is closed.
func (t *Transport) drained() {
	if len(t.links) > 0 || len(t.done) == 0 {
		return
	}
	t.shut(t.reason)
	for _, f := range t.done {
		f()
	}
	t.done = nil
}

// Close implements runtime.Transport.
func (t *Transport) Close() {
	if t.gone() {
		return
	}
	t.stopping = true
	t.shut(wire.Cancelled)
	for _, l := range slices.Clone(t.links) {
		l.finish(closedBy(wire.Cancelled, true))
	}
	t.drained()
}

// shut ends all sessions and dials.
func (t *Transport) shut(r wire.Reason) {
	if t.stopped {
		return
	}
	t.stopped = true
	t.n.live = slices.DeleteFunc(t.n.live, func(other *Transport) bool { return other == t })
	clear(t.listeners)
	for _, a := range slices.Clone(t.dials) {
		a.stop()
		a.p.dial = nil
	}
	for _, s := range slices.Concat(t.sessions, t.shaking) {
		s.attempt = nil
		s.end(r)
	}
}

// evict ends the session that has had no link for longest, to make room. It tells
// whether there was one.
func (t *Transport) evict() bool {
	var idle *session
	for _, s := range t.sessions {
		if len(s.links) == 0 && s.emptyAt+int64(wire.EvictAfter) <= t.n.now() && (idle == nil || s.emptyAt < idle.emptyAt) {
			idle = s
		}
	}
	if idle == nil {
		return false
	}
	t.n.mark(MarkEvicted)
	idle.end(wire.Finished)
	return true
}

// forget takes a session off the lists.
func (t *Transport) forget(s *session) {
	same := func(other *session) bool { return other == s }
	t.sessions = slices.DeleteFunc(t.sessions, same)
	t.shaking = slices.DeleteFunc(t.shaking, same)
}

func (t *Transport) add(l *Link) { t.links = append(t.links, l) }

// remove takes a closed link off the list.
func (t *Transport) remove(l *Link) {
	t.links = slices.DeleteFunc(t.links, func(other *Link) bool { return other == l })
	if t.stopping {
		t.drained()
	}
}

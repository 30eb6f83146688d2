package discovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// PingProtocol is the name of the links on which a node asks another for its
// entry, and measures the round trip by the way: one message of one byte, the
// version of the protocol, answered with the signed entry.
const PingProtocol = "smalti/ping/1"

// pingVersion is the version of the protocol.
const pingVersion = 1

// maxPings bounds the pings that this node makes at once, and those that it
// answers.
const maxPings = 16

// Pong is the answer to a ping.
type Pong struct {
	Entry *Entry
	// RTT is the latest measurement of the session's round trip, 0 if there is
	// none.
	RTT time.Duration
}

// Ping asks a peer, at addrs and at those of its entry, for its entry, which goes
// into the catalog as any other does, and measures the round trip to it. It is
// bounded as a whole by SyncTimeout. Errors: ErrSelf, ErrBusy, runtime.ErrStopped,
// the cause of ctx, or one that wraps a wire.Reason.
func (d *Discovery) Ping(ctx context.Context, peer ident.PeerID, addrs []string) (Pong, error) {
	var pong Pong
	err := d.await(ctx, func(done func(error)) {
		d.strand.Post(func() {
			d.worker.ping(peer, addrs, func(p Pong, err error) {
				pong = p
				if err != nil {
					err = fmt.Errorf("ping %s: %w", peer.Short(), err)
				}
				done(err)
			})
		})
	})
	if err != nil {
		return Pong{}, err // pong may still be written to
	}
	return pong, nil
}

// Track has the round trip to peer measured every RTTInterval, until untrack. Any
// number of callers may track a peer: it is measured once for all. Calling untrack twice is fine.
// This node itself is not measured.
func (d *Discovery) Track(peer ident.PeerID) (untrack func()) {
	if peer == d.self {
		return func() {}
	}
	tracked := true // on the strand
	d.strand.Post(func() { d.worker.track(peer, 1) })
	return func() {
		d.strand.Post(func() {
			if tracked {
				tracked = false
				d.worker.track(peer, -1)
			}
		})
	}
}

// pinging is one ping, on the side that makes it.
type pinging struct {
	w        *worker
	peer     ident.PeerID
	link     runtime.Link
	deadline runtime.Timer
	done     []func(Pong, error) // nil once they were called
}

var _ runtime.Handler = (*pinging)(nil)

// ping begins a ping and calls done on the strand.
func (w *worker) ping(peer ident.PeerID, addrs []string, done func(Pong, error)) {
	switch {
	case w.stopping:
		done(Pong{}, runtime.ErrStopped)
		return
	case peer == w.self:
		done(Pong{}, ErrSelf)
		return
	}
	for _, p := range w.pings {
		if p.peer == peer && p.done != nil && len(p.done) < maxWaiters {
			p.done = append(p.done, done)
			return
		}
	}
	if len(w.pings) >= maxPings {
		done(Pong{}, ErrBusy)
		return
	}
	p := &pinging{w: w, peer: peer, done: []func(Pong, error){done}}
	w.open++
	w.pings = append(w.pings, p)
	p.deadline = w.env.Clock.AfterFunc(w.strand, w.cfg.SyncTimeout, func() { p.link.Close(wire.HandshakeTimeout) })
	p.link = w.env.Transport.Dial(peer, w.addrs(peer, addrs), control(PingProtocol), w.strand, p)
	_, _ = p.link.Send([]byte{pingVersion})
}

// OnOpen implements runtime.Handler.
func (p *pinging) OnOpen() {}

// OnWritable implements runtime.Handler: one message always fits.
func (p *pinging) OnWritable() {}

// OnMessage takes the answer.
func (p *pinging) OnMessage(b []byte) {
	if p.done == nil || p.w.stopping {
		return
	}
	w := p.w
	s, err := w.verify(b, p.peer)
	if err == nil && s.Entry.Peer != p.peer {
		err = ErrMalformed
		w.refuse(p.peer, p.peer, err)
	}
	if err != nil {
		w.blame(p.peer, err)
		p.link.Close(wire.ProtocolViolation)
		return
	}
	err = w.merge(s, p.peer)
	rtt := p.link.Session().RTT()
	w.sample(p.peer, rtt)
	w.commit()
	p.finish(Pong{Entry: s.Entry, RTT: rtt.Latest}, err)
	p.link.Close(wire.Finished)
}

// OnClosed implements runtime.Handler.
func (p *pinging) OnClosed(c runtime.Closed) {
	w := p.w
	p.deadline.Stop()
	w.pings = slices.DeleteFunc(w.pings, func(o *pinging) bool { return o == p })
	w.open--
	answered := p.done == nil
	p.finish(Pong{}, c)
	if answered {
		w.contact(p.peer, nil)
	} else {
		w.contact(p.peer, c)
	}
	w.settle()
}

func (p *pinging) finish(pong Pong, err error) {
	list := p.done
	if list == nil {
		return
	}
	p.done = nil
	ev := event.Event{Kind: event.Pinged, Peer: p.peer, N: int64(pong.RTT)}
	_ = errors.As(err, &ev.Reason)
	p.w.env.Report(&ev)
	for _, done := range list {
		done(pong, err)
	}
}

// answer is one ping, on the side that answers.
type answer struct {
	w        *worker
	link     runtime.Link
	deadline runtime.Timer
	said     bool
}

var _ runtime.Handler = (*answer)(nil)

// acceptPing gives a link one of a bounded number of places, for a bounded time.
func (w *worker) acceptPing(link runtime.Link) {
	switch {
	case w.stopping:
		link.Close(wire.GracefulShutdown)
		return
	case !w.trusted(link.Peer()):
		link.Close(wire.ProtocolViolation)
		return
	case w.env.Buggify("discovery/deaf-to-pings"), len(w.answers) >= maxPings || w.answering(link.Peer()) >= maxInboundPerPeer || !w.source(link.Peer()).pings.Allow(w.env.Clock.Mono(), openEvery, openBurst):
		link.Close(wire.Overloaded)
		return
	}
	a := &answer{w: w, link: link}
	w.open++
	w.answers = append(w.answers, a)
	a.deadline = w.env.Clock.AfterFunc(w.strand, w.cfg.SyncTimeout, func() { link.Close(wire.HandshakeTimeout) })
	link.Bind(w.strand, a)
}

// answering counts the pings of a peer that wait for their answer.
func (w *worker) answering(peer ident.PeerID) (count int) {
	for _, a := range w.answers {
		if a.link.Peer() == peer {
			count++
		}
	}
	return count
}

// OnOpen is not called for accepted links.
func (a *answer) OnOpen() {}

// OnWritable implements runtime.Handler: one message always fits.
func (a *answer) OnWritable() {}

// OnMessage answers with the entry as it is: not with a newer one, which a
// departure would then seem older than.
func (a *answer) OnMessage(b []byte) {
	switch {
	case a.said || len(b) == 0:
		a.link.Close(wire.ProtocolViolation)
	case b[0] != pingVersion:
		a.link.Close(wire.VersionMismatch)
	case !a.w.stopping:
		a.said = true
		_, _ = a.link.Send(a.w.peers.get(a.w.self).raw)
	}
}

// OnClosed implements runtime.Handler.
func (a *answer) OnClosed(runtime.Closed) {
	a.deadline.Stop()
	a.w.answers = slices.DeleteFunc(a.w.answers, func(o *answer) bool { return o == a })
	a.w.open--
	a.w.settle()
}

// track counts those who want to know the round trip to a peer.
func (w *worker) track(peer ident.PeerID, by int) {
	if w.tracked[peer] += by; w.tracked[peer] == 0 {
		delete(w.tracked, peer)
	}
	if len(w.tracked) > 0 && w.trackTimer == nil && !w.stopping {
		w.trackTimer = w.env.Clock.AfterFunc(w.strand, w.trackInterval(), w.measureTracked)
	}
}

// trackInterval is drawn from half to one and a half of RTTInterval, so that nodes
// do not measure in step.
func (w *worker) trackInterval() time.Duration {
	return w.strand.Rand("interval").Duration(w.cfg.RTTInterval/2, w.cfg.RTTInterval*3/2)
}

// measureTracked pings the tracked peers, a few at a time. Nobody is measured, and
// no timer runs, while nobody is tracked.
func (w *worker) measureTracked() {
	w.trackTimer = nil
	if w.stopping || len(w.tracked) == 0 {
		return
	}
	due := sortedIDs(w.tracked)
	lanes := min(maxPings/2, len(due)) // the rest is for those who ask
	var next func()
	next = func() {
		for len(due) > 0 {
			peer := due[0]
			due = due[1:]
			if w.peers.get(peer) != nil && w.tracked[peer] > 0 {
				w.ping(peer, nil, func(Pong, error) { next() })
				return
			}
		}
		if lanes--; lanes == 0 {
			w.track(w.self, 0)
		}
	}
	for range lanes {
		next()
	}
}

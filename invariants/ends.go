package invariants

import (
	"bytes"
	"cmp"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// endsRule: what begins ends.
var endsRule = rule{
	Info: Info{"ends", Safety, "a handshake, an attempt to subscribe, an exchange of catalogs, the end of a subscription that is cut, a drain without progress and the memory of a peer that does not answer are over within their time, on a host that runs"},
	kinds: []event.Kind{
		event.HandshakeBegan, event.HandshakeEnded, event.Subscribing, event.Subscribed, event.Unsubscribed, event.SyncStarted, event.SyncEnded, event.SubDraining, event.SubProgress, event.SubEnded, event.ConsumerClosed,
		event.PeerHidden, event.PeerReturned, event.PeerDiscovered, event.PeerDeparted,
	},
	make: func(p reporter, b *book, o Options) Checker {
		return &ends{reporter: p, book: b, purge: o.PurgeAfter, drain: o.drain, open: map[int]*unfinished{}}
	},
}

// How long each may take, by the product's own limits: the deadline of a handshake; the wait
// for a dial's place, a dial, the opening of a link and a handshake; an exchange that goes
// on; what a connection takes to notice that its peer is gone, after the longest drain; a
// cut, which waits for no peer. endsGrace is for a host on which everything is late, and
// briskGrace for the others.
const (
	handshakeMax = 5 * time.Second
	attemptMax   = runtime.DialWait + 20*time.Second
	exchangeMax  = 60 * time.Second
	drainMore    = 15 * time.Second
	cutMax       = 2 * time.Second
	endsGrace    = 10 * time.Second
	briskGrace   = 2 * time.Second
)

// ends judges by the clock of a host that shows that it runs: of one that was paused
// nothing is said until it reports at two moments after the end was due.
type ends struct {
	reporter
	*book
	purge time.Duration
	drain func(ident.StreamID) time.Duration
	open  map[int]*unfinished // by life
}

type unfinished struct {
	began map[undertaking]int64 // Mono by which it is to be over
	next  int64                 // the earliest of them, or earlier
	late  int64                 // Mono of the first report after next; 0: none
}

// undertaking is something that begins and ends.
type undertaking struct {
	begins event.Kind
	peer   ident.PeerID
	stream ident.StreamID
	inc    uint64
	number uint64
}

// before is some order.
func (u undertaking) before(v undertaking) bool {
	return cmp.Or(cmp.Compare(u.begins, v.begins), u.peer.Compare(v.peer), bytes.Compare(u.stream[:], v.stream[:]), cmp.Compare(u.inc, v.inc), cmp.Compare(u.number, v.number)) < 0
}

func (c *ends) Event(r *event.Record) {
	if c.life == nil {
		return
	}
	l := c.open[c.life.id]
	if l == nil {
		l = &unfinished{began: map[undertaking]int64{}}
		c.open[c.life.id] = l
	}
	u := undertaking{peer: r.Peer, stream: r.Stream}
	switch r.Kind {
	case event.HandshakeBegan, event.HandshakeEnded:
		u.begins, u.number = event.HandshakeBegan, r.From
		l.note(u, r.Kind == event.HandshakeBegan, r, handshakeMax)
	case event.Subscribing, event.Subscribed, event.Unsubscribed:
		u.begins, u.number = event.Subscribing, r.Sub
		if c.receiver != nil && !c.receiver.blurred {
			l.note(u, r.Kind == event.Subscribing, r, attemptMax)
		}
	case event.SyncStarted, event.SyncEnded:
		u.begins, u.number = event.SyncStarted, r.From
		l.note(u, r.Kind == event.SyncStarted && r.From == 0, r, exchangeMax)
	case event.SubProgress:
		u.begins, u.number, u.inc = event.SubDraining, r.Sub, r.Incarnation
		if _, drains := l.began[u]; drains && c.sub != nil && c.sub.drainFor == wire.GracefulShutdown {
			l.note(u, true, r, c.drain(r.Stream)+drainMore)
		}
	case event.SubDraining, event.SubEnded:
		u.begins, u.number, u.inc = event.SubDraining, r.Sub, r.Incarnation
		within := cutMax
		if r.Reason == wire.GracefulShutdown {
			within = c.drain(r.Stream) + drainMore
		}
		l.note(u, r.Kind == event.SubDraining, r, within)
	case event.PeerHidden, event.PeerReturned, event.PeerDiscovered, event.PeerDeparted:
		u.begins = event.PeerHidden
		l.note(u, r.Kind == event.PeerHidden, r, c.purge)
	}
	c.judge(l, r)
}

// note enters that something began, or takes it out.
func (l *unfinished) note(u undertaking, begins bool, r *event.Record, within time.Duration) {
	if !begins {
		delete(l.began, u)
		return
	}
	due := r.Mono + int64(within)
	l.began[u] = due
	if l.next == 0 || due < l.next {
		l.next = due
	}
}

// judge looks whether something should be over.
func (c *ends) judge(l *unfinished, r *event.Record) {
	if l.next == 0 || r.Mono <= l.next {
		return
	}
	if l.late == 0 {
		l.late = r.Mono
	}
	grace := endsGrace
	if c.host.brisk(r.At) {
		grace = briskGrace
	}
	if r.Mono < l.late+int64(grace) {
		return
	}
	late := l.late
	l.next, l.late = 0, 0
	var worst undertaking
	var due int64
	//lint:ordered the first in an order of its own is told
	for u, d := range l.began {
		switch {
		case d >= late:
			if l.next == 0 || d < l.next {
				l.next = d
			}
			continue
		case due == 0 || d < due || d == due && u.before(worst):
			worst, due = u, d
		}
		delete(l.began, u)
	}
	if due != 0 {
		c.fail(r, "%s of %s %d was to be over %s ago and is not", worst.begins, worst.peer.Short(), worst.number, time.Duration(r.Mono-due))
	}
}

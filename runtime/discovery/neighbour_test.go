package discovery

import (
	"testing"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// befriended is a neighbour that is there.
func (b *bed) befriended(peer ident.PeerID) (*neighbour, *wired) {
	l := &wired{peer: peer}
	n := b.worker.newNeighbour(peer)
	n.link, n.open = l, true
	return n, l
}

func TestNeighbourThatTakesNothingIsToldNothingUntilItDoes(t *testing.T) {
	b := newBed(t, nil)
	peer := b.reachable(2)
	n, l := b.befriended(peer)
	tell := func() int {
		n.tell(bag{prune: true})
		return len(l.said)
	}
	l.full = true
	tell()
	l.full = false
	if got := tell(); got != 0 {
		t.Errorf("told %d things while it takes none, want none: they would come without those before", got)
	}
	n.OnWritable()
	if b.worker.jobs[peer] == nil {
		t.Error("what it missed is not made good for by a comparison")
	}
	if got := tell(); got != 1 {
		t.Errorf("told %d things once it takes them, want one", got)
	}
	delete(b.worker.jobs, peer)
	if n.OnWritable(); b.worker.jobs[peer] != nil {
		t.Error("compared though it missed nothing")
	}
	if n.tell(bag{}); len(l.said) != 1 {
		t.Error("told nothing, in a message")
	}
	n.open = false
	if got := tell(); got != 1 {
		t.Error("told something before it is there")
	}
	n.open = true
	n.end(wire.Finished)
	if got := tell(); got != 1 || l.closed != wire.Finished || b.worker.neighbours.of(peer) != nil {
		t.Error("told something after its end, or it is one still")
	}
}

// If two nodes choose each other, the link that the smaller id opened stays.
func TestOfTwoLinksBetweenNeighboursBothKeepTheSame(t *testing.T) {
	for n := byte(2); n < 12; n++ {
		b := newBed(t, nil)
		peer := b.reachable(n)
		b.worker.befriend(1)
		own, theirs := b.worker.neighbours.of(peer).link.(*wired), &wired{peer: peer}
		own.handler.OnOpen()
		b.worker.acceptNeighbour(theirs)
		stays, goes := own, theirs
		if peer.Compare(b.self) < 0 {
			stays, goes = theirs, own
		}
		if stays.closed != wire.None || goes.closed != wire.Duplicate || len(b.worker.neighbours) != 1 || b.worker.neighbours[0].link != stays {
			t.Errorf("peer %d: own closed with %s, theirs with %s, %d neighbours", n, own.closed, theirs.closed, len(b.worker.neighbours))
		}
		again := &wired{peer: peer}
		if b.worker.acceptNeighbour(again); stays == theirs && (theirs.closed != wire.Duplicate || again.closed != wire.None) {
			t.Errorf("peer %d: a second link of a peer that chose this node does not replace the first", n)
		}
	}
}

func TestPlacesOfNeighboursThatChooseANodeAreBounded(t *testing.T) {
	for _, known := range []bool{true, false} {
		b := newBed(t, nil)
		var links []*wired
		for n := byte(2); n < 2+2*maxChosenBy; n++ {
			l := &wired{peer: testKey(n).PeerID()}
			if known {
				b.reachable(n)
			}
			b.worker.acceptNeighbour(l)
			links = append(links, l)
		}
		most := maxStrangers
		if known {
			most = maxChosenBy
		}
		for i, l := range links {
			if want := i >= most; (l.closed == wire.Overloaded) != want {
				t.Errorf("in the catalog %t: neighbour %d is closed with %s", known, i, l.closed)
			}
		}
		b.member(testKey(2))
		for _, n := range b.worker.neighbours {
			n.onPatience()
		}
		for i, l := range links[:most] {
			if want := !known && i > 0; (l.closed == wire.UnknownPeer) != want {
				t.Errorf("in the catalog %t: neighbour %d, that had time to show its entry, is closed with %s", known, i, l.closed)
			}
		}
	}
}

func TestWhoOpensAsANeighbourIsReachedAndCompared(t *testing.T) {
	b := newBed(t, nil)
	for n := byte(2); n < 2+degree+1; n++ {
		b.reachable(n)
	}
	w := b.worker
	w.fill()
	first := w.neighbours[0]
	for _, n := range w.neighbours {
		w.contact(n.peer, wire.DialFailed)
		n.OnOpen()
		if w.failures[n.peer] != nil || w.jobs[n.peer] == nil {
			t.Errorf("failures of one that is there: %v; compared: %t", w.failures[n.peer], w.jobs[n.peer] != nil)
		}
	}
	w.befriend(1)
	if w.neighbours.chosen() != degree+1 || first.link.(*wired).closed != wire.None {
		t.Fatal("there is no fourth, or one ended before it is there")
	}
	w.neighbours[degree].OnOpen()
	if w.neighbours.chosen() != degree || first.link.(*wired).closed != wire.Finished || w.linked(first.peer) {
		t.Error("the oldest does not go for the one that was chosen anew")
	}
	b = newBed(t, nil)
	for n := byte(2); n < 2+degree+1; n++ {
		b.reachable(n)
	}
	b.worker.befriend(degree + 1)
	last := b.worker.neighbours[degree]
	if last.OnOpen(); last.link.(*wired).closed != wire.None {
		t.Error("the only one that is there goes for itself")
	}
}

// The end of a link is how a crash is noticed, unless the peer meant it.
func TestNeighbourThatIsLostIsLookedFor(t *testing.T) {
	for reason, want := range map[wire.Reason]bool{
		wire.ConnectionLost: true, wire.IdleTimeout: true,
		wire.Duplicate: false, wire.Finished: false, wire.Overloaded: false, wire.GracefulShutdown: false,
	} {
		b := newBed(t, nil)
		peer := b.reachable(2)
		n, _ := b.befriended(peer)
		b.worker.filling = false
		n.OnClosed(runtime.Closed{Reason: reason})
		if looks := b.worker.jobs[peer] != nil; looks != want || !b.worker.filling || len(b.worker.neighbours) != 0 {
			t.Errorf("%s: looked for %t, want %t; replaced soon %t", reason, looks, want, b.worker.filling)
		}
		if f := b.worker.failures[peer]; f == nil || f.strikes > 0 != want {
			t.Errorf("%s: it is left alone for a while as %+v, want silence held against it %t", reason, f, want)
		}
		b = newBed(t, nil)
		peer = b.reachable(2)
		n, _ = b.befriended(peer)
		n.end(wire.Finished)
		if n.OnClosed(runtime.Closed{Reason: reason}); b.worker.jobs[peer] != nil {
			t.Errorf("%s: looked for, though this node ended it", reason)
		}
	}
}

// A peer that opens links and ends them again costs what it has open, and not what it had.
func TestLinksOfNeighboursLeaveNothing(t *testing.T) {
	b := newBed(t, nil)
	before, taken := len(b.worker.agenda.heap), 0
	for range 2 * openBurst {
		l := &wired{peer: ident.PeerID{2}}
		switch b.worker.acceptNeighbour(l); l.closed {
		case wire.None:
			taken++
			l.handler.OnMessage(nil)
			l.handler.OnClosed(runtime.Closed{Reason: wire.Finished})
		case wire.Overloaded:
		default:
			t.Fatalf("closed with %s", l.closed)
		}
	}
	if taken != openBurst {
		t.Errorf("%d links of one peer at once, want %d", taken, openBurst)
	}
	if more := len(b.worker.agenda.heap) - before; more > 1 { // one to choose others
		t.Errorf("%d appointments are left of links that ended", more)
	}
}

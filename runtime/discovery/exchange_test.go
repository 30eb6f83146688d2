package discovery

import (
	"slices"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// asks has a peer open an exchange.
func (b *bed) asks(peer ident.PeerID) *wired {
	l := &wired{peer: peer}
	b.worker.accept(l)
	return l
}

// crowded has others take all places for exchanges.
func (b *bed) crowded() {
	for n := range byte(maxInbound / maxInboundPerPeer) {
		for range maxInboundPerPeer {
			if l := b.asks(testKey(2 + n).PeerID()); l.closed != wire.None {
				b.t.Fatalf("there is room, and a peer is turned away with %s", l.closed)
			}
		}
	}
}

// nothing is a first message, and the last, of who knows nothing.
var nothing = wire.MustMarshal(message{Lists: []listing{{}}, Last: true})

func TestWhoFinishesAnExchangeWasReached(t *testing.T) {
	for reason, want := range map[wire.Reason]bool{wire.Finished: true, wire.ConnectionLost: false} {
		b := newBed(t, nil)
		peer := b.reachable(2)
		b.hide(peer)
		l := b.asks(peer)
		l.handler.OnMessage(nothing)
		l.handler.OnClosed(runtime.Closed{Reason: reason})
		if _, there := b.Catalog().Get(peer); there != want {
			t.Errorf("a hidden peer whose exchange ended with %s is back: %t, want %t", reason, there, want)
		}
		if len(b.worker.inward) != 0 || b.worker.open != 0 {
			t.Errorf("%s: %d exchanges and %d links are counted still", reason, len(b.worker.inward), b.worker.open)
		}
	}
}

func TestCrowdIsSentElsewhere(t *testing.T) {
	b := newBed(t, nil)
	for n := byte(2); n < 20; n++ {
		b.reachable(n)
	}
	b.crowded()
	if l := b.asks(testKey(2).PeerID()); l.closed != wire.Overloaded || len(l.said) != 0 {
		t.Errorf("a peer that has its places: closed with %s, told %d messages; want overloaded and none", l.closed, len(l.said))
	}
	newcomer, other := testKey(100), testKey(101)
	l := b.asks(newcomer.PeerID())
	if l.closed != wire.Overloaded || len(l.said) != 1 {
		t.Fatalf("the next peer: closed with %s, told %d messages; want overloaded and one", l.closed, len(l.said))
	}
	m, err := parseMessage(l.said[0])
	if err != nil || !m.Last || len(m.Entries) != redirected {
		t.Fatalf("%d members are named, last %t, %v; want %d in one message", len(m.Entries), m.Last, err, redirected)
	}
	if first, _ := Parse(m.Entries[0]); first == nil || first.Entry.Peer != b.self {
		t.Error("the node does not name itself first")
	}
	l.handler.OnMessage([]byte("nonsense"))
	brings := func(entries ...[]byte) { l.handler.OnMessage(wire.MustMarshal(message{Entries: entries, Last: true})) }
	brings(b.signed(newcomer, 0, nil), b.signed(other, 0, nil))
	brings(b.signed(other, 0, nil))
	if _, there := b.Catalog().Get(newcomer.PeerID()); !there {
		t.Error("the entry that it brought was not taken")
	}
	if _, there := b.Catalog().Get(other.PeerID()); there {
		t.Error("more than one entry of it was taken")
	}
	open := b.worker.open
	l.handler.OnClosed(runtime.Closed{Reason: wire.Overloaded})
	if b.worker.redirects != 0 || b.worker.open != open-1 {
		t.Errorf("%d redirections are counted still", b.worker.redirects)
	}
	known := b.asks(newcomer.PeerID())
	if m, err := parseMessage(known.said[0]); err != nil || slices.ContainsFunc(m.Entries, func(raw []byte) bool {
		s, _ := Parse(raw)
		return s.Entry.Peer == newcomer.PeerID()
	}) {
		t.Errorf("it is named to itself, or %v", err)
	}
}

func TestRedirectionsAreBounded(t *testing.T) {
	b := newBed(t, nil)
	b.crowded()
	told := 0
	for range 2 * openBurst {
		told += len(b.asks(ident.PeerID{2}).said)
	}
	if told == 0 || told > openBurst {
		t.Errorf("one peer is redirected %d times at once, want at most %d", told, openBurst)
	}
	for i := range maxRedirects {
		told += len(b.asks(ident.PeerID{1, byte(i), byte(i >> 8)}).said)
	}
	if told != maxRedirects {
		t.Errorf("%d are redirected at once, want %d", told, maxRedirects)
	}
}

func TestWhoMayNotTalkIsTurnedAway(t *testing.T) {
	forger := testKey(2).PeerID()
	for what, c := range map[string]struct {
		change func(b *bed)
		want   wire.Reason
	}{
		"a node that stops": {func(b *bed) { b.worker.stopping = true }, wire.GracefulShutdown},
		"a forger": {func(b *bed) {
			for range maxRefused + 1 {
				b.worker.blame(forger, ErrSignature)
			}
		}, wire.ProtocolViolation},
	} {
		b := newBed(t, nil)
		c.change(b)
		for protocol, accept := range map[string]func(runtime.Link){Protocol: b.worker.accept, GossipProtocol: b.worker.acceptNeighbour, PingProtocol: b.worker.acceptPing} {
			l := &wired{peer: forger}
			if accept(l); l.closed != c.want || l.handler != nil || b.worker.open != 0 {
				t.Errorf("%s, %s: closed with %s, %d links open; want %s and none", what, protocol, l.closed, b.worker.open, c.want)
			}
		}
	}
}

// The exchanges that a node begins are of a bounded number: those that it wants itself one
// after the other, and after those that somebody waits for.
func TestExchangesTakeTurns(t *testing.T) {
	b := newBed(t, nil)
	w := b.worker
	peer := func(kind, i int) ident.PeerID { return ident.PeerID{byte(kind), byte(i), byte(i >> 8)} }
	under := func(p ident.PeerID) bool { return w.jobs[p] != nil && w.jobs[p].exchange != nil }
	for i := range 2 * maxQueued {
		w.meet(peer(1, i))
	}
	if w.flying != 1 || len(w.queue) != maxQueued {
		t.Fatalf("of its own account %d are under way and %d wait, want 1 and %d", w.flying, len(w.queue), maxQueued)
	}
	ends := map[error]int{}
	wait := waiter{done: func(err error) { ends[err]++ }}
	for i := range maxExchanges + maxAsked {
		w.ask(peer(2, i), nil, wait)
	}
	if w.flying != maxExchanges || !under(peer(2, 0)) || len(w.queue) != maxAsked || ends[ErrBusy] == 0 {
		t.Errorf("%d are under way, %d wait, %d are refused; want %d, %d and the rest", w.flying, len(w.queue), ends[ErrBusy], maxExchanges, maxAsked)
	}
	w.jobs[peer(1, 0)].exchange.closed(nil)
	if under(peer(1, 1)) || !under(peer(2, maxExchanges-1)) || w.flying != maxExchanges {
		t.Error("the next that somebody waits for is not the next")
	}
	for i := range maxExchanges + maxAsked {
		if p := peer(2, i); w.jobs[p] != nil {
			w.jobs[p].exchange.closed(nil)
		}
	}
	for i := 1; i <= maxQueued; i++ {
		if !under(peer(1, i)) || w.flying != 1 {
			t.Fatalf("exchange %d of its own account: under way %t among %d, want it alone", i, under(peer(1, i)), w.flying)
		}
		w.jobs[peer(1, i)].exchange.closed(nil)
	}
	if w.flying+len(w.queue)+len(w.jobs) != 0 {
		t.Errorf("%d under way, %d wait, %d jobs; want none", w.flying, len(w.queue), len(w.jobs))
	}
	for range maxWaiters + 1 {
		w.ask(peer(3, 0), nil, wait)
	}
	if got := len(w.jobs[peer(3, 0)].waiters); got != maxWaiters {
		t.Errorf("%d wait for one exchange, want at most %d", got, maxWaiters)
	}
}

func TestWhoIsTalkedToHearsWhatIsSaidOfIt(t *testing.T) {
	for _, asks := range []bool{false, true} {
		b, suspect := accusedBed(t)
		var l *wired
		if asks {
			l = b.asks(suspect)
			l.handler.OnMessage(nothing)
		} else {
			b.worker.look(suspect)
			l = b.worker.jobs[suspect].exchange.link.(*wired)
		}
		if len(l.said) == 0 {
			t.Fatalf("the suspect asks %t: nothing is said", asks)
		}
		if m, err := parseMessage(l.said[0]); err != nil || len(m.Suspicions) != quorum {
			t.Errorf("the suspect asks %t: it hears %d words, %v; want %d", asks, len(m.Suspicions), err, quorum)
		}
	}
}

func TestSlowExchangeIsNotSilence(t *testing.T) {
	for _, heard := range []bool{false, true} {
		b := newBed(t, nil)
		peer := b.reachable(2)
		b.worker.look(peer)
		x := b.worker.jobs[peer].exchange
		x.heard = heard
		x.OnClosed(runtime.Closed{Local: true, Reason: wire.HandshakeTimeout})
		if f := b.worker.failures[peer]; f == nil || (f.strikes == 0) != heard {
			t.Errorf("it said something %t: its failures are %+v", heard, f)
		}
	}
}

// Who is sent much has time to read it, and who answers has read it.
func TestExchangeLastsAsLongAsWhatIsSentTakes(t *testing.T) {
	b := newBed(t, nil)
	l := b.asks(testKey(2).PeerID())
	x, timeout := l.handler.(*exchange), b.worker.cfg.SyncTimeout
	for _, c := range []struct {
		owed int
		want time.Duration
	}{{0, timeout}, {10 * slowest, timeout + 10*time.Second}, {1000 * slowest, patience * timeout}} {
		x.owed = c.owed
		if x.goesOn(); x.deadline != c.want {
			t.Errorf("with %d bytes to read it has %s, want %s", c.owed, x.deadline, c.want)
		}
	}
	b.mono += time.Second
	x.OnMessage(wire.MustMarshal(message{Lists: []listing{{}}})) // its turn goes on
	if want := time.Second + timeout; x.deadline != want {
		t.Errorf("once it answers it has until %s, want %s", x.deadline, want)
	}
}

package discovery

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
	"pgregory.net/rapid"
)

// talk has a compare its catalog with b, and tells how often b spoke, and how many
// bytes passed.
func talk(t testing.TB, a, b *bed) (turns, bytes int) {
	t.Helper()
	la, lb := &wired{}, &wired{}
	xa := a.worker.newExchange(b.key.PeerID(), asking, time.Minute)
	xa.link, xa.catalog, xa.box = la, a.Catalog(), outbox{budget: maxExchangeBytes, turn: true}
	xb := b.worker.newExchange(a.key.PeerID(), answering, time.Minute)
	xb.link, xb.opened = lb, true
	xa.opening()
	xa.OnOpen()
	for la.closed == wire.None && lb.closed == wire.None {
		if len(la.said)+len(lb.said) == 0 {
			t.Fatalf("nobody says anything after %d turns", xa.turns)
		}
		said, answers := la.said, lb.said
		la.said, lb.said = nil, nil
		for _, m := range said {
			xb.OnMessage(m)
		}
		for _, m := range answers {
			xa.OnMessage(m)
		}
	}
	if la.closed != wire.Finished || lb.closed != wire.None {
		t.Fatalf("ended with %s and %s", la.closed, lb.closed)
	}
	return xa.turns, la.bytes + lb.bytes
}

// crowd are signed entries of many peers, each in two versions.
func crowd(b *bed, n int) (old, young [][]byte, keys []ident.Key) {
	for i := range n {
		key := ident.KeyFromSeed([ident.KeySize]byte{byte(i), byte(i >> 8), 99})
		keys = append(keys, key)
		old = append(old, b.signed(key, -time.Minute, nil))
		young = append(young, b.signed(key, -time.Second, nil))
	}
	return old, young, keys
}

func held(b *bed) (list []string) {
	for p := range b.Catalog().All() {
		list = append(list, fmt.Sprint(p.Entry.Peer.Short(), " ", p.Entry.Version))
	}
	return list
}

func pair(t *testing.T) (a, b *bed) {
	a = newBed(t, nil)
	b = newBed(t, func(b *bed, _ *Config) { b.key, b.addrs = testKey(2), []string{"10.0.0.2:4700"} })
	return a, b
}

func TestTwoCatalogsBecomeOne(t *testing.T) {
	reference, _ := pair(t)
	old, young, keys := crowd(reference, 700)
	rapid.Check(t, func(r *rapid.T) {
		a, b := pair(t)
		n := rapid.SampledFrom([]int{0, 1, 5, 40, 300, 700}).Draw(r, "peers")
		equal := rapid.IntRange(0, 9).Draw(r, "tenths that both have")
		for i := range n {
			what := rapid.IntRange(0, 5).Draw(r, "what")
			if i%10 < equal {
				what = 5
			}
			for x, raw := range [][2][]byte{{old[i], nil}, {nil, old[i]}, {old[i], young[i]}, {young[i], old[i]}, {old[i], nil}, {old[i], old[i]}}[what] {
				if raw == nil {
					continue
				}
				if err := []*bed{a, b}[x].hear(raw, ident.PeerID{9}); err != nil {
					r.Fatal(err)
				}
			}
			if what == 4 { // b knows that it left
				d := b.departure(keys[i], Version{Started: b.wall.Add(-time.Minute).UnixMilli(), Updated: b.wall.UnixMilli()})
				if err := b.hearDeparture(d, time.Minute); err != nil {
					r.Fatal(err)
				}
			}
		}
		if rapid.Bool().Draw(r, "the other asks") {
			a, b = b, a
		}
		talk(t, a, b)
		if diff := cmp.Diff(held(a), held(b)); diff != "" {
			r.Fatalf("after the exchange (-asking +answering):\n%s", diff)
		}
		if turns, _ := talk(t, a, b); turns != 1 {
			r.Errorf("equal catalogs took %d turns, want 1", turns)
		}
	})
}

func TestOneDifferenceCostsLittle(t *testing.T) {
	a, b := pair(t)
	old, young, _ := crowd(a, 2000)
	for _, raw := range old {
		for _, x := range []*bed{a, b} {
			if err := x.hear(raw, ident.PeerID{9}); err != nil {
				t.Fatal(err)
			}
		}
	}
	talk(t, a, b) // their own entries
	if turns, bytes := talk(t, a, b); turns != 1 || bytes > 200 {
		t.Errorf("no difference took %d turns and %d bytes, want 1 and at most 200", turns, bytes)
	}
	if err := b.hear(young[1234], ident.PeerID{9}); err != nil {
		t.Fatal(err)
	}
	turns, bytes := talk(t, a, b)
	if turns > 4 || bytes > 8<<10 {
		t.Errorf("one difference in 2,000 took %d turns and %d bytes, want at most 4 and 8 KiB", turns, bytes)
	}
	if !slices.Equal(held(a), held(b)) {
		t.Error("it is still there")
	}
}

func TestNewcomerIsToldEverythingInOneTurn(t *testing.T) {
	a, b := pair(t)
	old, _, _ := crowd(a, 1000)
	for _, raw := range old {
		if err := b.hear(raw, ident.PeerID{9}); err != nil {
			t.Fatal(err)
		}
	}
	if turns, _ := talk(t, a, b); turns != 2 || len(held(a)) != 1002 {
		t.Errorf("%d turns, %d peers; want 2 and 1002", turns, len(held(a)))
	}
}

func TestEachEntryThatAPeerListsHasItsAnswer(t *testing.T) {
	b := newBed(t, nil)
	at := b.wall.UnixMilli()
	v := b.member(testKey(2))
	b.member(testKey(3))
	b.hide(testKey(3).PeerID())
	if err := b.hearDeparture(b.departure(testKey(4), v), time.Minute); err != nil {
		t.Fatal(err)
	}
	me := b.Me().Version
	held := func(n byte, v Version) holding { return holding{Peer: testKey(n).PeerID(), Version: v} }
	for what, c := range map[string]struct {
		listed                    holding
		wants, peers, words, gone int
	}{
		"the same":                {listed: b.worker.signed(testKey(2).PeerID()).holding()},
		"older":                   {listed: held(2, Version{at - 1, at}), peers: 1},
		"newer":                   {listed: held(2, v.next(at+1)), wants: 1},
		"unknown":                 {listed: held(5, v), wants: 1},
		"from the future":         {listed: held(5, Version{at, at + time.Hour.Milliseconds()})},
		"hidden":                  {listed: held(3, v), words: 1},
		"newer than what is dead": {listed: held(3, v.next(at+1)), wants: 1},
		"departed":                {listed: held(4, v), gone: 1},
		"a later run":             {listed: held(4, Version{at + 1, at + 1}), wants: 1},
		"itself, older":           {listed: held(1, Version{me.Started - 1, me.Updated}), peers: 1},
		"itself, in the future":   {listed: held(1, Version{at, at + time.Hour.Milliseconds()}), wants: 1},
	} {
		x := &exchange{w: b.worker, box: outbox{budget: maxExchangeBytes}}
		x.weigh(c.listed)
		if box := &x.box; len(box.wants) != c.wants || len(box.peers) != c.peers || len(box.words) != c.words || len(box.departures) != c.gone || box.short {
			t.Errorf("%s: %d wants, %d entries, %d words, %d departures; want %+v", what, len(box.wants), len(box.peers), len(box.words), len(box.departures), c)
		}
	}
	x := &exchange{w: b.worker}
	for i := range maxWants + 1 {
		x.weigh(holding{Peer: ident.PeerID{1, byte(i), byte(i >> 8)}, Version: v})
		if x.box.short != (i == maxWants) {
			t.Fatalf("after %d strangers, another exchange is to follow: %t", i+1, x.box.short)
		}
	}
	if len(x.box.wants) != maxWants {
		t.Errorf("%d entries are asked for, want %d at most", len(x.box.wants), maxWants)
	}
}

func TestWhoLeftIsNotAskedFor(t *testing.T) {
	b := newBed(t, nil)
	left := testKey(3)
	v := Version{Started: b.wall.UnixMilli() - 1, Updated: b.wall.UnixMilli()}
	if err := b.hearDeparture(b.departure(left, v), time.Minute); err != nil {
		t.Fatal(err)
	}
	x, l := b.worker.newExchange(ident.PeerID{9}, answering, time.Minute), &wired{}
	x.link, x.opened = l, true
	x.OnMessage(wire.MustMarshal(message{Lists: []listing{list(span{}, []*Peer{{held: holding{Peer: left.PeerID(), Version: v}}})}, Last: true}))
	m, err := parseMessage(l.said[0])
	if err != nil || len(m.Wants) != 0 || len(m.Departures) != 1 {
		t.Errorf("answers with %d wants and %d departures, %v; want the departure", len(m.Wants), len(m.Departures), err)
	}
}

func TestRangesThatMayNotBeCutAreListed(t *testing.T) {
	b := newBed(t, nil)
	x := b.worker.newExchange(ident.PeerID{9}, answering, time.Minute)
	var peers []replacement
	for i := range mostListed {
		p := newPeer(&Entry{Peer: ident.PeerID{1, byte(i >> 8), byte(i)}, Version: Version{maxVersion - 1, maxVersion - 1}}, []byte{1})
		peers = append(peers, replacement{peer: &p})
	}
	x.catalog = (&Catalog{}).with(peers, new(run))
	for range maxSpans/branching + 1 {
		x.compare(summary{Count: 1})
	}
	if len(x.box.spans) != maxSpans || len(x.box.lists) != 1 || x.box.lists[0].Held.len() != mostListed {
		t.Fatalf("%d ranges in short and %d in full", len(x.box.spans), len(x.box.lists))
	}
	x.box.turn, x.box.spans = true, nil
	m, err := parseMessage(x.box.next(false))
	if err != nil || len(m.Lists) != 1 || !m.Last {
		t.Errorf("the longest list does not fit: %v", err)
	}
}

func TestRangesOutOfOrderAreAViolation(t *testing.T) {
	hash := make([]byte, printSize)
	at := func(n byte) ident.PeerID { return ident.PeerID{n} }
	held := func(peers ...byte) (list names) {
		for _, n := range peers {
			list = list.add(holding{at(n), Version{1, 1}, 1})
		}
		return list
	}
	upTo := func(lo, hi byte) span { h := at(hi); return span{at(lo), &h} }
	for what, m := range map[string]message{
		"overlap":           {Spans: []summary{{upTo(1, 5), 1, hash}, {upTo(4, 8), 1, hash}}},
		"backward":          {Spans: []summary{{upTo(4, 8), 1, hash}, {upTo(1, 3), 1, hash}}},
		"empty":             {Spans: []summary{{upTo(4, 4), 1, hash}}},
		"after the end":     {Lists: []listing{{span{Lo: at(1)}, nil}, {upTo(2, 3), nil}}},
		"overlapping lists": {Lists: []listing{{upTo(1, 5), nil}, {upTo(1, 5), nil}}},
		"short fingerprint": {Spans: []summary{{upTo(1, 5), 1, hash[1:]}}},
		"list beyond":       {Lists: []listing{{upTo(1, 5), held(6)}}},
		"list before":       {Lists: []listing{{upTo(2, 5), held(1)}}},
		"half a name":       {Lists: []listing{{upTo(1, 5), held(2)[1:]}}},
		"list out of order": {Lists: []listing{{span{}, held(2, 1)}}},
	} {
		b := newBed(t, nil)
		x, l := b.worker.newExchange(ident.PeerID{9}, answering, time.Minute), &wired{}
		x.link, x.opened = l, true
		m.Last = true
		x.OnMessage(wire.MustMarshal(m))
		if l.closed != wire.ProtocolViolation {
			t.Errorf("%s: ended with %s", what, l.closed)
		}
	}
}

// TestATurnNamesABoundedNumberOfRanges, however many messages it has.
func TestATurnNamesABoundedNumberOfRanges(t *testing.T) {
	at := func(n int) ident.PeerID { return ident.PeerID{byte(n >> 8), byte(n)} }
	b := newBed(t, nil)
	x, l := b.worker.newExchange(ident.PeerID{9}, answering, time.Minute), &wired{}
	x.link, x.opened = l, true
	for n := range 2*maxSpans + 1 {
		if l.closed != wire.None {
			t.Fatalf("ended with %s after %d ranges", l.closed, n)
		}
		hi := at(n + 1)
		s := span{at(n), &hi}
		m := message{Spans: []summary{{s, 1, make([]byte, printSize)}}}
		if n%2 == 1 {
			m = message{Lists: []listing{{s, nil}}}
		}
		x.OnMessage(wire.MustMarshal(m))
	}
	if l.closed != wire.ProtocolViolation {
		t.Errorf("%d ranges: ended with %s", 2*maxSpans+1, l.closed)
	}
}

func TestNobodyTalksForEver(t *testing.T) {
	b := newBed(t, nil)
	x, l := b.worker.newExchange(ident.PeerID{9}, answering, time.Minute), &wired{}
	x.link, x.opened = l, true
	m := wire.MustMarshal(message{Lists: []listing{{span: span{}}}, Last: true})
	for turn := range 100 {
		x.OnMessage(m)
		if l.closed != wire.None {
			if l.closed != wire.ProtocolViolation || turn != maxTurns {
				t.Errorf("ended with %s in turn %d, want %d", l.closed, turn, maxTurns)
			}
			return
		}
		if len(l.said) != turn+1 {
			t.Fatalf("%d answers in %d turns", len(l.said), turn+1)
		}
	}
	t.Error("it went on")
}

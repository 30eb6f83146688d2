package discovery

import (
	"errors"
	"slices"
	"testing"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// lostPeer is the i-th peer that stopped to answer.
func lostPeer(i int) Endpoint {
	return Endpoint{Peer: ident.PeerID{1, byte(i), byte(i >> 8)}, Addrs: []string{"10.0.3.1:4700"}}
}

func TestLostPeersAreRememberedTheLatestFirst(t *testing.T) {
	b := newBed(t, nil)
	w := b.worker
	w.lose(Endpoint{Peer: ident.PeerID{9}}) // nobody could dial it
	for i := range 2 * maxLost {
		w.lose(lostPeer(i))
	}
	w.lose(lostPeer(2*maxLost - 3)) // once more
	if n := len(w.lost.peers); n != maxLost {
		t.Errorf("%d are remembered, want %d", n, maxLost)
	}
	for i, want := range []int{2*maxLost - 3, 2*maxLost - 1, 2*maxLost - 2, 2*maxLost - 4} {
		if got := w.lost.peers[i].Peer; got != lostPeer(want).Peer {
			t.Errorf("place %d has %s, want peer %d", i, got.Short(), want)
		}
	}
	w.find(lostPeer(2*maxLost - 1).Peer)
	if got := w.lost.peers[1].Peer; len(w.lost.peers) != maxLost-1 || got != lostPeer(2*maxLost-2).Peer {
		t.Errorf("one was found, and %d are remembered", len(w.lost.peers))
	}
}

// All nodes together dial lost peers once a second, however many they are.
func TestLostPeersAreDialledLessOftenTheLargerTheNetworkIs(t *testing.T) {
	const tries = 500
	for _, peers := range []int{1, redials, 5 * redials} {
		b := newBed(t, nil)
		w := b.worker
		for n := range byte(peers - 1) {
			b.member(testKey(2 + n))
		}
		w.redial() // nobody is lost
		w.lose(lostPeer(1))
		w.lose(lostPeer(2))
		dialled := map[ident.PeerID]int{}
		for range tries {
			w.redial()
			for peer, j := range w.jobs {
				dialled[peer]++
				j.exchange.closed(wire.DialFailed)
			}
		}
		want := tries * redials / max(peers, redials)
		all := dialled[lostPeer(1).Peer] + dialled[lostPeer(2).Peer]
		if all < want*4/5 || all > want*6/5 || min(dialled[lostPeer(1).Peer], dialled[lostPeer(2).Peer]) < want/4 {
			t.Errorf("of %d peers: dialled %v, want %d in all", peers, dialled, want)
		}
	}
	b := newBed(t, nil)
	b.worker.lose(Endpoint{Peer: b.reachable(2), Addrs: lostPeer(2).Addrs})
	b.worker.redial()
	if len(b.worker.jobs)+len(b.worker.lost.peers) != 0 {
		t.Error("who is there is dialled, or lost still")
	}
}

func TestStoreHasLostPeersAndThoseOfTheCatalog(t *testing.T) {
	b := newBed(t, nil)
	w := b.worker
	neighbour := b.reachable(2)
	for n := byte(3); n < 200; n++ {
		b.reachable(n)
	}
	b.member(testKey(200)) // cannot be dialled
	b.befriended(neighbour)
	for i := range maxLost {
		w.lose(lostPeer(i))
	}
	w.saveCache()
	var stored []cached
	if err := wire.Unmarshal(b.store[cacheName], maxCache, &stored); err != nil || len(stored) != maxLost {
		t.Errorf("%d are in the store, %v; want %d", len(stored), err, maxLost)
	}
	again := newBed(t, func(n *bed, _ *Config) { n.store = b.store })
	list := loadCache(again.env, b.self)
	if len(list) != maxLost || !slices.ContainsFunc(list, func(e Endpoint) bool { return e.Peer == neighbour }) {
		t.Fatalf("%d are read from the store, want %d, the neighbour among them", len(list), maxLost)
	}
	seen := map[ident.PeerID]bool{}
	for i, e := range list {
		if lost := i < maxLost/2; seen[e.Peer] || lost != (e.Peer == lostPeer(maxLost-1-i).Peer) {
			t.Errorf("place %d has %s, twice %t; want the lost ones first, and each once", i, e.Peer.Short(), seen[e.Peer])
		}
		seen[e.Peer] = true
	}
	if seen[b.self] || seen[testKey(200).PeerID()] {
		t.Error("the node itself, or who cannot be dialled, is in the store")
	}
	// Some are dialled at once, the others later.
	if n := len(again.worker.jobs); n != firstDials || len(again.worker.lost.peers) != maxLost {
		t.Errorf("%d of %d are dialled at once, want %d of %d", n, len(again.worker.lost.peers), firstDials, maxLost)
	}
}

// fullStore is a store that takes nothing.
type fullStore struct {
	runtime.Store
	puts int
}

var errNoRoom = errors.New("no room")

func (s *fullStore) Put(on runtime.Strand, _ string, _ []byte, done func(error)) {
	s.puts++
	on.Post(func() { done(errNoRoom) })
}

func TestStoreIsWrittenWhenThereIsSomethingNew(t *testing.T) {
	b := newBed(t, nil)
	w := b.worker
	b.reachable(2)
	saved := func() bool {
		delete(b.store, cacheName)
		w.saveCache()
		b.run()
		return b.store[cacheName] != nil
	}
	if !saved() || saved() {
		t.Error("not written at first, or written again though nothing changed")
	}
	if b.reachable(3); !saved() {
		t.Error("not written though somebody came")
	}
	full := &fullStore{}
	w.env.Store = full
	b.reachable(4)
	for range 2 {
		w.saveCache()
		b.run()
	}
	if n := b.marked("discovery-cache-unsaved"); n != 2 || full.puts != 2 {
		t.Errorf("tried %d times, told %d times that it failed; want each of two", full.puts, n)
	}
}

func TestDamagedStoreIsPassedOverAndTold(t *testing.T) {
	self := testKey(1).PeerID()
	entries := func(list ...cached) []byte { return wire.MustMarshal(list) }
	good := ident.PeerID{7}
	many := slices.Repeat([]cached{{Peer: good[:], Addrs: lostPeer(0).Addrs}}, maxLost+1)
	for what, c := range map[string]struct {
		data []byte
		want int
		told int
	}{
		"garbage":         {[]byte("garbage"), 0, 1},
		"nothing":         {nil, 0, 0},
		"the node itself": {entries(cached{Peer: self[:], Addrs: lostPeer(0).Addrs}, many[0]), 1, 0},
		"half an id":      {entries(cached{Peer: good[:5], Addrs: lostPeer(0).Addrs}, many[0]), 1, 0},
		"no address":      {entries(cached{Peer: good[:]}, many[0]), 1, 0},
		"too many":        {entries(many...), maxLost, 0},
	} {
		b := newBed(t, func(b *bed, _ *Config) {
			if c.data != nil {
				b.store[cacheName] = c.data
			}
		})
		if n, told := len(b.worker.lost.peers), b.marked("discovery-cache-unreadable"); n != c.want || told != c.told {
			t.Errorf("%s: %d peers, told %d times; want %d and %d", what, n, told, c.want, c.told)
		}
	}
}

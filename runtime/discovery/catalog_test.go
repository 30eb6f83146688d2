package discovery

import (
	"slices"
	"testing"

	"github.com/smalti/smalti/runtime/ident"
	"pgregory.net/rapid"
)

func testPeer(n byte, updated int64) *Peer {
	return &Peer{Entry: &Entry{Peer: ident.PeerID{n}, Version: Version{1, updated}}}
}

// TestCatalogIsAMapThatNeverChanges compares a chain of catalogs with a map.
func TestCatalogIsAMapThatNeverChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, model := &Catalog{self: ident.PeerID{0}}, map[byte]*Peer{}
		old, oldLen := c, 0
		for turn := range rapid.IntRange(1, 12).Draw(t, "turns") {
			var list []replacement
			for _, n := range rapid.SliceOfNDistinct(rapid.ByteRange(0, 20), 0, 8, rapid.ID).Draw(t, "ids") {
				r := replacement{id: ident.PeerID{n}}
				if rapid.Bool().Draw(t, "put") {
					r.peer = testPeer(n, int64(turn))
					model[n] = r.peer
				} else {
					delete(model, n)
				}
				list = append(list, r)
			}
			slices.SortFunc(list, func(a, b replacement) int { return a.id.Compare(b.id) })
			before := c
			c = c.with(list)
			checkCatalog(t, c, model)
			checkChanges(t, before, c)
			if old.Len() != oldLen {
				t.Fatalf("an old catalog changed from %d to %d peers", oldLen, old.Len())
			}
			old, oldLen = c, c.Len()
		}
	})
}

func checkCatalog(t *rapid.T, c *Catalog, model map[byte]*Peer) {
	t.Helper()
	if c.Len() != len(model) {
		t.Fatalf("got %d peers, want %d", c.Len(), len(model))
	}
	for n := range byte(21) {
		if got, found := c.Get(ident.PeerID{n}); got != model[n] || found != (model[n] != nil) {
			t.Fatalf("peer %d: got %v, want %v", n, got, model[n])
		}
	}
	if !slices.IsSortedFunc(slices.Collect(c.All()), func(a, b *Peer) int { return a.Entry.Peer.Compare(b.Entry.Peer) }) {
		t.Fatal("peers are out of order")
	}
}

// checkChanges replays the changes on the older catalog.
func checkChanges(t *rapid.T, before, after *Catalog) {
	t.Helper()
	changes := after.changesSince(before)
	if !slices.IsSortedFunc(changes, func(a, b Change) int { return a.Peer.Compare(b.Peer) }) {
		t.Fatal("changes are out of order")
	}
	var list []replacement
	for _, x := range changes {
		if from, _ := before.Get(x.Peer); x.Peer == after.self || from != x.From || x.From == x.To {
			t.Fatalf("change of %s from %v to %v, before %v", x.Peer.Short(), x.From, x.To, from)
		}
		list = append(list, replacement{id: x.Peer, peer: x.To})
	}
	replayed := before.with(list)
	for n := range byte(20) {
		id := ident.PeerID{n + 1}
		got, _ := replayed.Get(id)
		if want, _ := after.Get(id); got != want {
			t.Fatalf("peer %d after replay: got %v, want %v", n+1, got, want)
		}
	}
}

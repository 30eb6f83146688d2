package discovery

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/smalti/smalti/runtime/ident"
	"pgregory.net/rapid"
)

// testPeers bounds the ids of testPeer: several leaves full.
const testPeers = 6 * leafSize

// testID gives the n-th id. Four in a row have one key.
func testID(n uint16) (id ident.PeerID) {
	binary.BigEndian.PutUint16(id[:], n/4)
	id[8] = byte(n % 4)
	return id
}

func testPeer(n uint16, updated int64, unsigned bool) *Peer {
	e := &Entry{Peer: testID(n), Version: Version{1, updated}}
	raw := fmt.Append(nil, n, updated)
	if unsigned {
		raw = nil
	}
	p := newPeer(e, raw)
	return &p
}

// TestLeafIsSmall: above 512 bytes Go's garbage collector looks at each leaf apart.
func TestLeafIsSmall(t *testing.T) {
	if size := reflect.TypeFor[leaf]().Size(); size > 512 {
		t.Errorf("a leaf takes %d bytes, want 512 at most", size)
	}
}

// TestCatalogIsAMapThatNeverChanges compares a chain of catalogs with a map.
func TestCatalogIsAMapThatNeverChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, model, room := &Catalog{self: testID(0)}, map[uint16]*Peer{}, new(run)
		old, oldPeers := c, []*Peer(nil)
		for turn := range rapid.IntRange(1, 12).Draw(t, "turns") {
			most := rapid.SampledFrom([]int{0, 1, 8, testPeers / 2}).Draw(t, "most")
			culls := rapid.IntRange(0, 2).Draw(t, "culls") == 0 // until leaves are small enough to be joined
			if culls {
				most = testPeers
			}
			var list []replacement
			for _, n := range rapid.SliceOfNDistinct(rapid.Uint16Range(0, testPeers), most/2, most, rapid.ID).Draw(t, "ids") {
				r := replacement{peer: testPeer(n, int64(turn), n%17 == 3)}
				if !culls && rapid.IntRange(0, 2).Draw(t, "put") > 0 {
					model[n] = r.peer
				} else {
					r.gone = true
					delete(model, n)
				}
				list = append(list, r)
			}
			slices.SortFunc(list, func(a, b replacement) int { return a.id().Compare(b.id()) })
			before := c
			c = c.with(list, room)
			checkCatalog(t, c, model)
			checkRange(t, c, model)
			checkChanges(t, before, c)
			if !slices.Equal(slices.Collect(old.All()), oldPeers) {
				t.Fatal("an old catalog changed")
			}
			old, oldPeers = c, slices.Collect(c.All())
		}
	})
}

func checkCatalog(t *rapid.T, c *Catalog, model map[uint16]*Peer) {
	t.Helper()
	if c.Len() != len(model) {
		t.Fatalf("got %d peers, want %d", c.Len(), len(model))
	}
	below, near := 0, rapid.IntRange(0, len(c.leaves)+1).Draw(t, "near")
	for n := range uint16(testPeers + 2) {
		if got, found := c.Get(testID(n)); got != model[n] || found != (model[n] != nil) {
			t.Fatalf("peer %d: got %v, want %v", n, got, model[n])
		}
		if got, want := c.leafFrom(near, testID(n)), c.leafOf(testID(n)); got != want {
			t.Fatalf("peer %d: leaf %d from %d on, want %d", n, got, near, want)
		}
		if got := c.rank(testID(n)); got != below {
			t.Fatalf("%d peers below %d, want %d", got, n, below)
		}
		if p := model[n]; p != nil {
			if c.at(below) != p {
				t.Fatalf("peer %d is not at %d", n, below)
			}
			below++
		}
	}
	if !slices.IsSortedFunc(slices.Collect(c.All()), func(a, b *Peer) int { return a.Entry.Peer.Compare(b.Entry.Peer) }) {
		t.Fatal("peers are out of order")
	}
	for _, l := range c.leaves {
		if l.n == 0 || l.n > leafSize {
			t.Fatalf("a leaf of %d peers", l.n)
		}
	}
	if n := len(c.leaves); n > 8+4*c.Len()/leafSize {
		t.Fatalf("%d leaves for %d peers", n, c.Len())
	}
}

// checkRange compares one range with what the model has of it.
func checkRange(t *rapid.T, c *Catalog, model map[uint16]*Peer) {
	t.Helper()
	lo := rapid.Uint16Range(0, testPeers).Draw(t, "lo")
	s := span{Lo: testID(lo)}
	hi := uint16(testPeers + 1)
	if rapid.Bool().Draw(t, "bounded") {
		hi = rapid.Uint16Range(lo+1, testPeers+1).Draw(t, "hi")
		end := testID(hi)
		s.Hi = &end
	}
	var want []*Peer
	for n := lo; n < hi; n++ {
		if p := model[n]; p != nil && !p.unsigned {
			want = append(want, p)
		}
	}
	if !slices.Equal(c.within(s), want) {
		t.Fatalf("from %d to %d: %d peers, want %d", lo, hi, len(c.within(s)), len(want))
	}
	if c.tally(s) != tallyOf(want) {
		t.Fatalf("from %d to %d: the sum is another than that of the peers", lo, hi)
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
		r := replacement{peer: x.To}
		if x.To == nil {
			r = replacement{peer: x.From, gone: true}
		}
		list = append(list, r)
	}
	replayed := before.with(list, new(run))
	for n := range uint16(testPeers) {
		got, _ := replayed.Get(testID(n + 1))
		if want, _ := after.Get(testID(n + 1)); got != want {
			t.Fatalf("peer %d after replay: got %v, want %v", n+1, got, want)
		}
	}
}

func TestIDsAreOrderedByAllTheirBytes(t *testing.T) {
	a, b := ident.PeerID{1, 2, 3, 4, 5, 6, 7, 8, 9}, ident.PeerID{1, 2, 3, 4, 5, 6, 7, 8, 10}
	c := ident.PeerID{1, 2, 3, 4, 5, 6, 7, 9}
	for _, x := range [][2]ident.PeerID{{a, a}, {a, b}, {b, a}, {a, c}, {c, b}} {
		if got, want := compareIDs(x[0], x[1]), x[0].Compare(x[1]); got != want {
			t.Errorf("%x and %x: %d, want %d", x[0][:9], x[1][:9], got, want)
		}
	}
}

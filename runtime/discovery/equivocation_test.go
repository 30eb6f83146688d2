package discovery

import (
	"strings"
	"testing"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// twins gives two entries of one version, the one that stands first.
func twins(b *bed, key ident.Key) (stands, falls []byte) {
	tagged := func(name string) []byte {
		return b.signed(key, 0, func(e *Entry) { e.Tags = []ident.Tag{ident.NewTag(name)} })
	}
	x, y := tagged("x"), tagged("y")
	if markOf(x)[0] < markOf(y)[0] {
		return y, x
	}
	return x, y
}

func TestOfTwoEntriesOfOneVersionTheSameStandsEverywhere(t *testing.T) {
	key := testKey(2)
	peer := key.PeerID()
	for _, falling := range []bool{false, true} {
		b := newBed(t, nil)
		stands, falls := twins(b, key)
		order := [][]byte{stands, falls}
		if falling {
			order = [][]byte{falls, stands}
		}
		for _, raw := range order {
			if err := b.hear(raw, peer); err != nil {
				t.Fatal(err)
			}
		}
		p, _ := b.Catalog().Get(peer)
		if string(p.Signed()) != string(stands) {
			t.Errorf("falling first %t: the other entry stands", falling)
		}
		told := 0
		for _, e := range b.events {
			if e.Kind == event.EntryRefused && e.Peer == peer && strings.Contains(e.Text, ErrEquivocation.Error()) {
				told++
			}
		}
		if told != 1 || b.count(event.PeerDiscovered, peer) != 1 || b.count(event.PeerUpdated, peer) != 0 {
			t.Errorf("falling first %t: told %d times, want once, and no update", falling, told)
		}
	}
}

func TestCatalogsThatDifferInOneOfTwoTwinsAreMended(t *testing.T) {
	key := testKey(2)
	x, y := newBed(t, nil), newBed(t, nil)
	stands, falls := twins(x, key)
	for b, raw := range map[*bed][]byte{x: stands, y: falls} {
		if err := b.hear(raw, key.PeerID()); err != nil {
			t.Fatal(err)
		}
	}
	if string(x.Catalog().tally(span{}).fingerprint()) == string(y.Catalog().tally(span{}).fingerprint()) {
		t.Error("the fingerprints of the two catalogs are equal")
	}
	p, _ := x.Catalog().Get(key.PeerID())
	q, _ := y.Catalog().Get(key.PeerID())
	if y.worker.lacks(p.holding()) != true || x.worker.lacks(q.holding()) != false {
		t.Error("who has the entry that falls does not ask for the one that stands")
	}
}

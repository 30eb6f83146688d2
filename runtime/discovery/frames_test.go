package discovery

import (
	"bytes"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// large gives a rumour with entries of testKey(from) and so on, that is worth to be
// remembered.
func (b *bed) large(from byte) []byte {
	var r rumour
	for i := range byte(8) {
		r.Entries = append(r.Entries, b.signed(testKey(from+i), 0, func(e *Entry) {
			e.Tags = sortedSet([]ident.Tag{ident.NewTag("a"), ident.NewTag("b"), ident.NewTag("c"), ident.NewTag("d")}, ident.Tag.Compare)
		}))
	}
	return wire.MustMarshal(r)
}

// heeds has the bed take a rumour of a neighbour.
func (b *bed) heeds(h heard, from ident.PeerID) {
	n, _ := b.befriended(from)
	n.hear(h)
}

func TestAMessageForManyIsReadOnce(t *testing.T) {
	shared := NewWorldVerifier(0)
	join := func(n byte) *bed {
		return newBed(t, func(b *bed, c *Config) { b.key, c.Verifier = testKey(n), shared })
	}
	first, second := join(100), join(101)
	frame := first.large(1)
	one, err := first.worker.read(frame)
	if err != nil {
		t.Fatal(err)
	}
	first.heeds(one, testKey(3).PeerID())
	two, err := second.worker.read(bytes.Clone(frame))
	if err != nil || two.rumour != one.rumour {
		t.Errorf("equal bytes were read twice (%v)", err)
	}
	parsed := shared.Verified()
	for i, s := range two.signed {
		if s == nil || !bytes.Equal(s.Raw, two.Entries[i]) {
			t.Errorf("entry %d was not verified for all", i)
		}
	}
	clear(shared.young) // what is known now is known from the message
	second.heeds(two, testKey(3).PeerID())
	for _, b := range []*bed{first, second} {
		if n := b.worker.peers.n; n != 9 {
			t.Errorf("node holds %d entries, want its own and 8", n)
		}
	}
	if shared.Verified() != parsed {
		t.Errorf("%d entries were verified again", shared.Verified()-parsed)
	}
	read := func(n byte) *rumour {
		h, err := second.worker.read(second.large(n))
		if err != nil {
			t.Fatal(err)
		}
		return h.rumour
	}
	var others []*rumour
	for n := range byte(maxFrames) {
		others = append(others, read(10+n))
	}
	for n, r := range others {
		if read(10+byte(n)) != r {
			t.Errorf("message %d of the last %d is forgotten", n, maxFrames)
		}
	}
	if again, err := second.worker.read(frame); err != nil || again.rumour == one.rumour || len(shared.frames.list) != maxFrames {
		t.Errorf("remembers %d messages, want %d, and the first forgotten (%v)", len(shared.frames.list), maxFrames, err)
	}
}

// TestWhatOthersVerifiedIsJudgedByEach: limits, networks and clocks are a node's own.
func TestWhatOthersVerifiedIsJudgedByEach(t *testing.T) {
	shared, sender := NewWorldVerifier(0), testKey(30).PeerID()
	lax := newBed(t, func(_ *bed, c *Config) { c.Verifier = shared })
	frame := lax.large(2)
	take := func(b *bed) int {
		h, err := b.worker.read(frame)
		if err != nil {
			t.Fatal(err)
		}
		b.heeds(h, sender)
		return b.worker.peers.n - 1
	}
	if n := take(lax); n != 8 {
		t.Fatalf("who minds nothing took %d of 8 entries", n)
	}
	verified := shared.Verified()
	for name, x := range map[string]struct {
		change func(*bed, *Config)
		about  ident.PeerID // whom the refusals are about
	}{
		"network": {func(_ *bed, c *Config) { c.Network = ident.Network("other") }, testKey(2).PeerID()},
		"size":    {func(_ *bed, c *Config) { c.Limits = Limits{Bytes: 250} }, sender},
		"clock":   {func(b *bed, _ *Config) { b.wall = b.wall.Add(-time.Hour) }, testKey(2).PeerID()},
	} {
		clear(shared.young) // what is known now is known from the message
		b := newBed(t, func(b *bed, c *Config) { c.Verifier = shared; x.change(b, c) })
		if n := take(b); n != 0 || b.count(event.EntryRefused, x.about) == 0 {
			t.Errorf("%s: took %d entries that are wrong here, refused %d", name, n, b.count(event.EntryRefused, x.about))
		}
	}
	if n := take(newBed(t, func(_ *bed, c *Config) { c.Verifier = shared })); n != 8 || shared.Verified() != verified {
		t.Errorf("afterwards another took %d of 8 entries, and %d were verified again", n, shared.Verified()-verified)
	}
}

func TestForgeriesAndNonsenseAreNotRemembered(t *testing.T) {
	shared := NewWorldVerifier(0)
	b := newBed(t, func(_ *bed, c *Config) { c.Verifier = shared })
	forged, liar := b.large(2), b.reachable(30)
	forged[20] ^= 1 // within the first signature
	for range 2 {
		h, err := b.worker.read(forged)
		if err != nil {
			t.Fatal(err)
		}
		refused := b.count(event.EntryRefused, liar)
		b.heeds(h, liar)
		if h.signed[0] != nil || b.count(event.EntryRefused, liar) == refused {
			t.Error("a forgery passed")
		}
	}
	cut := forged[:len(forged)-1]
	for range 2 {
		if _, err := b.worker.read(cut); err == nil {
			t.Error("a message that is cut off was read")
		}
	}
}

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
	n.heed(h)
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
	parsed := shared.Known()
	for i, s := range two.signed {
		if s == nil || !bytes.Equal(s.Raw, two.Entries[i]) {
			t.Errorf("entry %d was not verified for all", i)
		}
	}
	second.heeds(two, testKey(3).PeerID())
	for _, b := range []*bed{first, second} {
		if n := b.worker.peers.n; n != 9 {
			t.Errorf("node holds %d entries, want its own and 8", n)
		}
	}
	if shared.Known() != parsed {
		t.Errorf("%d entries were verified again", shared.Known()-parsed)
	}
	for n := byte(10); n < 10+maxFrames; n++ {
		if _, err := second.worker.read(second.large(n)); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := second.worker.read(frame); err != nil || again.rumour == one.rumour || len(shared.frames.list) != maxFrames {
		t.Errorf("remembers %d messages, want %d, and the first forgotten (%v)", len(shared.frames.list), maxFrames, err)
	}
}

// TestWhatOthersVerifiedIsJudgedByEach: limits, networks and clocks are a node's own.
func TestWhatOthersVerifiedIsJudgedByEach(t *testing.T) {
	shared := NewWorldVerifier(0)
	lax := newBed(t, func(_ *bed, c *Config) { c.Verifier = shared })
	frame := lax.large(2)
	for name, change := range map[string]func(*Config){
		"network": func(c *Config) { c.Network = ident.Network("other") },
		"size":    func(c *Config) { c.Limits = Limits{Bytes: 250} },
		"clock":   func(c *Config) { c.MaxDrift = time.Nanosecond },
	} {
		for _, b := range []*bed{lax, newBed(t, func(b *bed, c *Config) { change(c); c.Verifier = shared; b.wall = b.wall.Add(-time.Hour) })} {
			h, err := b.worker.read(frame)
			if err != nil {
				t.Fatal(err)
			}
			before := b.worker.peers.n
			b.heeds(h, testKey(30).PeerID())
			if took := b.worker.peers.n > before; took && b != lax {
				t.Errorf("%s: an entry that is wrong here was taken", name)
			}
		}
	}
	if n := lax.worker.peers.n; n != 9 {
		t.Errorf("who minds nothing holds %d entries, want its own and 8", n)
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

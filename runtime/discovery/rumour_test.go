package discovery

import (
	"bytes"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
	"pgregory.net/rapid"
)

func TestBagIsToldWholeInBoundedFrames(t *testing.T) {
	word, err := SignSuspicion(testNetwork, testKey(2).PeerID(), Version{1, 2}, testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := bag{prune: rapid.Bool().Draw(t, "prune")}
		for range rapid.IntRange(0, 40).Draw(t, "peers") {
			b.peers = append(b.peers, &Peer{raw: make([]byte, rapid.IntRange(1, hardLimits.Bytes).Draw(t, "size"))})
		}
		for range rapid.IntRange(0, 2000).Draw(t, "names") {
			b.names = append(b.names, &Peer{held: holding{ident.PeerID{7}, Version{maxVersion - 2, maxVersion - 1}, 1<<64 - 1}})
		}
		for range rapid.IntRange(0, 600).Draw(t, "words") {
			b.words = append(b.words, word)
		}
		for range rapid.IntRange(0, maxMissing).Draw(t, "wants") {
			b.wants = append(b.wants, ident.PeerID{8})
		}
		for range rapid.IntRange(0, 600).Draw(t, "departures") {
			b.departures = append(b.departures, oldNews{Raw: make([]byte, 160), Left: 1 << 30})
		}
		var sum rumour
		names := 0
		for _, frame := range b.messages() {
			if len(frame) > wire.MaxControl {
				t.Fatalf("a frame of %d bytes, want at most %d", len(frame), wire.MaxControl)
			}
			r, err := parseRumour(frame)
			if err != nil {
				t.Fatal(err)
			}
			for i := range r.Names.len() {
				if h := r.Names.at(i); h != b.names[names].held {
					t.Fatalf("name %d is %v, want %v", names, h, b.names[names].held)
				}
				names++
			}
			sum.Entries, sum.Suspicions = append(sum.Entries, r.Entries...), append(sum.Suspicions, r.Suspicions...)
			sum.Wants, sum.Departures = append(sum.Wants, r.Wants...), append(sum.Departures, r.Departures...)
			sum.Prune = sum.Prune || r.Prune
		}
		if len(sum.Entries) != len(b.peers) || len(sum.Suspicions) != len(b.words) || len(sum.Wants) != len(b.wants) ||
			len(sum.Departures) != len(b.departures) || names != len(b.names) || sum.Prune != b.prune {
			t.Fatalf("%d entries, %d names, %d words, %d wants, %d departures, %t came of %d, %d, %d, %d, %d, %t", len(sum.Entries), names, len(sum.Suspicions),
				len(sum.Wants), len(sum.Departures), sum.Prune, len(b.peers), len(b.names), len(b.words), len(b.wants), len(b.departures), b.prune)
		}
	})
}

func FuzzParseRumour(f *testing.F) {
	f.Add(wire.MustMarshal(rumour{Entries: [][]byte{{1}}, Names: make([]byte, 2*nameSize), Wants: []ident.PeerID{{1}}, Prune: true}))
	f.Add(wire.MustMarshal(rumour{Departures: []oldNews{{Raw: []byte{1}, Left: 5}}, Suspicions: [][]byte{{2}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRumour(b)
		if err != nil {
			return
		}
		var again names
		for i := range r.Names.len() {
			again = again.add(r.Names.at(i))
		}
		if !bytes.Equal(again, r.Names) {
			t.Error("names are not what was sent")
		}
	})
}

func FuzzParseSuspicion(f *testing.F) {
	key := testKey(1)
	s, err := SignSuspicion(testNetwork, testKey(2).PeerID(), Version{1, 2}, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Raw())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := ParseSuspicion(raw); err == nil && (!bytes.Equal(s.Raw(), raw) || s.Accuser == s.Suspect) {
			t.Error("a suspicion does not keep its bytes, or suspects its accuser")
		}
		if len(raw) > ident.SignatureSize { // what a valid signature may cover
			body := raw[ident.SignatureSize:]
			if s, err := ParseSuspicion(append(key.Sign(suspicionDomain, body), body...)); err == nil && s.Accuser != key.PeerID() {
				t.Error("a suspicion passes for another's")
			}
		}
	})
}

// manual is a clock whose one timer fires when it is told to.
type manual struct {
	runtime.Clock
	now, at time.Duration
	f       func()
}

func (c *manual) Mono() time.Duration { return c.now }
func (c *manual) AfterFunc(_ runtime.Strand, d time.Duration, f func()) runtime.Timer {
	c.f = f
	c.Reset(d)
	return c
}
func (c *manual) Reset(d time.Duration) { c.at = c.now + d }
func (c *manual) Stop()                 { c.at = -1 }

// run lets time pass until then.
func (c *manual) run(until time.Duration) {
	for c.at >= 0 && c.at <= until {
		c.now = max(c.now, c.at)
		c.at = -1
		c.f()
	}
	c.now = until
}

func TestAgendaKeepsItsTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &manual{at: -1}
		a := &agenda{clock: c, armed: -1}
		type done struct{ due, at time.Duration }
		var got []done
		planned := 0
		var plan func(d time.Duration)
		plan = func(d time.Duration) {
			planned++
			due := c.now + d
			a.in(d, func() {
				got = append(got, done{due, c.now})
				if planned < 60 && due%3 == 0 {
					plan(due % 50) // from within, also at once
				}
			})
		}
		for range rapid.IntRange(1, 20).Draw(t, "appointments") {
			plan(time.Duration(rapid.IntRange(0, 100).Draw(t, "in")))
			c.run(c.now + time.Duration(rapid.IntRange(0, 40).Draw(t, "pass")))
		}
		c.run(10_000)
		if len(got) != planned {
			t.Fatalf("%d of %d happened", len(got), planned)
		}
		for i, d := range got {
			if d.at != d.due || i > 0 && d.at < got[i-1].at {
				t.Fatalf("due at %d, happened at %d", d.due, d.at)
			}
		}
		plan(5)
		a.stop()
		plan(5)
		c.run(20_000)
		if len(got) != planned-2 {
			t.Fatal("something happened after the stop")
		}
	})
}

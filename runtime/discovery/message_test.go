package discovery

import (
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
	"pgregory.net/rapid"
)

func TestOutboxSendsEverythingOnceInBoundedMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		box := &outbox{budget: maxExchangeBytes, turn: true}
		sizes := rapid.SliceOfN(rapid.IntRange(1, hardLimits.Bytes), 0, 40).Draw(t, "sizes")
		for i, size := range sizes {
			raw := make([]byte, size)
			raw[0] = byte(i)
			box.peers = append(box.peers, &Peer{raw: raw})
		}
		departures := rapid.IntRange(0, 2000).Draw(t, "departures")
		for range departures {
			box.departures = append(box.departures, oldNews{Raw: make([]byte, 160), Left: 1 << 30})
		}
		entries, last := 0, false
		for b := box.next(false); b != nil; b = box.next(false) {
			if last {
				t.Fatal("a message follows the last one")
			}
			if len(b) > wire.MaxControl {
				t.Fatalf("message of %d bytes, want at most %d", len(b), wire.MaxControl)
			}
			m, err := parseMessage(b)
			if err != nil {
				t.Fatal(err)
			}
			for _, raw := range m.Entries {
				if int(raw[0]) != entries || len(raw) != sizes[entries] {
					t.Fatalf("entry %d is not the next one", entries)
				}
				entries++
			}
			departures -= len(m.Departures)
			last = m.Last
		}
		if !last || entries != len(sizes) || departures != 0 {
			t.Fatalf("last %v, %d of %d entries, %d departures missing", last, entries, len(sizes), departures)
		}
	})
}

func TestOutboxStopsAtItsBudget(t *testing.T) {
	box := &outbox{budget: 3 * 1000, turn: true}
	for range 10 {
		box.addPeer(&Peer{raw: make([]byte, 1000-itemRoom)})
	}
	m, err := parseMessage(box.next(false))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Entries) != 3 || !m.Last || box.next(false) != nil {
		t.Errorf("got %d entries, last %v; want 3 and the last message", len(m.Entries), m.Last)
	}
}

func TestFloorDetectsDamage(t *testing.T) {
	good := encodeFloor(1_900_000_000_123)
	if got, ok := decodeFloor(good); !ok || got != 1_900_000_000_123 {
		t.Errorf("got %d, %v", got, ok)
	}
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 4
		if got, ok := decodeFloor(bad); ok || got != 0 {
			t.Errorf("byte %d changed: got %d, %v; want nothing", i, got, ok)
		}
	}
	if _, ok := decodeFloor(encodeFloor(maxVersion)); ok {
		t.Error("a floor that leaves no version passes")
	}
}

func TestTombstonesEndAndAreBounded(t *testing.T) {
	graves := newTombstones(16)
	dep := func(n byte, started int64) *Departure {
		return &Departure{Peer: ident.PeerID{n}, Version: Version{started, started}}
	}
	graves.put(dep(1, 5), 0, time.Second, true)
	graves.put(dep(1, 7), 0, 3*time.Second, true)
	if !graves.ends(ident.PeerID{1}, Version{7, 9}, 2*time.Second) || graves.ends(ident.PeerID{1}, Version{8, 8}, 0) {
		t.Error("a departure of run 7 must end run 7 and nothing later")
	}
	if left := graves.held[ident.PeerID{1}].news(time.Second).left(); left != 2*time.Second {
		t.Errorf("%s are left, want two seconds", left)
	}
	if graves.ends(ident.PeerID{1}, Version{7, 9}, 3*time.Second) {
		t.Error("a departure is remembered beyond its time")
	}
	full := newTombstones(16)
	full.put(dep(1, 1), 0, time.Hour, true)
	for n := range byte(16) {
		full.put(dep(2+n, 1), time.Duration(n/15)*time.Minute, time.Second, true) // the last when the others are over
	}
	if !full.ends(ident.PeerID{1}, Version{1, 1}, time.Minute) || len(full.held) != 2 {
		t.Errorf("%d departures held, want the two that are not over", len(full.held))
	}
	for n := range byte(100) {
		graves.put(dep(n, 1), 0, time.Minute, true)
		if len(graves.held) > 16 || len(graves.known.order) > 16 {
			t.Fatalf("%d departures held, want at most 16", len(graves.held))
		}
		if !graves.ends(ident.PeerID{n}, Version{1, 1}, 0) {
			t.Fatalf("departure %d made room for itself", n)
		}
	}
	held := len(graves.held)
	for n := range byte(100) {
		graves.put(dep(100+n, 1), 0, time.Minute, false)
		if len(graves.held) > held+8 {
			t.Fatalf("%d departures of strangers held, want at most 8", len(graves.held)-held)
		}
	}
	if !graves.ends(ident.PeerID{99}, Version{1, 1}, 0) {
		t.Error("departures of strangers crowd out those of peers")
	}
	if graves.sweep(time.Hour); len(graves.held)+len(graves.known.order)+len(graves.heard.order) != 0 {
		t.Error("something is left after its time")
	}
}

func TestEndpointsReadWhatTheyPrint(t *testing.T) {
	id := testKey(1).PeerID().String()
	for _, s := range []string{id + "@127.0.0.1:4701", id + "@[::1]:1", id + "@node-1.example.com:65535", id + "@10.0.0.1:1,10.0.0.2:2"} {
		e, err := ParseEndpoint(s)
		if err != nil {
			t.Fatal(err)
		}
		if e.String() != s {
			t.Errorf("got %q, want %q", e.String(), s)
		}
	}
	for s, want := range map[string]string{
		"":                               "no @",
		id:                               "no @",
		"abc@10.0.0.1:1":                 "64 hexadecimal digits",
		id + "@10.0.0.1":                 "missing port",
		id + "@10.0.0.1:":                "port",
		id + "@10.0.0.1:0":               "port",
		id + "@10.0.0.1:65536":           "port",
		id + "@10.0.0.1:http":            "port",
		id + "@:4701":                    "neither a name nor an IP address",
		id + "@::1:4701":                 "too many colons",
		id + "@a b:4701":                 "neither a name nor an IP address",
		id + "@10.0.0.1:1,":              "missing port",
		strings.Repeat("0", 64) + "@h:1": "zero",
	} {
		if _, err := ParseEndpoint(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want something about %q", s, err, want)
		}
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add(wire.MustMarshal(message{Spans: []summary{{Print: make([]byte, printSize)}}}))
	f.Add(wire.MustMarshal(message{Lists: []listing{{Held: make(names, nameSize)}}, Wants: []ident.PeerID{{1}}, Last: true}))
	f.Add(wire.MustMarshal(message{Entries: [][]byte{{1}}, Departures: []oldNews{{Raw: []byte{1}, Left: 5}}, Last: true}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err != nil {
			return
		}
		for _, s := range m.Spans {
			if len(s.Print) != printSize {
				t.Error("a fingerprint of another length passes")
			}
		}
		for _, l := range m.Lists {
			for i := range l.Held.len() {
				if i > 0 && l.Held.at(i).Peer.Compare(l.Held.at(i-1).Peer) <= 0 {
					t.Error("a list out of order passes")
				}
			}
		}
	})
}

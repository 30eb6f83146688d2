package discovery

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
	"pgregory.net/rapid"
)

var testNetwork = ident.Network("test")

func testKey(n byte) ident.Key { return ident.KeyFromSeed([ident.KeySize]byte{n, 1}) }

func testEntry(key ident.Key, v Version) *Entry {
	return &Entry{Protocol: EntryProtocol, Network: testNetwork, Peer: key.PeerID(), Version: v, Addrs: []string{"10.0.0.1:4700"}}
}

func mustSign(t testing.TB, e *Entry, key ident.Key) *Signed {
	t.Helper()
	s, err := Sign(e, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drawEntry draws an entry that is within the default limits.
func drawEntry(t *rapid.T, key ident.Key) *Entry {
	names := rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,8}`), 0, 12)
	e := testEntry(key, Version{Started: 1, Updated: rapid.Int64Range(1, maxVersion-1).Draw(t, "updated")})
	for _, n := range names.Draw(t, "tags") {
		e.Tags = append(e.Tags, ident.NewTag(n))
	}
	var streams []ident.StreamID
	for _, n := range names.Draw(t, "streams") {
		streams = append(streams, ident.Stream(n))
	}
	for _, n := range rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,8}`), 0, 4).Draw(t, "tickets") {
		e.Tickets = append(e.Tickets, ticket.Ticket{Class: ticket.NewClass("c"), Data: []byte(n)})
	}
	e.Tags = sortedSet(e.Tags, ident.Tag.Compare)
	e.Streams = prefixes(sortedSet(streams, ident.StreamID.Compare))
	e.Tickets = cloneTickets(e.Tickets)
	return e
}

func TestEntrySurvivesSigningAndParsing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := testKey(byte(rapid.IntRange(0, 255).Draw(t, "key")))
		want := drawEntry(t, key)
		s, err := Sign(want, key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(s.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got.Entry, want, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("entry changed (-got +want):\n%s", diff)
		}
		for _, s := range want.Streams {
			if !got.Entry.HasStream(ident.StreamID(append(s[:], make([]byte, ident.Size-prefixSize)...))) {
				t.Fatalf("stream %s is missing", s)
			}
		}
		if got.Entry.HasStream(ident.Stream("UPPER")) || got.Entry.HasTag(ident.NewTag("UPPER")) {
			t.Fatal("entry has what nobody put there")
		}
	})
}

func TestAnyChangedByteIsRefused(t *testing.T) {
	key := testKey(1)
	e := testEntry(key, Version{Started: 5, Updated: 9})
	e.Tags = []ident.Tag{ident.NewTag("a")}
	raw := mustSign(t, e, key).Raw
	for i := range raw {
		forged := bytes.Clone(raw)
		forged[i] ^= 1
		if _, err := Parse(forged); err == nil {
			t.Errorf("byte %d of %d may be changed", i, len(raw))
		}
	}
	for n := range len(raw) {
		if _, err := Parse(raw[:n]); err == nil {
			t.Errorf("the first %d of %d bytes pass", n, len(raw))
		}
	}
}

func TestFieldsOfLaterVersionsSurvive(t *testing.T) {
	key := testKey(1)
	peer := key.PeerID()
	body := wire.MustMarshal(map[int]any{
		1: 7, 2: testNetwork[:], 3: peer[:], 4: 1, 5: 2, 99: "a field of tomorrow",
	})
	raw := append(key.Sign(entryDomain, body), body...)
	s, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.Raw, raw) || s.Entry.Protocol != 7 {
		t.Errorf("got protocol %d and %d bytes, want 7 and the same %d bytes", s.Entry.Protocol, len(s.Raw), len(raw))
	}
}

func TestEntriesThatNoNodeSignsAreRefused(t *testing.T) {
	key, peer := testKey(1), testKey(1).PeerID()
	a, b := ident.NewTag("a"), ident.NewTag("b")
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	base := func() entryBody {
		return entryBody{Protocol: 1, Network: testNetwork[:], Peer: peer[:], Started: 1, Updated: 2}
	}
	cases := []struct {
		name   string
		change func(*entryBody)
		want   error
	}{
		{"no protocol", func(e *entryBody) { e.Protocol = 0 }, ErrMalformed},
		{"short network", func(e *entryBody) { e.Network = e.Network[:31] }, ErrMalformed},
		{"long peer", func(e *entryBody) { e.Peer = append(bytes.Clone(e.Peer), 0) }, ErrMalformed},
		{"another peer", func(e *entryBody) { p := testKey(2).PeerID(); e.Peer = p[:] }, ErrSignature},
		{"started after updated", func(e *entryBody) { e.Started = 3 }, ErrMalformed},
		{"no version", func(e *entryBody) { e.Started, e.Updated = 0, 0 }, ErrMalformed},
		{"version at the bound", func(e *entryBody) { e.Updated = maxVersion }, ErrMalformed},
		{"tags reversed", func(e *entryBody) { e.Tags = [][]byte{b[:], a[:]} }, ErrMalformed},
		{"tag twice", func(e *entryBody) { e.Tags = [][]byte{a[:], a[:]} }, ErrMalformed},
		{"short stream", func(e *entryBody) { e.Streams = make([]byte, 12) }, ErrMalformed},
		{"streams reversed", func(e *entryBody) { e.Streams = []byte{0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1} }, ErrMalformed},
		{"stream twice", func(e *entryBody) { e.Streams = make([]byte, 16) }, ErrMalformed},
		{"short ticket class", func(e *entryBody) { e.Tickets = []ticketBody{{Class: []byte{1}}} }, ErrMalformed},
		{"host name", func(e *entryBody) { e.Addrs = []string{"example.com:1"} }, ErrAddress},
		{"port 0", func(e *entryBody) { e.Addrs = []string{"10.0.0.1:0"} }, ErrAddress},
		{"unspecified", func(e *entryBody) { e.Addrs = []string{"0.0.0.0:1"} }, ErrAddress},
		{"multicast", func(e *entryBody) { e.Addrs = []string{"224.0.0.1:1"} }, ErrAddress},
		{"zone", func(e *entryBody) { e.Addrs = []string{"[fe80::1%eth0]:1"} }, ErrAddress},
		{"address twice", func(e *entryBody) { e.Addrs = []string{"10.0.0.1:1", "10.0.0.1:1"} }, ErrMalformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := base()
			c.change(&e)
			body := wire.MustMarshal(e)
			if _, err := Parse(append(key.Sign(entryDomain, body), body...)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	body := wire.MustMarshal(base())
	if _, err := Parse(append(key.Sign(departureDomain, body), body...)); !errors.Is(err, ErrSignature) {
		t.Errorf("signature of another domain: got %v, want %v", err, ErrSignature)
	}
	if _, err := Parse(append(key.Sign(entryDomain, body), body...)); err != nil {
		t.Errorf("the unchanged entry: %v", err)
	}
}

func TestEachLimitHasItsError(t *testing.T) {
	key := testKey(1)
	cases := []struct {
		what string
		fill func(*Entry)
	}{
		{"tags", func(e *Entry) { e.Tags = make([]ident.Tag, 65) }},
		{"streams", func(e *Entry) { e.Streams = make([]ident.StreamPrefix, 257) }},
		{"tickets", func(e *Entry) { e.Tickets = make([]ticket.Ticket, 9) }},
		{"addresses", func(e *Entry) { e.Addrs = make([]string, 9) }},
		{"ticket bytes", func(e *Entry) { e.Tickets = []ticket.Ticket{{Data: make([]byte, 2049)}} }},
	}
	for _, c := range cases {
		e := testEntry(key, Version{1, 1})
		c.fill(e)
		var got *LimitError
		if err := defaultLimits.check(e, 100); !errors.As(err, &got) || got.What != c.what || got.Have != got.Max+1 {
			t.Errorf("%s: got %v", c.what, err)
		}
	}
	var got *LimitError
	if _, err := Parse(make([]byte, hardLimits.Bytes+1)); !errors.As(err, &got) || got.What != "bytes" {
		t.Errorf("oversized entry: got %v, want a limit of bytes", err)
	}
	if err := hardLimits.validate(); err != nil {
		t.Errorf("the hard limits are refused: %v", err)
	}
	if err := (Limits{Tags: 257, Bytes: -1}).validate(); err == nil {
		t.Error("limits out of range pass")
	}
}

func TestSigningNeedsThePeersKey(t *testing.T) {
	if _, err := Sign(testEntry(testKey(1), Version{1, 1}), testKey(2)); err == nil {
		t.Error("another peer's entry was signed")
	}
}

func TestVersionsOrderByRunThenUpdate(t *testing.T) {
	ascending := []Version{{1, 1}, {1, 9}, {2, 2}, {2, 3}, {10, 10}}
	for i, v := range ascending {
		for j, w := range ascending {
			if got := v.Compare(w); got != cmpInt(i, j) {
				t.Errorf("%s to %s: got %d, want %d", v, w, got, cmpInt(i, j))
			}
		}
	}
	if got, want := (Version{5, 9}).next(3), (Version{5, 10}); got != want {
		t.Errorf("with the clock behind: got %s, want %s", got, want)
	}
	if got, want := (Version{5, 9}).next(30), (Version{5, 30}); got != want {
		t.Errorf("with the clock ahead: got %s, want %s", got, want)
	}
}

func cmpInt(i, j int) int {
	switch {
	case i < j:
		return -1
	case i > j:
		return 1
	}
	return 0
}

func TestDepartureSurvivesSigningAndParsing(t *testing.T) {
	key := testKey(3)
	want, err := SignDeparture(testNetwork, Version{10, 20}, key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseDeparture(want.Raw())
	if err != nil {
		t.Fatal(err)
	}
	if got.Network != testNetwork || got.Peer != key.PeerID() || got.Version != want.Version {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for i := range want.Raw() {
		forged := bytes.Clone(want.Raw())
		forged[i] ^= 1
		if _, err := ParseDeparture(forged); err == nil {
			t.Errorf("byte %d may be changed", i)
		}
	}
	for v, ends := range map[Version]bool{{9, 9}: true, {10, 10}: true, {10, 99}: true, {11, 11}: false} {
		if got.Ends(v) != ends {
			t.Errorf("departure of run 10 ends %s: got %v, want %v", v, !ends, ends)
		}
	}
}

func TestVerifierRemembersExactBytesAndIsBounded(t *testing.T) {
	v := NewVerifier(8).(*verifier)
	key := testKey(1)
	first := mustSign(t, testEntry(key, Version{1, 1}), key).Raw
	a, err := v.Verify(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Verify(bytes.Clone(first))
	if err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Error("equal bytes were verified twice")
	}
	forged := bytes.Clone(first)
	forged[3] ^= 1
	for range 2 {
		if _, err := v.Verify(forged); !errors.Is(err, ErrSignature) {
			t.Errorf("forged bytes: got %v, want %v", err, ErrSignature)
		}
	}
	for i := range int64(100) {
		raw := mustSign(t, testEntry(key, Version{1, i + 2}), key).Raw
		if _, err := v.Verify(raw); err != nil {
			t.Fatal(err)
		}
		if n := len(v.young) + len(v.old); n > 8 {
			t.Fatalf("remembers %d entries, want at most 8", n)
		}
		if again, err := v.Verify(first); err != nil || again != a {
			t.Fatalf("what is asked for all the while was verified anew after %d others (%v)", i+1, err)
		}
	}
}

func TestVerifierRemembersSuspicionsThatAreRightAndIsBounded(t *testing.T) {
	v := NewVerifier(8).(*verifier)
	key, suspect := testKey(1), testKey(2).PeerID()
	word := func(i int64) *Suspicion {
		s, err := SignSuspicion(testNetwork, suspect, Version{1, i}, key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := word(1)
	if err := v.verifyWord(first); err != nil {
		t.Fatal(err)
	}
	moved := *first // what a memory says needs no accuser
	moved.Accuser = suspect
	if err := v.verifyWord(&moved); err != nil {
		t.Errorf("equal bytes were verified twice: %v", err)
	}
	forged := *first
	forged.raw = bytes.Clone(first.raw)
	forged.raw[3] ^= 1
	for range 2 {
		if err := v.verifyWord(&forged); !errors.Is(err, ErrSignature) {
			t.Errorf("forged bytes: got %v, want %v", err, ErrSignature)
		}
	}
	for i := range int64(100) {
		if err := v.verifyWord(word(i + 2)); err != nil {
			t.Fatal(err)
		}
		if n := len(v.words) + len(v.oldWords); n > 8 {
			t.Fatalf("remembers %d suspicions, want at most 8", n)
		}
	}
	if err := v.verifyWord(&moved); !errors.Is(err, ErrSignature) {
		t.Errorf("what was long forgotten: got %v, want %v", err, ErrSignature)
	}
}

func FuzzParse(f *testing.F) {
	key := testKey(1)
	e := testEntry(key, Version{1, 2})
	e.Tags = []ident.Tag{ident.NewTag("a")}
	e.Tickets = []ticket.Ticket{{Class: ticket.NewClass("c"), Data: []byte("d")}}
	f.Add(mustSign(f, e, key).Raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := Parse(raw); err == nil && !bytes.Equal(s.Raw, raw) {
			t.Error("an entry does not keep its bytes")
		}
		if len(raw) > ident.SignatureSize { // what a valid signature may cover
			body := raw[ident.SignatureSize:]
			if s, err := Parse(append(key.Sign(entryDomain, body), body...)); err == nil && s.Entry.Peer != key.PeerID() {
				t.Error("an entry passes for another peer's")
			}
		}
	})
}

func FuzzParseDeparture(f *testing.F) {
	key := testKey(1)
	d, err := SignDeparture(testNetwork, Version{1, 2}, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(d.Raw())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if d, err := ParseDeparture(raw); err == nil && !bytes.Equal(d.Raw(), raw) {
			t.Error("a departure does not keep its bytes")
		}
	})
}

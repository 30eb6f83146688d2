package discovery

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/smalti/smalti/internal/golden"
	"github.com/smalti/smalti/internal/next"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// goldens are what is signed in the files, by keys that never change.
type goldens struct {
	entry      *Signed
	departure  *Departure
	suspicion  *Suspicion
	next       *Signed // the same three, as the next version signs them
	departing  *Departure
	suspecting *Suspicion
}

func newGoldens(t *testing.T) (g goldens) {
	t.Helper()
	key, v := testKey(1), Version{Started: 1_900_000_000_000, Updated: 1_900_000_000_123}
	e := &Entry{
		Protocol: EntryProtocol, Network: testNetwork, Peer: key.PeerID(), Version: v,
		Addrs:   []string{"192.0.2.1:4700", "[2001:db8::1]:4700"},
		Tags:    sortedSet([]ident.Tag{ident.NewTag("gold"), ident.NewTag("silver")}, ident.Tag.Compare),
		Streams: prefixes(sortedSet([]ident.StreamID{ident.Stream("prices"), ident.Stream("quotes")}, ident.StreamID.Compare)),
		Tickets: []ticket.Ticket{{Class: ticket.NewClass("example.com/ticket/1"), Data: []byte("let me in")}},
	}
	var errs [5]error
	g.entry = mustSign(t, e, key)
	g.departure, errs[0] = SignDeparture(testNetwork, v, key)
	g.suspicion, errs[1] = SignSuspicion(testNetwork, testKey(2).PeerID(), v, key)
	g.next, errs[2] = Parse(next.Resign(g.entry.Raw, entryDomain, key))
	g.departing, errs[3] = ParseDeparture(next.Resign(g.departure.Raw(), departureDomain, key))
	g.suspecting, errs[4] = ParseSuspicion(next.Resign(g.suspicion.Raw(), suspicionDomain, key))
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// reads compares what a decoder gives.
func reads[T any](parse func([]byte) (*T, error), want *T) func(*testing.T, []byte) {
	return func(t *testing.T, b []byte) {
		t.Helper()
		got, err := parse(b)
		if err != nil {
			t.Fatal(err)
		}
		opts := cmp.Options{cmpopts.EquateEmpty(), cmp.AllowUnexported(summary{}, listing{}), cmpopts.IgnoreUnexported(Signed{}, Departure{}, Suspicion{})}
		if diff := cmp.Diff(got, want, opts); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
	}
}

// isAnswered wants a ping answered with the entry.
func isAnswered(t *testing.T, b []byte) {
	node, l := newBed(t, nil), &wired{}
	(&answer{w: node.worker, link: l}).OnMessage(b)
	if diff := cmp.Diff(l.said, [][]byte{node.worker.signed(node.self).raw}); diff != "" {
		t.Errorf("answer (-got +want):\n%s", diff)
	}
}

func TestMessagesKeepTheirBytes(t *testing.T) {
	g := newGoldens(t)
	extended := *g.entry // what this version reads of what the next one signs
	extended.Raw = g.next.Raw
	golden.Covered(t, *g.entry.Entry)
	golden.Covered(t, Departure{Network: g.departure.Network, Peer: g.departure.Peer, Version: g.departure.Version, raw: g.departure.raw})
	golden.Check(t, append(g.messages(t),
		golden.Message{Name: "entry", Bytes: g.entry.Raw, Read: reads(Parse, g.entry)},
		golden.Message{Name: "entry-next", Bytes: g.next.Raw, Read: reads(Parse, &extended)},
		golden.Message{Name: "departure", Bytes: g.departure.Raw(), Read: reads(ParseDeparture, g.departure)},
		golden.Message{Name: "departure-next", Bytes: g.departing.Raw(), Read: reads(ParseDeparture, g.departure)},
		golden.Message{Name: "suspicion", Bytes: g.suspicion.Raw(), Read: reads(ParseSuspicion, g.suspicion)},
		golden.Message{Name: "suspicion-next", Bytes: g.suspecting.Raw(), Read: reads(ParseSuspicion, g.suspicion)},
		golden.Message{Name: "ping", Bytes: []byte{pingVersion}, Read: isAnswered},
		golden.Message{Name: "ping-next", Bytes: []byte{pingVersion, next.Kind}, Read: isAnswered},
	)...)
}

// messages are the links' messages, each with one field, and as the next version
// sends them.
func (g goldens) messages(t *testing.T) (list []golden.Message) {
	t.Helper()
	peer := testKey(2).PeerID()
	news := oldNews{Raw: g.departure.Raw(), Left: 300_000}
	held := g.entry.peer.holding()
	syncs := []struct {
		name string
		message
	}{
		{"ranges", message{Spans: []summary{{span{ident.PeerID{1}, &ident.PeerID{2}}, 41, bytes.Repeat([]byte{7}, printSize)}, {span{Lo: ident.PeerID{3}}, 0, make([]byte, printSize)}}}},
		{"lists", message{Lists: []listing{{span{ident.PeerID{}, &ident.PeerID{0xff}}, names(nil).add(held)}}}},
		{"wants", message{Wants: []ident.PeerID{peer}}},
		{"entries", message{Entries: [][]byte{g.entry.Raw}}},
		{"departures", message{Departures: []oldNews{news}}},
		{"suspicions", message{Suspicions: [][]byte{g.suspicion.Raw()}}},
		{"last", message{Last: true}},
	}
	var all []message
	for _, m := range syncs {
		b := wire.MustMarshal(m.message)
		list = append(list,
			golden.Message{Name: "sync-" + m.name, Bytes: b, Read: reads(parseMessage, &m.message)},
			golden.Message{Name: "sync-" + m.name + "-next", Bytes: next.Extend(b), Read: reads(parseMessage, &m.message)})
		all = append(all, m.message)
	}
	golden.Covered(t, all...)
	rumours := []struct {
		name string
		rumour
	}{
		{"entries", rumour{Entries: [][]byte{g.entry.Raw}}},
		{"departures", rumour{Departures: []oldNews{news}}},
		{"suspicions", rumour{Suspicions: [][]byte{g.suspicion.Raw()}}},
		{"names", rumour{Names: names(nil).add(held)}},
		{"wants", rumour{Wants: []ident.PeerID{peer}}},
		{"prune", rumour{Prune: true}},
	}
	var told []rumour
	for _, r := range rumours {
		b := wire.MustMarshal(r.rumour)
		list = append(list,
			golden.Message{Name: "gossip-" + r.name, Bytes: b, Read: reads(parseRumour, &r.rumour)},
			golden.Message{Name: "gossip-" + r.name + "-next", Bytes: next.Extend(b), Read: reads(parseRumour, &r.rumour)})
		told = append(told, r.rumour)
	}
	golden.Covered(t, told...)
	return append(list,
		golden.Message{Name: "sync-unknown", Bytes: next.Unknown(), Read: reads(parseMessage, &message{})},
		golden.Message{Name: "gossip-unknown", Bytes: next.Unknown(), Read: reads(parseRumour, &rumour{})})
}

// What the next version signed goes on as the bytes that came.
func TestUnknownFieldsArePassedOn(t *testing.T) {
	g := newGoldens(t)
	b := newBed(t, func(b *bed, _ *Config) { b.key = testKey(9) })
	b.wall = time.UnixMilli(g.entry.Entry.Version.Updated)
	w := b.worker
	if err := b.hear(g.next.Raw, ident.PeerID{7}); err != nil {
		t.Fatal(err)
	}
	told := bag{peers: []*Peer{w.signed(testKey(1).PeerID())}}
	if err := b.hearDeparture(g.departing, time.Minute); err != nil {
		t.Fatal(err)
	}
	told.departures = []oldNews{w.tombstones.held[testKey(1).PeerID()].news(b.mono)}
	told.words = []*Suspicion{g.suspecting}
	messages := told.messages()
	if len(messages) != 1 {
		t.Fatalf("%d messages, want 1", len(messages))
	}
	r, err := parseRumour(messages[0])
	if err != nil {
		t.Fatal(err)
	}
	got := [][]byte{r.Entries[0], r.Departures[0].Raw, r.Suspicions[0]}
	if diff := cmp.Diff(got, [][]byte{g.next.Raw, g.departing.Raw(), g.suspecting.Raw()}); diff != "" {
		t.Errorf("passed on (-got +want):\n%s", diff)
	}
}

func TestUnknownMessagesArePassedOverAndToldOf(t *testing.T) {
	b := newBed(t, nil)
	marks := func() int { return b.marked("discovery-unknown-rumour") }
	n := &neighbour{w: b.worker} // without a link that it could close
	hear := func(m []byte) {
		r, err := parseRumour(m)
		if err != nil {
			t.Fatal(err)
		}
		n.told(r)
	}
	hear(wire.MustMarshal(rumour{Names: names(nil).add(holding{Peer: b.self})}))
	if got := marks(); got != 0 {
		t.Errorf("%d marks for a message that is known", got)
	}
	for range 100 {
		hear(next.Unknown())
	}
	if got := marks(); got != unknownBurst {
		t.Errorf("%d marks for a hundred at once, want %d", got, unknownBurst)
	}
	b.mono += unknownEvery
	hear(next.Unknown())
	hear(next.Unknown())
	if got := marks(); got != unknownBurst+1 {
		t.Errorf("%d marks a second later, want %d", got, unknownBurst+1)
	}
}

func TestNodeMaySignMoreThanThisVersionKnows(t *testing.T) {
	b := newBed(t, func(_ *bed, c *Config) {
		c.Sign = func(e *Entry, key ident.Key) (*Signed, error) {
			s, err := Sign(e, key)
			if err != nil {
				return nil, err
			}
			return Parse(next.Resign(s.Raw, entryDomain, key))
		}
	})
	must(b.AddStream(ident.Stream("prices")))
	b.run()
	p, _ := b.Catalog().Get(b.self)
	if !next.Extended(p.Signed()[ident.SignatureSize:]) || !p.Entry.HasStream(ident.Stream("prices")) {
		t.Errorf("the entry is %x", p.Signed())
	}
	other := newBed(t, func(b *bed, _ *Config) { b.key = testKey(2) })
	if err := other.hear(p.Signed(), ident.PeerID{7}); err != nil {
		t.Fatal(err)
	}
	q, _ := other.Catalog().Get(b.self)
	if diff := cmp.Diff(q.Signed(), p.Signed()); diff != "" || q.mark != p.mark {
		t.Errorf("another node holds (-got +want):\n%s", diff)
	}
}

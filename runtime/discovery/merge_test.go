package discovery

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
	"pgregory.net/rapid"
)

func TestOnlyStrictlyNewerEntriesReplace(t *testing.T) {
	b := newBed(t, nil)
	key := testKey(2)
	for i, c := range []struct {
		delta time.Duration
		taken bool
	}{{-10 * time.Second, true}, {-10 * time.Second, false}, {-20 * time.Second, false}, {-5 * time.Second, true}} {
		before, _ := b.Catalog().Get(key.PeerID())
		tag := ident.NewTag(string(rune('a' + i)))
		if err := b.hear(b.signed(key, c.delta, func(e *Entry) { e.Tags = []ident.Tag{tag} }), key.PeerID()); err != nil {
			t.Fatal(err)
		}
		after, _ := b.Catalog().Get(key.PeerID())
		if taken := after != before; taken != c.taken {
			t.Errorf("step %d: taken %v, want %v", i, taken, c.taken)
		}
	}
	if d, u := b.count(event.PeerDiscovered, key.PeerID()), b.count(event.PeerUpdated, key.PeerID()); d != 1 || u != 1 {
		t.Errorf("got %d discoveries and %d updates, want one of each", d, u)
	}
}

func TestWhatMayNotEnterIsRefusedAndReported(t *testing.T) {
	key := testKey(2)
	cases := []struct {
		name string
		raw  func(b *bed) []byte
		want error
	}{
		{"from the future", func(b *bed) []byte { return b.signed(key, 50*time.Second+time.Millisecond, nil) }, ErrDrift},
		{"of another network", func(b *bed) []byte {
			return b.signed(key, 0, func(e *Entry) { e.Network = ident.Network("other") })
		}, wire.DifferentNetwork},
		{"at a loopback address", func(b *bed) []byte {
			return b.signed(key, 0, func(e *Entry) { e.Addrs = []string{"127.0.0.1:1"} })
		}, ErrAddress},
		{"with a changed byte", func(b *bed) []byte {
			raw := bytes.Clone(b.signed(key, 0, nil))
			raw[len(raw)-1] ^= 1
			return raw
		}, ErrSignature},
		{"that is no entry", func(*bed) []byte { return make([]byte, 200) }, ErrMalformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, nil)
			if err := b.hear(c.raw(b), key.PeerID()); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if n := b.count(event.EntryRefused, key.PeerID()); n != 1 {
				t.Errorf("reported %d times, want once", n)
			}
			if n := b.Catalog().Len(); n != 1 {
				t.Errorf("catalog has %d peers, want only the node itself", n)
			}
		})
	}
	b := newBed(t, func(_ *bed, c *Config) { c.MaxPeers = 2 })
	if err := b.hear(b.signed(key, 50*time.Second, nil), key.PeerID()); err != nil {
		t.Errorf("an entry just within the drift: %v", err)
	}
	if err := b.hear(b.signed(testKey(3), 0, nil), key.PeerID()); !errors.Is(err, ErrCatalogFull) {
		t.Errorf("a third entry: got %v, want %v", err, ErrCatalogFull)
	}
}

func TestDepartureEndsItsRunHoweverOldCopiesComeBack(t *testing.T) {
	b := newBed(t, nil)
	key := testKey(2)
	peer := key.PeerID()
	at := b.wall.UnixMilli()
	old := b.signed(key, 0, nil)
	later := b.signed(key, 0, func(e *Entry) { e.Version.Updated = at + 5000 })
	if err := b.hear(old, peer); err != nil {
		t.Fatal(err)
	}
	b.worker.rtt.add(peer, runtime.RTT{Latest: ms, At: time.Second})
	stale := b.departure(key, Version{at - 1, at})
	if err := b.hearDeparture(stale, time.Minute); err != nil || b.Catalog().Len() != 2 || len(b.worker.rtt) != 1 {
		t.Fatalf("a departure of an earlier run ended this one or its round trip (%v)", err)
	}
	dep := b.departure(key, Version{at, at + 1})
	for range 2 {
		if err := b.hearDeparture(dep, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	for _, raw := range [][]byte{old, later} {
		if err := b.hear(raw, ident.PeerID{9}); err != nil {
			t.Fatal(err)
		}
	}
	if _, found := b.Catalog().Get(peer); found || len(b.worker.rtt) != 0 {
		t.Error("a departed run is still there")
	}
	if n := b.count(event.PeerDeparted, peer); n != 1 {
		t.Errorf("departure reported %d times, want once", n)
	}
	if err := b.hear(b.signed(key, time.Millisecond, nil), peer); err != nil {
		t.Fatal(err)
	}
	if _, found := b.Catalog().Get(peer); !found {
		t.Error("a node that returned is not taken")
	}
}

func TestDepartureIsRememberedAsLongAsPromised(t *testing.T) {
	b := newBed(t, nil)
	held, heard := testKey(2), testKey(3)
	at := b.wall.UnixMilli()
	if err := b.hear(b.signed(held, 0, nil), held.PeerID()); err != nil {
		t.Fatal(err)
	}
	for _, key := range []ident.Key{held, heard} {
		if err := b.hearDeparture(b.departure(key, Version{at, at + 1}), 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		mono        time.Duration
		held, heard bool // as departed
	}{{10*time.Second - 1, true, true}, {10 * time.Second, true, false}, {300*time.Second - 1, true, false}, {300 * time.Second, false, false}} {
		got := b.worker.tombstones.ends(held.PeerID(), Version{at, at}, c.mono)
		if got != c.held {
			t.Errorf("at %s the peer whose entry was held is departed: %v, want %v", c.mono, got, c.held)
		}
		if got := b.worker.tombstones.ends(heard.PeerID(), Version{at, at}, c.mono); got != c.heard {
			t.Errorf("at %s the peer that was only heard of is departed: %v, want %v", c.mono, got, c.heard)
		}
	}
}

func TestForgedOrForeignDeparturesEndNothing(t *testing.T) {
	b := newBed(t, nil)
	key := testKey(2)
	at := b.wall.UnixMilli()
	if err := b.hear(b.signed(key, 0, nil), key.PeerID()); err != nil {
		t.Fatal(err)
	}
	forged := b.departure(key, Version{at, at + 1})
	forged.raw[5] ^= 1
	foreign, err := SignDeparture(ident.Network("other"), Version{at, at + 1}, key)
	if err != nil {
		t.Fatal(err)
	}
	future := b.departure(key, Version{at, at + 50_001})
	for want, dep := range map[error]*Departure{ErrSignature: forged, wire.DifferentNetwork: foreign, ErrDrift: future} {
		if err := b.hearDeparture(dep, time.Minute); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if n := b.Catalog().Len(); n != 2 {
		t.Errorf("catalog has %d peers, want 2", n)
	}
}

func TestOwnEntryIsNeverReplacedFromOutside(t *testing.T) {
	b := newBed(t, nil)
	me := b.Me()
	older := b.signed(b.key, -time.Hour, func(e *Entry) { e.Streams = []ident.StreamPrefix{ident.Stream("old").Prefix()} })
	if err := b.hear(older, ident.PeerID{9}); err != nil || b.Me() != me {
		t.Fatalf("an older own entry changed the present one (%v)", err)
	}
	// An hour ahead: this node's clock was set back and its store is lost.
	newer := b.signed(b.key, time.Hour, func(e *Entry) { e.Streams = []ident.StreamPrefix{ident.Stream("old").Prefix()} })
	if err := b.hear(newer, ident.PeerID{9}); err != nil {
		t.Fatal(err)
	}
	theirs, err := Parse(newer)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Me(); got.Version.Started <= theirs.Entry.Version.Started || len(got.Streams) != 0 {
		t.Errorf("got version %s with %d streams, want one above %s with none", got.Version, len(got.Streams), theirs.Entry.Version)
	}
	dep := b.departure(b.key, b.Me().Version)
	if err := b.hearDeparture(dep, time.Minute); err != nil {
		t.Fatal(err)
	}
	if dep.Ends(b.Me().Version) {
		t.Errorf("version %s is ended by a departure of an earlier run", b.Me().Version)
	}
	run := b.Me().Version.Started
	twin := b.signed(b.key, 0, func(e *Entry) { e.Version = Version{run, b.Me().Version.Updated + 5} })
	if err := b.hear(twin, ident.PeerID{9}); err != nil || b.Me().Version.Started != run {
		t.Errorf("a newer entry of run %d made run %d (%v)", run, b.Me().Version.Started, err)
	}
	if floor, _ := decodeFloor(b.store[floorName]); floor != b.Me().Version.Started {
		t.Errorf("floor is %d, want %d", floor, b.Me().Version.Started)
	}
}

// Who kept an entry that this node signed while its clock was wrong, and that nobody
// took, must not lead it to where nobody follows.
func TestOneWitnessOfTheFutureIsNotEnough(t *testing.T) {
	b := newBed(t, nil)
	for n := byte(2); n < 6; n++ {
		b.member(testKey(n))
	}
	me := b.Me()
	future := b.signed(b.key, time.Hour, nil)
	tell := func(n byte) {
		if err := b.hear(future, testKey(n).PeerID()); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		tell(2)
		tell(3)
	}
	if b.Me() != me {
		t.Fatalf("two witnesses led the node to %s", b.Me().Version)
	}
	tell(4)
	if want := b.wall.Add(time.Hour).UnixMilli(); b.Me().Version.Started <= want {
		t.Errorf("version is %s after three witnesses of %d", b.Me().Version, want)
	}
	future = b.signed(b.key, 2*time.Hour, nil)
	led := b.Me()
	tell(5)
	if b.Me() != led {
		t.Errorf("the witnesses of one version led the node to %s on the word of one", b.Me().Version)
	}
}

func TestTwinsOutdoEachOtherSlowly(t *testing.T) {
	b := newBed(t, nil)
	published := func() int { return b.count(event.EntryPublished, b.key.PeerID()) }
	before := published()
	for range 100 {
		v := b.Me().Version
		v.Updated += 10
		if err := b.hear(b.signed(b.key, 0, func(e *Entry) { e.Version = v }), ident.PeerID{9}); err != nil {
			t.Fatal(err)
		}
	}
	if n := published() - before; n != outdoBurst {
		t.Errorf("published %d entries at once, want %d", n, outdoBurst)
	}
	top := b.worker.pending.Version
	b.mono += outdoEvery
	b.worker.agenda.due()
	if got := b.Me().Version; got.Compare(top) <= 0 {
		t.Errorf("version %s does not outdo %s in the end", got, top)
	}
}

func TestSameVersionOfItselfWithOtherBytesIsSuperseded(t *testing.T) {
	b := newBed(t, nil)
	v := b.Me().Version
	twin := b.signed(b.key, 0, func(e *Entry) { e.Version, e.Tags = v, []ident.Tag{ident.NewTag("twin")} })
	if err := b.hear(twin, ident.PeerID{9}); err != nil {
		t.Fatal(err)
	}
	if b.Me().Version.Compare(v) <= 0 {
		t.Errorf("version is still %s", b.Me().Version)
	}
	mine, _ := b.Catalog().Get(b.key.PeerID())
	now := b.Me().Version
	if err := b.hear(bytes.Clone(mine.raw), ident.PeerID{9}); err != nil || b.Me().Version != now {
		t.Errorf("the present own entry made version %s, want %s (%v)", b.Me().Version, now, err)
	}
}

func TestRestartSupersedesWhateverTheClockSays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		store, last := map[string][]byte{}, Version{}
		for range rapid.IntRange(2, 6).Draw(rt, "runs") {
			step := time.Duration(rapid.Int64Range(-7200, 7200).Draw(rt, "seconds")) * time.Second
			b := newBed(t, func(b *bed, _ *Config) { b.store, b.wall = store, b.wall.Add(step) })
			if ahead := last.Started > b.worker.nowMillis()+b.worker.cfg.MaxDrift.Milliseconds(); ahead {
				// Nobody may take such a version, so the node waits for who did.
				if first := b.Me().Version; first.Started != b.worker.nowMillis() {
					rt.Fatalf("run %s begins at %s", first, b.wall)
				}
				old := b.signed(b.key, 0, func(e *Entry) { e.Version = last })
				if err := b.hear(old, ident.PeerID{9}); err != nil {
					rt.Fatal(err)
				}
			}
			if first := b.Me().Version; first.Started <= last.Started {
				rt.Fatalf("run %s follows run %s", first, last)
			}
			must(b.AddStream(ident.Stream("s")))
			b.wall = b.wall.Add(-time.Hour)
			b.run()
			if next := b.Me().Version; next.Compare(last) <= 0 || !b.Me().HasStream(ident.Stream("s")) {
				rt.Fatalf("version %s follows %s", next, last)
			}
			last = b.Me().Version
		}
	})
}

func TestDamagedFloorIsNoFloor(t *testing.T) {
	b := newBed(t, func(b *bed, _ *Config) { b.store[floorName] = []byte("damaged") })
	if got, want := b.Me().Version.Started, b.wall.UnixMilli(); got != want {
		t.Errorf("started %d, want the clock's %d", got, want)
	}
}

func TestChangesThatChangeNothingPublishNothing(t *testing.T) {
	b := newBed(t, func(_ *bed, c *Config) { c.Tags = []ident.Tag{ident.NewTag("a"), ident.NewTag("a")} })
	data := []byte("d")
	me, s, tickets := b.Me(), ident.Stream("s"), []ticket.Ticket{{Class: ticket.NewClass("c"), Data: data}}
	step := func(name string, publishes int, change func()) {
		t.Helper()
		before := b.count(event.EntryPublished, b.key.PeerID())
		change()
		b.run()
		if n := b.count(event.EntryPublished, b.key.PeerID()) - before; n != publishes {
			t.Errorf("%s: published %d times, want %d", name, n, publishes)
		}
	}
	step("a tag it has", 0, func() { must(b.AddTags(ident.NewTag("a"))) })
	step("a tag it has not", 0, func() { b.RemoveTags(ident.NewTag("b")) })
	step("a stream", 1, func() { must(b.AddStream(s)) })
	step("the same stream", 0, func() { must(b.AddStream(s)) })
	step("tickets", 1, func() { must(b.SetTickets(tickets)) })
	step("the caller's slice", 0, func() { data[0] = 'x'; must(b.AddTags()) })
	step("equal tickets", 0, func() { must(b.SetTickets([]ticket.Ticket{{Class: ticket.NewClass("c"), Data: []byte("d")}})) })
	step("there and back at once", 0, func() { b.RemoveStream(s); must(b.AddStream(s)) })
	step("two at once", 1, func() { b.RemoveStream(s); must(b.AddTags(ident.NewTag("z"))) })
	step("no tickets", 1, func() { must(b.SetTickets(nil)) })
	step("a tag less", 1, func() { b.RemoveTags(ident.NewTag("a")) })
	if me.HasStream(s) || len(me.Tickets) != 0 || len(me.Tags) != 1 {
		t.Error("an entry changed after it was published")
	}
	if got := b.Me(); got.HasStream(s) || !got.HasTag(ident.NewTag("z")) || got.HasTag(ident.NewTag("a")) || len(got.Tickets) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestChangeOverTheLimitsIsRefusedAsAWhole(t *testing.T) {
	b := newBed(t, func(_ *bed, c *Config) { c.Limits.Tags = 2 })
	over := func(what string, err error) {
		t.Helper()
		if limit, ok := errors.AsType[*LimitError](err); !ok || limit.What != what {
			t.Errorf("got %v, want that the limit of %s is told", err, what)
		}
	}
	over("tags", b.AddTags(ident.NewTag("a"), ident.NewTag("b"), ident.NewTag("c")))
	must(b.AddTags(ident.NewTag("a")))
	b.run()
	if n := b.count(event.EntryRefused, b.key.PeerID()); n != 0 || len(b.Me().Tags) != 1 {
		t.Errorf("refused %d times, %d tags published; want none and 1", n, len(b.Me().Tags))
	}
	large := func(name string) ticket.Ticket {
		return ticket.Ticket{Class: ticket.NewClass(name), Data: make([]byte, ticket.DefaultData)}
	}
	over("ticket bytes", b.AddTicket(ticket.Ticket{Data: make([]byte, ticket.DefaultData+1)}))
	over("bytes", b.SetTickets([]ticket.Ticket{large("a"), large("b"), large("c"), large("d")}))
	must(b.SetTickets([]ticket.Ticket{large("a"), large("b"), large("c")}))
	over("bytes", b.AddTicket(large("d")))
	must(b.ReplaceTicket(large("c")))
	b.run()
	if len(b.Me().Tickets) != 3 {
		t.Errorf("%d tickets published, want 3", len(b.Me().Tickets))
	}
}

// What a node takes it can publish, wherever it is.
func TestWhatTheEntryHasRoomForIsPublished(t *testing.T) {
	for _, limits := range []Limits{{}, {Streams: hardLimits.Streams, Addrs: hardLimits.Addrs}, {Bytes: 1000}} {
		b := newBed(t, func(b *bed, c *Config) {
			c.Limits = limits
			b.addrs = nil
			for i := range hardLimits.Addrs {
				b.addrs = append(b.addrs, fmt.Sprintf("[2001:db80:1111:2222:3333:4444:5555:66%02x]:65535", i))
			}
		})
		var err error
		streams := 0
		for ; err == nil; streams++ {
			err = b.AddStream(ident.Stream(fmt.Sprint(streams)))
		}
		streams-- // the last one had no room
		for i := 0; i < streams; i += 2 {
			b.RemoveStream(ident.Stream(fmt.Sprint(i)))
		}
		for i := range (streams + 1) / 2 {
			must(b.AddStream(ident.Stream(fmt.Sprint("another ", i))))
		}
		b.run()
		me := b.Me()
		limit, ok := errors.AsType[*LimitError](err)
		if !ok || len(me.Streams) != streams || !me.HasStream(ident.Stream("1")) || me.HasStream(ident.Stream("2")) || b.count(event.EntryRefused, b.self) != 0 {
			t.Errorf("limits %+v: %v after %d streams; %d are published", limits, err, streams, len(me.Streams))
		}
		if want := b.worker.cfg.Limits.Streams; limits.Bytes == 0 && (streams != want || limit.What != "streams") || limits.Bytes > 0 && limit.What != "bytes" {
			t.Errorf("limits %+v: %v after %d streams, want up to %d", limits, err, streams, want)
		}
	}
}

func TestNewAddressOfTheNodeIsPublished(t *testing.T) {
	b := newBed(t, nil)
	b.addrs = []string{"10.9.9.9:1", "not an address", "10.9.9.9:1"}
	b.worker.tick()
	b.run()
	if got := b.Me().Addrs; len(got) != 1 || got[0] != "10.9.9.9:1" {
		t.Errorf("got %q, want the new address alone", got)
	}
}

func TestSubscriberHearsEachPeerOnce(t *testing.T) {
	b := newBed(t, nil)
	one, two := testKey(2), testKey(3)
	if err := b.hear(b.signed(one, 0, nil), one.PeerID()); err != nil {
		t.Fatal(err)
	}
	var batches [][]Change
	stop := b.Subscribe(b.strand, func(c []Change) { batches = append(batches, c) })
	b.run()
	if len(batches) != 1 || len(batches[0]) != 1 || batches[0][0].From != nil || batches[0][0].To.Entry.Peer != one.PeerID() {
		t.Fatalf("first batch: got %+v, want the peer that is there", batches)
	}
	must(b.AddTags(ident.NewTag("own change")))
	b.run()
	at := b.wall.UnixMilli()
	_ = b.hear(b.signed(two, 0, nil), two.PeerID())
	_ = b.hear(b.signed(two, time.Second, nil), two.PeerID())
	_ = b.hearDeparture(b.departure(one, Version{at, at + 1}), time.Minute)
	b.run()
	if len(batches) != 2 || len(batches[1]) != 2 {
		t.Fatalf("got %d batches, want 2: the own entry makes none, a busy strand gets one", len(batches))
	}
	for _, c := range batches[1] {
		switch {
		case c.Peer == one.PeerID() && (c.From == nil || c.To != nil):
			t.Errorf("the peer that left: got %+v", c)
		case c.Peer == two.PeerID() && (c.From != nil || c.To.Entry.Version.Started != at+1000):
			t.Errorf("the new peer: got %+v, want its latest entry", c)
		}
	}
	b.Sample(two.PeerID(), runtime.RTT{Latest: 5 * ms, At: time.Second})
	b.Sample(testKey(7).PeerID(), runtime.RTT{Latest: 5 * ms, At: time.Second})
	b.run()
	if len(batches) != 3 || batches[2][0].To.RTT != 5*ms {
		t.Errorf("after a round trip: got %+v", batches[2:])
	}
	stop()
	_ = b.hear(b.signed(testKey(4), 0, nil), two.PeerID())
	b.run()
	if len(batches) != 3 {
		t.Error("a batch came after the subscription ended")
	}
}

func TestBadConfigSaysAllThatIsWrong(t *testing.T) {
	err := Config{MaxPeers: -1, SyncInterval: -1, Bootstrap: []Endpoint{{}}, Limits: Limits{Tags: 1000}}.Validate()
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) != 6 {
		t.Errorf("got %v, want 6 faults", err)
	}
}

func TestAnEntryAsLargeAsTheLimitIsTaken(t *testing.T) {
	const limit = 1 << 10
	for size, fits := range map[int]bool{limit: true, limit + 1: false} {
		b := newBed(t, func(_ *bed, c *Config) { c.Limits = Limits{Bytes: limit} })
		var raw []byte
		for n := limit / 2; len(raw) < size; n++ {
			raw = b.signed(testKey(2), 0, func(e *Entry) {
				e.Tickets = []ticket.Ticket{{Class: ticket.NewClass("c"), Data: make([]byte, n)}}
			})
		}
		if err := b.hear(raw, ident.PeerID{9}); len(raw) != size || (err == nil) != fits {
			t.Errorf("entry of %d bytes, with a limit of %d: %v", len(raw), limit, err)
		}
	}
}

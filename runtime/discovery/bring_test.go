package discovery

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

func (b *bed) insert(change func(*Entry)) error {
	e := testEntry(testKey(2), Version{})
	if change != nil {
		change(e)
	}
	return b.InsertUnsigned(context.Background(), *e)
}

func TestUnsignedEntriesAreLocalAndGiveWayToSignedOnes(t *testing.T) {
	b := newBed(t, nil)
	peer := testKey(2).PeerID()
	before := b.Catalog().tally(span{}).fingerprint()
	if err := b.insert(func(e *Entry) { e.Addrs = []string{"10.9.9.9:1023"} }); !errors.Is(err, ErrAddress) {
		t.Errorf("a port that is not dialled: %v", err)
	}
	if err := b.insert(nil); err != nil {
		t.Fatal(err)
	}
	p, ok := b.Catalog().Get(peer)
	if !ok || !p.Unsigned() || p.Signed() != nil {
		t.Fatalf("got %+v, %t", p, ok)
	}
	if !bytes.Equal(b.Catalog().tally(span{}).fingerprint(), before) {
		t.Error("the fingerprint tells of it")
	}
	for _, p := range b.Catalog().within(span{}) {
		if p.Entry.Peer == peer {
			t.Error("an exchange would tell of it")
		}
	}
	if len(b.worker.news) != 0 {
		t.Error("a push would tell of it")
	}
	raw := b.signed(testKey(2), 0, nil)
	if err := b.hear(raw, peer); err != nil {
		t.Fatal(err)
	}
	if p, _ := b.Catalog().Get(peer); p.Unsigned() || string(p.Signed()) != string(raw) {
		t.Error("the signed entry did not replace it")
	}
	if err := b.insert(nil); !errors.Is(err, ErrSigned) {
		t.Errorf("unsigned over signed: %v", err)
	}
	b.RemoveUnsigned(peer)
	b.ClearUnsigned()
	b.run()
	if _, ok := b.Catalog().Get(peer); !ok {
		t.Error("a signed entry was removed")
	}
}

func TestUnsignedEntriesAreCheckedAndRemoved(t *testing.T) {
	b := newBed(t, func(_ *bed, c *Config) { c.MaxPeers = 2 })
	peer := testKey(2).PeerID()
	for what, c := range map[string]struct {
		change func(*Entry)
		want   error
	}{
		"self":            {func(e *Entry) { e.Peer = b.key.PeerID() }, ErrSelf},
		"another network": {func(e *Entry) { e.Network[0]++ }, wire.DifferentNetwork},
	} {
		if err := b.insert(c.change); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", what, err, c.want)
		}
	}
	var limit *LimitError
	if err := b.insert(func(e *Entry) { e.Addrs = make([]string, 99) }); !errors.As(err, &limit) {
		t.Errorf("too many addresses: %v", err)
	}
	if err := b.insert(nil); err != nil {
		t.Fatal(err)
	}
	if err := b.insert(func(e *Entry) { e.Addrs = []string{"10.9.9.9:1024"} }); err != nil {
		t.Errorf("a second one of the peer: %v", err)
	}
	if err := b.insert(func(e *Entry) { e.Peer = testKey(3).PeerID() }); !errors.Is(err, ErrCatalogFull) {
		t.Errorf("beyond MaxPeers: %v", err)
	}
	b.RemoveUnsigned(testKey(3).PeerID())
	b.run()
	if _, ok := b.Catalog().Get(peer); !ok {
		t.Error("another one was removed")
	}
	b.RemoveUnsigned(peer)
	b.run()
	if _, ok := b.Catalog().Get(peer); ok {
		t.Error("not removed")
	}
}

func TestFedEntriesFollowAllRules(t *testing.T) {
	b := newBed(t, nil)
	ctx := context.Background()
	raw := b.signed(testKey(2), 0, nil)
	if err := b.Feed(ctx, raw); err != nil {
		t.Fatal(err)
	}
	if p, ok := b.Catalog().Get(testKey(2).PeerID()); !ok || string(p.Signed()) != string(raw) {
		t.Error("not in the catalog")
	}
	if err := b.Feed(ctx, b.signed(testKey(2), -time.Hour, nil)); err != nil {
		t.Errorf("an old version: %v", err)
	}
	for what, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"forged":          {append([]byte{raw[0] ^ 1}, raw[1:]...), ErrSignature},
		"from the future": {b.signed(testKey(2), time.Hour, nil), ErrDrift},
		"another network": {b.signed(testKey(4), 0, func(e *Entry) { e.Network[0]++ }), wire.DifferentNetwork},
		"garbage":         {[]byte("garbage"), ErrMalformed},
	} {
		if err := b.Feed(ctx, c.raw); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", what, err, c.want)
		}
	}
}

func TestOwnTicketsChangeOneByOne(t *testing.T) {
	b := newBed(t, nil)
	one, two := ticket.NewClass("one"), ticket.NewClass("two")
	make := func(c ticket.Class, data string) ticket.Ticket { return ticket.Ticket{Class: c, Data: []byte(data)} }
	check := func(what string, changed bool, want ...ticket.Ticket) {
		t.Helper()
		before := b.Me().Version
		b.run()
		me := b.Me()
		if len(me.Tickets) != len(want) {
			t.Fatalf("%s: got %d tickets, want %d", what, len(me.Tickets), len(want))
		}
		for _, w := range want {
			found := false
			for _, h := range me.Tickets {
				found = found || h.Compare(w) == 0
			}
			if !found {
				t.Errorf("%s: %s is missing", what, w.Data)
			}
		}
		if (me.Version != before) != changed {
			t.Errorf("%s: a new version %t, want %t", what, me.Version != before, changed)
		}
	}
	must(b.AddTicket(make(one, "a")))
	must(b.AddTicket(make(one, "b")))
	must(b.AddTicket(make(two, "c")))
	check("added", true, make(one, "a"), make(one, "b"), make(two, "c"))
	must(b.AddTicket(make(one, "a")))
	must(b.AddTags())
	check("added again", false, make(one, "a"), make(one, "b"), make(two, "c"))
	b.RemoveTicket(make(one, "a").ID())
	check("removed", true, make(one, "b"), make(two, "c"))
	must(b.ReplaceTicket(make(one, "d")))
	check("replaced", true, make(one, "d"), make(two, "c"))
	b.RemoveTicketsOf(two)
	check("removed a class", true, make(one, "d"))
	b.RemoveTicketsOf(two)
	b.RemoveTicket(ticket.ID{})
	check("removed nothing", false, make(one, "d"))
}

func TestOwnEntryIsToldWhenItChangesAndOnlyThen(t *testing.T) {
	b := newBed(t, nil)
	var seen []Version
	stop := b.SubscribeSelf(b.Strand("test"), func(e *Entry) { seen = append(seen, e.Version) })
	b.run()
	if err := b.hear(b.signed(testKey(2), 0, nil), testKey(2).PeerID()); err != nil {
		t.Fatal(err)
	}
	b.run()
	must(b.AddTicket(ticket.Ticket{Data: []byte("x")}))
	b.run()
	if len(seen) != 2 || seen[1].Compare(seen[0]) <= 0 {
		t.Errorf("told of %v, want two versions", seen)
	}
	stop()
	must(b.AddTicket(ticket.Ticket{Data: []byte("y")}))
	b.run()
	if len(seen) != 2 {
		t.Error("told after stop")
	}
}

func TestRoundTripThatSettlesIsToldOnce(t *testing.T) {
	peer, rtts := testKey(2).PeerID(), tracker{}
	var told []bool
	for i := range 12 {
		latest := 100 * ms
		if i >= 6 {
			latest = 105 * ms // smoothed moves by less than a sixteenth
		}
		if _, settled, news := rtts.add(peer, runtime.RTT{Latest: latest, At: time.Duration(i) * time.Second}); news {
			told = append(told, settled)
		}
	}
	if len(told) != 2 || told[0] || !told[1] {
		t.Errorf("told %v, want a move and that it settled", told)
	}
	if _, settled, news := rtts.add(peer, runtime.RTT{Latest: time.Second, At: time.Minute}); settled || !news {
		t.Error("a move after that is not told as one")
	}
}

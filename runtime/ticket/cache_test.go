package ticket_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/ticket/tickettest"
	"github.com/smalti/smalti/runtime/wire"
	"pgregory.net/rapid"
)

// counting counts how often it is asked.
type counting struct {
	ticket.Validator
	asked *int
}

func (c counting) Validate(peer ident.PeerID, data []byte, now time.Time) (ticket.Expiration, error) {
	*c.asked++
	return c.Validator.Validate(peer, data, now)
}

// posts is a strand that runs what is posted when it is told to.
type posts struct {
	runtime.Strand
	list []func()
}

func (p *posts) Post(f func()) { p.list = append(p.list, f) }

func (p *posts) run() {
	for len(p.list) > 0 {
		f := p.list[0]
		p.list = p.list[1:]
		f()
	}
}

func TestCacheSaysWhatTheValidatorsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		deny := &ticket.DenyList{}
		one := ticket.Deny(tickettest.Validator{Issuer: issuer.PeerID()}, deny)
		two := tickettest.Validator{Issuer: second.PeerID()}
		validators := rapid.SampledFrom([][]ticket.Validator{nil, {one}, {one, two}}).Draw(t, "validators")
		cache := ticket.NewCache(validators)
		strand := &posts{}
		stop := cache.Watch(strand, func() {})
		defer stop()
		var tickets []ticket.Ticket
		for i := range 4 {
			by := []ident.Key{issuer, second}[i%2]
			to := []ident.PeerID{holder, thief}[i/3]
			tickets = append(tickets, tickettest.Issue(by, to, now.Add(time.Duration(rapid.IntRange(-3, 6).Draw(t, "end"))*time.Second/2)))
		}
		at := now
		for range 30 {
			at = at.Add(time.Duration(rapid.IntRange(-3, 4).Draw(t, "step")) * 100 * time.Millisecond)
			if rapid.IntRange(0, 9).Draw(t, "reload") == 0 {
				var ids []ticket.ID
				if rapid.Bool().Draw(t, "deny") {
					ids = append(ids, tickets[0].ID())
				}
				if err := deny.Replace(ids, nil); err != nil {
					t.Fatal(err)
				}
				strand.run()
			}
			peer := rapid.SampledFrom([]ident.PeerID{holder, thief}).Draw(t, "peer")
			list := tickets[:rapid.IntRange(0, 4).Draw(t, "tickets")]
			got, gerr := cache.Check(peer, list, at)
			want, werr := ticket.Check(peer, list, validators, at)
			if got != want || fmt.Sprint(gerr) != fmt.Sprint(werr) {
				// A refusal may stand for the rest of its second.
				if !(gerr != nil && werr == nil) {
					t.Fatalf("at %s: got %v, %v, want %v, %v", at, got, gerr, want, werr)
				}
			}
		}
	})
}

func TestCacheAsksOnceUntilSomethingChanges(t *testing.T) {
	asked := 0
	deny := &ticket.DenyList{}
	v := ticket.Deny(counting{tickettest.Validator{Issuer: issuer.PeerID()}, &asked}, deny)
	cache := ticket.NewCache([]ticket.Validator{v})
	strand := &posts{}
	changes := 0
	stop := cache.Watch(strand, func() { changes++ })
	strand.run()
	good := []ticket.Ticket{tickettest.Issue(issuer, holder, now.Add(time.Hour))}
	check := func(what string, at time.Time, want error, asks int) {
		t.Helper()
		asked = 0
		if _, err := cache.Check(holder, good, at); !errors.Is(err, want) || asked != asks {
			t.Errorf("%s: got %v after asking %d times, want %v after %d", what, err, asked, want, asks)
		}
	}
	check("first", now, nil, 1)
	check("again", now, nil, 0)
	check("later", now.Add(59*time.Minute), nil, 0)
	check("before it was judged", now.Add(-1), nil, 1)
	check("at its end", now.Add(time.Hour), wire.Expired, 1)
	if changes != 0 {
		t.Errorf("%d changes told before there was one", changes)
	}
	check("before the list is loaded", now, nil, 1)
	if err := deny.Replace([]ticket.ID{good[0].ID()}, nil); err != nil {
		t.Fatal(err)
	}
	strand.run()
	check("denied", now, wire.Revoked, 0)
	if err := deny.Replace(nil, []ident.PeerID{holder}); err != nil {
		t.Fatal(err)
	}
	strand.run()
	check("peer denied", now, wire.Revoked, 0)
	if err := deny.Replace(make([]ticket.ID, ticket.MaxDenied), make([]ident.PeerID, 1)); !errors.Is(err, ticket.ErrTooMany) {
		t.Errorf("a list that is too long: %v", err)
	}
	check("still denied", now.Add(time.Second), wire.Revoked, 0)
	if err := deny.Replace(nil, nil); err != nil {
		t.Fatal(err)
	}
	strand.run()
	check("allowed again", now.Add(time.Second), nil, 1)
	if changes != 3 {
		t.Errorf("%d changes told, want 3", changes)
	}
	stop()
	if err := deny.Replace(nil, nil); err != nil {
		t.Fatal(err)
	}
	strand.run()
	if changes != 3 {
		t.Error("a change was told after stop")
	}
}

func TestChangeBeforeTheFirstDeliveryIsNotLost(t *testing.T) {
	deny := &ticket.DenyList{}
	cache := ticket.NewCache([]ticket.Validator{ticket.Deny(tickettest.Validator{Issuer: issuer.PeerID()}, deny)})
	good := []ticket.Ticket{tickettest.Issue(issuer, holder, now.Add(time.Hour))}
	strand := &posts{}
	changes := 0
	defer cache.Watch(strand, func() { changes++ })()
	if _, err := cache.Check(holder, good, now); err != nil {
		t.Fatal(err)
	}
	if err := deny.Replace(nil, []ident.PeerID{holder}); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Check(holder, good, now); !errors.Is(err, wire.Revoked) {
		t.Errorf("before the change was delivered: got %v, want %v", err, wire.Revoked)
	}
	if strand.run(); changes != 1 {
		t.Errorf("%d changes told, want 1", changes)
	}
}

func TestCacheIsBounded(t *testing.T) {
	asked := 0
	cache := ticket.NewCache([]ticket.Validator{counting{tickettest.Validator{Issuer: issuer.PeerID()}, &asked}})
	good := []ticket.Ticket{tickettest.Issue(issuer, holder, now.Add(time.Hour))}
	check := func() {
		if _, err := cache.Check(holder, good, now); err != nil {
			t.Fatal(err)
		}
	}
	check()
	for i := range 4095 {
		peer := ident.PeerID{byte(i), byte(i >> 8), 7}
		_, _ = cache.Check(peer, good, now)
	}
	asked = 0
	if check(); asked != 0 {
		t.Error("forgotten though there is room")
	}
	_, _ = cache.Check(ident.PeerID{1}, good, now)
	asked = 0
	if check(); asked != 1 {
		t.Error("the oldest is not forgotten when the cache is full")
	}
}

func TestTheMostTellingRefusalIsGiven(t *testing.T) {
	deny := &ticket.DenyList{}
	v := []ticket.Validator{ticket.Deny(tickettest.Validator{Issuer: issuer.PeerID()}, deny)}
	over := tickettest.Issue(issuer, holder, now)
	foreign := tickettest.Issue(second, holder, now.Add(time.Hour))
	gone := tickettest.Issue(issuer, holder, now.Add(time.Hour))
	if err := deny.Replace([]ticket.ID{gone.ID()}, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tickets []ticket.Ticket
		want    error
	}{
		{[]ticket.Ticket{foreign}, wire.NotAllowed},
		{[]ticket.Ticket{foreign, over}, wire.Expired},
		{[]ticket.Ticket{foreign, over, gone}, wire.Revoked},
		{[]ticket.Ticket{gone, over, foreign}, wire.Revoked},
	} {
		if _, err := ticket.Check(holder, c.tickets, v, now); !errors.Is(err, c.want) {
			t.Errorf("%d tickets: got %v, want %v", len(c.tickets), err, c.want)
		}
	}
}

package ticket_test

import (
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/ticket/tickettest"
	"github.com/smalti/smalti/runtime/wire"
)

var (
	now    = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	issuer = ident.KeyFromSeed([32]byte{1})
	second = ident.KeyFromSeed([32]byte{2})
	holder = ident.KeyFromSeed([32]byte{3}).PeerID()
	thief  = ident.KeyFromSeed([32]byte{4}).PeerID()
)

func TestCheckTakesTheBestTicketPerValidatorAndTheEarliestAcross(t *testing.T) {
	one, two := tickettest.Validator{Issuer: issuer.PeerID()}, tickettest.Validator{Issuer: second.PeerID()}
	early := tickettest.Issue(issuer, holder, now.Add(time.Second))
	late := tickettest.Issue(issuer, holder, now.Add(time.Hour))
	other := tickettest.Issue(second, holder, now.Add(time.Minute))
	past := tickettest.Issue(issuer, holder, now)
	for name, tc := range map[string]struct {
		peer       ident.PeerID
		tickets    []ticket.Ticket
		validators []ticket.Validator
		want       ticket.Expiration
		reason     error
	}{
		"no validator asks for nothing":     {holder, nil, nil, ticket.Never, nil},
		"latest of one validator":           {holder, []ticket.Ticket{early, late}, []ticket.Validator{one}, ticket.At(now.Add(time.Hour)), nil},
		"earliest across validators":        {holder, []ticket.Ticket{late, other}, []ticket.Validator{one, two}, ticket.At(now.Add(time.Minute)), nil},
		"one validator is not content":      {holder, []ticket.Ticket{late}, []ticket.Validator{one, two}, ticket.Never, wire.NotAllowed},
		"no ticket":                         {holder, nil, []ticket.Validator{one}, ticket.Never, wire.NotAllowed},
		"at its end a ticket is over":       {holder, []ticket.Ticket{past}, []ticket.Validator{one}, ticket.Never, wire.Expired},
		"an expired one beside a valid one": {holder, []ticket.Ticket{past, early}, []ticket.Validator{one}, ticket.At(now.Add(time.Second)), nil},
		"a ticket of somebody else":         {thief, []ticket.Ticket{late}, []ticket.Validator{one}, ticket.Never, wire.NotAllowed},
	} {
		got, err := ticket.Check(tc.peer, tc.tickets, tc.validators, now)
		if !errors.Is(err, tc.reason) || (err == nil && got != tc.want) {
			t.Errorf("%s: got %v, %v, want %v, %v", name, got, err, tc.want, tc.reason)
		}
	}
}

func TestExpirationOrdersNeverLast(t *testing.T) {
	at := ticket.At(now)
	if !ticket.Never.After(at) || at.After(ticket.Never) || ticket.Never.After(ticket.Never) {
		t.Error("Never does not end after everything else")
	}
	if at.Passed(now.Add(-1)) || !at.Passed(now) || ticket.Never.Passed(now) {
		t.Error("a right holds before its end and not at it")
	}
}

// lenient is a validator that says when a ticket ends and not whether it has.
type lenient struct{ ticket.Validator }

func (lenient) Validate(ident.PeerID, []byte, time.Time) (ticket.Expiration, error) {
	return ticket.At(now), nil
}

func TestFarEndsDoNotWrapAround(t *testing.T) {
	if n := ticket.At(time.Unix(253402300799, 0)).UnixNano(); n != 1<<63-1 {
		t.Errorf("the end of 9999 is %d ns", n)
	}
	if n := ticket.At(now).UnixNano(); n != now.UnixNano() {
		t.Errorf("%s is %d ns", now, n)
	}
}

func TestEndThatHasPassedIsNoRight(t *testing.T) {
	v := []ticket.Validator{lenient{tickettest.Validator{}}}
	tickets := []ticket.Ticket{tickettest.Issue(issuer, holder, now)}
	if _, err := ticket.Check(holder, tickets, v, now.Add(-1)); err != nil {
		t.Errorf("before its end: %v", err)
	}
	if _, err := ticket.Check(holder, tickets, v, now); !errors.Is(err, wire.Expired) {
		t.Errorf("at its end: got %v, want %v", err, wire.Expired)
	}
}

package scenarios

import (
	"context"
	"errors"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/ticket/jwt"
	"github.com/smalti/smalti/runtime/ticket/tickettest"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
	"github.com/smalti/smalti/sim/fault"
)

// ticketing issues the tickets of one node. Its time is the world's: the clocks
// of those who check may differ from it, as in life.
type ticketing struct {
	*issuers
	host   Host
	on     *sim.Host
	world  *sim.World
	missed bool // a renewal was withheld
}

// issue signs the tickets that the host carries from now on.
func (t *ticketing) issue() []ticket.Ticket {
	holder := t.on
	if i := t.on.Dial("steal").Get(); i != 0 {
		holder = t.world.Hosts()[i-1]
	}
	peer, now := holder.Key().PeerID(), t.world.Env().Clock.Now()
	end := func(valid time.Duration) time.Time {
		if at := t.ends(); at != 0 {
			return time.Unix(0, int64(at))
		}
		return now.Add(valid)
	}
	var list []ticket.Ticket
	give := func(issuer int64, x ticket.Ticket, from int64, to time.Time) {
		list = append(list, x)
		e := event.Event{Kind: event.AppIssued, Peer: peer, N: issuer, From: uint64(from), To: uint64(to.UnixNano())}
		if holder != t.on {
			e.Text = t.on.Name()
		}
		t.world.Report(&e)
	}
	if t.host.Ticket > 0 {
		to := end(t.host.Ticket)
		give(firstIssuer, tickettest.Issue(t.first, peer, to), 0, to)
	}
	if t.host.Second > 0 {
		to := end(t.host.Second)
		give(secondIssuer, tickettest.Issue(t.second, peer, to), 0, to)
	}
	from, to := now.Truncate(time.Second), end(t.host.Token).Truncate(time.Second) // of a token
	if t.host.Token > 0 && to.After(from) {
		x, err := t.tokens.Issue(peer, jwt.Token{Expires: to, IssuedAt: from})
		if err != nil {
			panic(err) // the scenario was validated
		}
		give(tokenIssuer, x, from.UnixNano(), to)
	}
	return list
}

// issuers sign the tickets of a run.
type issuers struct {
	first, second ident.Key
	tokens        jwt.SigningKey
}

// How AppIssued calls them.
const (
	firstIssuer = iota + 1
	secondIssuer
	tokenIssuer
)

// tokenLeeway is by how much a clock may differ from that of the issuer of tokens.
const tokenLeeway = 2 * time.Second

func newIssuers(w *sim.World) *issuers {
	seed := w.Seed("tokens")
	tokens, err := jwt.NewSigningKey(jwt.EdDSA, seed[:])
	if err != nil {
		panic(err) // a seed of 32 bytes is a key
	}
	return &issuers{ident.KeyFromSeed(w.Seed("issuer")), ident.KeyFromSeed(w.Seed("second issuer")), tokens}
}

// demands lists what a stream asks for, as its issuers are called.
func (st Stream) demands() (list []invariants.Demand) {
	id := ident.Stream(st.Name)
	if st.Tickets {
		list = append(list, invariants.Demand{Stream: id, Issuer: firstIssuer, Mutual: st.Mutual})
	}
	if st.Second {
		list = append(list, invariants.Demand{Stream: id, Issuer: secondIssuer, Mutual: st.Mutual})
	}
	if st.Tokens {
		list = append(list, invariants.Demand{Stream: id, Issuer: tokenIssuer, MaxAge: st.MaxAge, Leeway: tokenLeeway, Mutual: st.Mutual})
	}
	return list
}

// validators gives what a stream demands of tickets.
func (r *run) validators(st Stream) (list []ticket.Validator) {
	for _, d := range st.demands() {
		var v ticket.Validator
		switch d.Issuer {
		case firstIssuer:
			v = tickettest.Validator{Issuer: r.issuers.first.PeerID(), Seen: &r.tickets}
		case secondIssuer:
			v = tickettest.Validator{Issuer: r.issuers.second.PeerID(), Seen: &r.tickets}
		default:
			var err error
			v, err = jwt.New(jwt.Config{Keys: jwt.NewKeySet(r.issuers.tokens.Verifying()), MaxAge: d.MaxAge, Leeway: d.Leeway})
			if err != nil {
				panic(err) // the scenario was validated
			}
		}
		if st.Lenient && d.Issuer != tokenIssuer {
			v = lenient{v}
		}
		list = append(list, revoking{v, r.world})
	}
	return list
}

// lenient judges tickets as if no time had passed, and tells when they end.
type lenient struct{ ticket.Validator }

// Validate implements ticket.Validator.
func (v lenient) Validate(peer ident.PeerID, data []byte, now time.Time) (ticket.Expiration, error) {
	end, err := v.Validator.Validate(peer, data, now)
	if errors.Is(err, wire.Expired) {
		return end, nil
	}
	return end, err
}

// ends is when faults have the tickets end, in Unix nanoseconds; 0: they have no say.
func (t *ticketing) ends() uint64 {
	return max(t.on.Dial("brink").Get(), t.on.Dial("lapse").Get())
}

// renew gives the node a new ticket every so often.
func (t *ticketing) renew(ctx context.Context, n *node.Node) error {
	for {
		closing, err := pause(ctx, n, t.host.Renew)
		if closing || err != nil {
			return err
		}
		t.give(n)
	}
}

// give has the node carry new tickets, unless the issuer withholds them or a fault
// says when those that it has end.
func (t *ticketing) give(n *node.Node) (given bool) {
	withheld := t.on.Dial("withhold").Get() != 0
	if withheld {
		n.Env().Mark(fault.MarkWithhold)
	}
	t.missed = withheld || t.ends() != 0
	if !t.missed {
		t.carry(n)
	}
	return !t.missed
}

// carry has the node carry the tickets that it gets now. There are three at most.
func (t *ticketing) carry(n *node.Node) {
	if err := n.Discovery().SetTickets(t.issue()); err != nil {
		panic(err)
	}
}

// obey renews the tickets when the host's dials ask for it: at once, when what was
// missed is not withheld any more, and when they are to be another's or end.
func (t *ticketing) obey(n *node.Node) {
	strand := n.Env().Scheduler.Strand("tickets")
	t.on.Dial("renew").Subscribe(strand, func(asked uint64) {
		if asked != 0 && t.give(n) {
			n.Env().Mark(fault.MarkRenew)
		}
	})
	t.on.Dial("withhold").Subscribe(strand, func(withheld uint64) {
		if withheld == 0 && t.missed {
			t.give(n)
		}
	})
	holder := t.on.Dial("steal").Get()
	t.on.Dial("steal").Subscribe(strand, func(i uint64) {
		if i != holder {
			holder = i
			t.give(n)
		}
	})
	for _, c := range []struct{ dial, mark string }{{"brink", ""}, {"lapse", fault.MarkLapse}} {
		before := t.on.Dial(c.dial).Get()
		t.on.Dial(c.dial).Subscribe(strand, func(end uint64) {
			switch {
			case end == before:
			case end != 0:
				t.carry(n)
			case t.give(n) && c.mark != "":
				n.Env().Mark(c.mark)
			}
			before = end
		})
	}
}

// rest sleeps until a producer sends next: after Every, or when the ticket of a host
// is about to end.
func (j job) rest(ctx context.Context, env *runtime.Env) error {
	wait, brink := j.work.Every, false
	if len(j.validators) > 0 {
		now := env.Clock.Now().UnixNano()
		for _, h := range j.world.Hosts() {
			end := int64(h.Dial("brink").Get())
			for _, by := range fault.Brinks() {
				if d := time.Duration(end - now + int64(by)); d > 0 && d <= wait {
					wait, brink = d, true
				}
			}
		}
	}
	due := env.Clock.Now().Add(wait)
	err := env.Sleep(ctx, wait)
	if brink && err == nil && env.Clock.Now().Equal(due) { // to the nanosecond of its own clock
		env.Mark(fault.MarkBrink)
	}
	return err
}

// revoking refuses the tickets of hosts whose dial says so.
type revoking struct {
	ticket.Validator
	world *sim.World
}

var _ ticket.Changer = revoking{}

// Validate implements ticket.Validator.
func (v revoking) Validate(peer ident.PeerID, data []byte, now time.Time) (ticket.Expiration, error) {
	end, err := v.Validator.Validate(peer, data, now)
	for _, h := range v.world.Hosts() {
		if h.Config().Key.PeerID() != peer { // a deny-list names keys, wherever they run
			continue
		}
		if h.Dial("revoke").Get() != 0 {
			v.world.Env().Mark(fault.MarkRevoke)
			return ticket.Never, wire.Revoked
		}
		if h.Dial("steal").Get() != 0 && errors.Is(err, wire.NotAllowed) {
			v.world.Env().Mark(fault.MarkSteal)
		}
	}
	return end, err
}

// Changes implements ticket.Changer.
func (v revoking) Changes() (list []*runtime.Watch[uint64]) {
	for _, h := range v.world.Hosts() {
		list = append(list, h.Dial("revoke"))
	}
	return list
}

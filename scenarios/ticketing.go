package scenarios

import (
	"context"
	"errors"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/ticket/tickettest"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
	"github.com/smalti/smalti/sim/fault"
)

// ticketing issues the tickets of one node. Its time is the world's: the clocks
// of those who check may differ from it, as in life.
type ticketing struct {
	issuer, second ident.Key
	host           Host
	on             *sim.Host
	world          *sim.World
	missed         bool // a renewal was withheld
}

// issue signs the tickets that the host carries from now on.
func (t *ticketing) issue() []ticket.Ticket {
	holder := t.on
	if i := t.on.Dial("steal").Get(); i != 0 {
		holder = t.world.Hosts()[i-1]
	}
	var list []ticket.Ticket
	sign := func(issuer ident.Key, valid time.Duration) {
		if valid == 0 {
			return
		}
		end := t.world.Env().Clock.Now().Add(valid)
		if at := t.ends(); at != 0 {
			end = time.Unix(0, int64(at))
		}
		list = append(list, tickettest.Issue(issuer, holder.Key().PeerID(), end))
	}
	sign(t.issuer, t.host.Ticket)
	sign(t.second, t.host.Second)
	return list
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
		n.Discovery().SetTickets(t.issue())
	}
	return !t.missed
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
				n.Discovery().SetTickets(t.issue())
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

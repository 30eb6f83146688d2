package discovery

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
)

// SubscribeSelf posts to f, on s, the own entry, then each newer one, coalesced
// while s is busy. stop is called on s.
func (d *Discovery) SubscribeSelf(s runtime.Strand, f func(*Entry)) (stop func()) {
	var seen *Entry
	return d.watch.Subscribe(s, func(c *Catalog) {
		if me, ok := c.Get(d.self); ok && me.Entry != seen {
			seen = me.Entry
			f(me.Entry)
		}
	})
}

// AddTicket puts a ticket into the own entry. The error is a *LimitError, as that of
// AddTags.
func (d *Discovery) AddTicket(t ticket.Ticket) error {
	t = cloneTickets([]ticket.Ticket{t})[0]
	return d.want(func(w *wanted) { w.tickets = add(w.tickets, ticket.Ticket.Compare, t) })
}

// RemoveTicket takes the ticket of that id out of the own entry.
func (d *Discovery) RemoveTicket(id ticket.ID) {
	d.dropTickets(func(t ticket.Ticket) bool { return t.ID() == id })
}

// RemoveTicketsOf takes all tickets of a class out of the own entry.
func (d *Discovery) RemoveTicketsOf(class ticket.Class) {
	d.dropTickets(func(t ticket.Ticket) bool { return t.Class == class })
}

// ReplaceTicket puts a ticket into the own entry in the place of all others of its
// class: a renewal, in one step. The error is a *LimitError, as that of AddTags.
func (d *Discovery) ReplaceTicket(t ticket.Ticket) error {
	t = cloneTickets([]ticket.Ticket{t})[0]
	return d.want(func(w *wanted) {
		others := slices.DeleteFunc(slices.Clone(w.tickets), func(o ticket.Ticket) bool { return o.Class == t.Class })
		w.tickets = add(others, ticket.Ticket.Compare, t)
	})
}

func (d *Discovery) dropTickets(gone func(ticket.Ticket) bool) {
	_ = d.want(func(w *wanted) { w.tickets = slices.DeleteFunc(slices.Clone(w.tickets), gone) })
}

// Feed takes a signed entry that came by another way than discovery's own: all
// rules hold for it as for any other. An old version is no error. It returns once
// the catalog has it, or ctx ends.
func (d *Discovery) Feed(ctx context.Context, raw []byte) error {
	raw = slices.Clone(raw)
	return d.await(ctx, func(done func(error)) {
		d.strand.Post(func() {
			if d.worker.stopping {
				done(runtime.ErrStopped)
				return
			}
			err := d.worker.mergeEntry(raw, d.self)
			d.worker.commit()
			if err != nil {
				err = fmt.Errorf("feed entry: %w", err)
			}
			done(err)
		})
	})
}

// InsertUnsigned takes an entry on trust, which nobody signed: it is in this
// node's catalog only, is told to nobody, and gives way to the peer's signed
// entry as soon as there is one. A second one of the same peer replaces the first.
// Errors: ErrSelf, wire.DifferentNetwork, ErrSigned, ErrCatalogFull, a *LimitError,
// ErrAddress if one of its addresses cannot be dialled or has a port below
// Config.MinPort, or the cause of ctx.
func (d *Discovery) InsertUnsigned(ctx context.Context, e Entry) error {
	e.Addrs, e.Tickets = slices.Clone(e.Addrs), cloneTickets(e.Tickets)
	e.Tags, e.Streams = sortedSet(e.Tags, ident.Tag.Compare), sortedSet(e.Streams, ident.StreamPrefix.Compare)
	return d.await(ctx, func(done func(error)) {
		d.strand.Post(func() {
			err := d.worker.trust(&e)
			d.worker.commit()
			if err != nil {
				err = fmt.Errorf("insert entry of %s: %w", e.Peer.Short(), err)
			}
			done(err)
		})
	})
}

// RemoveUnsigned takes the unsigned entry of a peer out of the catalog, soon.
func (d *Discovery) RemoveUnsigned(peer ident.PeerID) {
	d.strand.Post(func() {
		d.worker.distrust(func(id ident.PeerID) bool { return id == peer })
	})
}

// ClearUnsigned takes all unsigned entries out of the catalog, soon.
func (d *Discovery) ClearUnsigned() {
	d.strand.Post(func() { d.worker.distrust(func(ident.PeerID) bool { return true }) })
}

// await runs f, which calls done once, and parks until it did or ctx ends.
func (d *Discovery) await(ctx context.Context, f func(done func(error))) error {
	var mu sync.Mutex
	var outcome error
	err := d.env.Await(ctx, func(wake func()) func() {
		f(func(err error) {
			mu.Lock()
			outcome = err
			mu.Unlock()
			wake()
		})
		return nil
	})
	if err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	return outcome
}

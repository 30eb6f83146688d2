package discovery

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
)

// Errors of SyncThen and SyncWith.
var (
	// ErrSelf: a node does not exchange catalogs with itself.
	ErrSelf = errors.New("peer is this node")
	// ErrBusy: too many exchanges wait already.
	ErrBusy = errors.New("too many exchanges wait")
)

// Discovery is a node's part in finding others. Its methods may be called from
// any goroutine, task or strand.
type Discovery struct {
	env     *runtime.Env
	cfg     Config
	self    ident.PeerID
	strand  runtime.Strand
	watch   runtime.Watch[*Catalog]
	worker  *worker
	applied func() // worker.applyInbox, bound once

	mu     sync.Mutex
	inbox  inbox                     // guarded by mu
	booted map[ident.PeerID][]string // addresses of the bootstrap peers, guarded by mu
}

// inbox is what callers left for the strand: the state that they want, and the
// last round trip of each peer. It is bounded however slow the strand is.
type inbox struct {
	posted  bool
	wanted  wanted
	samples map[ident.PeerID]runtime.RTT
}

// New validates cfg, publishes the first entry and starts on the strand
// "discovery".
func New(env *runtime.Env, cfg Config) (*Discovery, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("start discovery: %w", err)
	}
	cfg = cfg.withDefaults()
	self := cfg.Key.PeerID()
	if local := env.Transport.Local(); local != self {
		return nil, fmt.Errorf("start discovery: the key is that of %s, the transport's that of %s", self.Short(), local.Short())
	}
	if err := cfg.checkOwn(env.Transport.Addrs()); err != nil {
		return nil, fmt.Errorf("start discovery: %w", err)
	}
	d := &Discovery{env: env, cfg: cfg, self: self, strand: env.Scheduler.Strand("discovery"), booted: map[ident.PeerID][]string{}}
	for _, e := range cfg.Bootstrap {
		d.booted[e.Peer] = e.Addrs
	}
	d.inbox.wanted = newWanted(cfg)
	d.inbox.samples = map[ident.PeerID]runtime.RTT{}
	d.worker = newWorker(d)
	d.applied = d.worker.applyInbox
	if err := d.worker.publishFirst(d.inbox.wanted.clone()); err != nil {
		return nil, fmt.Errorf("start discovery: %w", err)
	}
	if err := d.worker.listen(); err != nil {
		return nil, fmt.Errorf("start discovery: %w", err)
	}
	d.strand.Post(d.worker.start)
	return d, nil
}

// Me gives the node's own entry as last published.
func (d *Discovery) Me() *Entry {
	me, _ := d.Catalog().Get(d.self)
	return me.Entry
}

// Catalog gives the present snapshot.
func (d *Discovery) Catalog() *Catalog { return d.watch.Get() }

// Watch gives the catalog as a value to wait for.
func (d *Discovery) Watch() *runtime.Watch[*Catalog] { return &d.watch }

// Subscribe posts to f, on s, all present peers, then what changes: ascending
// by peer within a batch, at most one change per peer, coalesced while s is
// busy, never an empty batch, never the node itself. stop is called on s.
func (d *Discovery) Subscribe(s runtime.Strand, f func([]Change)) (stop func()) {
	return d.subscribe(s, nil, f)
}

// subscribe posts what changes after seen.
func (d *Discovery) subscribe(s runtime.Strand, seen *Catalog, f func([]Change)) (stop func()) {
	return d.watch.Subscribe(s, func(c *Catalog) {
		changes := c.changesSince(seen)
		seen = c
		if len(changes) > 0 {
			f(changes)
		}
	})
}

// AddStream puts a stream into the own entry. Like the other changes of the own
// entry it takes effect soon, together with those made at the same time, and a
// change that changes nothing publishes nothing. The error is a *LimitError if the
// entry has no room for it: then nothing changed.
func (d *Discovery) AddStream(s ident.StreamID) error {
	return d.want(func(w *wanted) { w.streams = add(w.streams, ident.StreamID.Compare, s) })
}

// RemoveStream takes a stream out of the own entry.
func (d *Discovery) RemoveStream(s ident.StreamID) {
	_ = d.want(func(w *wanted) { w.streams = remove(w.streams, ident.StreamID.Compare, s) })
}

// AddTags puts tags into the own entry: all, or none if it has no room for them. Then
// the error is a *LimitError.
func (d *Discovery) AddTags(tags ...ident.Tag) error {
	return d.want(func(w *wanted) { w.tags = add(w.tags, ident.Tag.Compare, tags...) })
}

// RemoveTags takes tags out of the own entry.
func (d *Discovery) RemoveTags(tags ...ident.Tag) {
	_ = d.want(func(w *wanted) { w.tags = remove(w.tags, ident.Tag.Compare, tags...) })
}

// SetTickets replaces the tickets of the own entry. The error is a *LimitError if it has
// no room for them: then those of before stay.
func (d *Discovery) SetTickets(tickets []ticket.Ticket) error {
	tickets = cloneTickets(tickets)
	return d.want(func(w *wanted) { w.tickets = tickets })
}

// Sample takes a measurement of the round trip to peer, in the form that its
// session gives. At most one a second counts; a peer that is not in the catalog
// has no estimate, and this node has none of itself.
func (d *Discovery) Sample(peer ident.PeerID, rtt runtime.RTT) {
	if peer == d.self {
		return
	}
	d.leave(func(i *inbox) {
		if _, known := i.samples[peer]; known || len(i.samples) < maxSamples {
			i.samples[peer] = rtt
		}
	})
}

// SyncThen exchanges catalogs with peer, dialling it at addrs and at those of
// its entry, and posts the outcome to done on s. Callers that ask for the same
// peer while an exchange with it is under way share it. The error is nil once
// both sides have each other's entries, as far as one exchange carries them: 16 MiB each
// way, and what is left follows in another. Otherwise it is ErrSelf, ErrBusy, runtime.ErrStopped,
// or one that wraps a wire.Reason.
func (d *Discovery) SyncThen(s runtime.Strand, peer ident.PeerID, addrs []string, done func(error)) {
	d.strand.Post(func() { d.worker.ask(peer, addrs, waiter{strand: s, done: done}) })
}

// SyncWith is SyncThen for tasks: it parks until the outcome is known or ctx
// ends, which does not end the exchange.
func (d *Discovery) SyncWith(ctx context.Context, peer ident.PeerID, addrs []string) error {
	return d.await(ctx, func(done func(error)) { d.SyncThen(d.strand, peer, addrs, done) })
}

// Stop tells some peers that the node leaves, within DepartureWindow, then
// says and hears nothing more; done is posted on s. The catalog stays readable.
// Twice is fine.
func (d *Discovery) Stop(s runtime.Strand, done func()) {
	d.strand.Post(func() { d.worker.stop(waiter{strand: s, done: func(error) { done() }}) })
}

// want changes the state that the own entry should have, unless that does not fit.
func (d *Discovery) want(change func(*wanted)) (err error) {
	d.leave(func(i *inbox) {
		next := i.wanted.clone()
		change(&next)
		if err = next.check(d.cfg.Limits); err == nil {
			i.wanted = next
		}
	})
	return err
}

// leave changes the inbox and has the strand look at it.
func (d *Discovery) leave(change func(*inbox)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.inbox)
	if !d.inbox.posted {
		d.inbox.posted = true
		d.strand.Post(d.applied)
	}
}

// takeInbox empties the inbox; what is wanted stays. Strand.Post never runs
// what it is given, so holding the lock over it in leave is safe.
func (d *Discovery) takeInbox() (wanted, map[ident.PeerID]runtime.RTT) {
	d.mu.Lock()
	defer d.mu.Unlock()
	samples := d.inbox.samples
	d.inbox.samples = map[ident.PeerID]runtime.RTT{}
	d.inbox.posted = false
	return d.inbox.wanted.clone(), samples
}

// refuseWanted undoes changes that cannot be published, unless newer ones came
// in between.
func (d *Discovery) refuseWanted(refused, standing wanted) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inbox.wanted.equal(refused) {
		d.inbox.wanted = standing.clone()
	}
}

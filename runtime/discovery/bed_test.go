package discovery

import (
	"context"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// bed is one node without a network: a strand that runs when told, clocks that
// stand still, and a record of the events. It serves the tests of what the
// worker takes and publishes; those of links run on a simulated world.
type bed struct {
	t      *testing.T
	wall   time.Time
	mono   time.Duration
	posted []func()
	events []event.Event
	store  map[string][]byte
	addrs  []string
	key    ident.Key
	*Discovery
}

func newBed(t *testing.T, change func(*bed, *Config)) *bed {
	b := &bed{t: t, wall: time.UnixMilli(1_900_000_000_000), store: map[string][]byte{}, addrs: []string{"10.0.0.1:4700"}, key: testKey(1)}
	cfg := Config{Network: testNetwork}
	if change != nil {
		change(b, &cfg)
	}
	cfg.Key = b.key
	d, err := New(&runtime.Env{Clock: b, Scheduler: b, Transport: b, Store: b, Observer: b}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.Discovery = d
	b.run()
	return b
}

// run runs what was posted, until nothing is left.
func (b *bed) run() {
	for len(b.posted) > 0 {
		f := b.posted[0]
		b.posted = b.posted[1:]
		f()
	}
}

// hear merges a signed entry as if peer from had sent it.
func (b *bed) hear(raw []byte, from ident.PeerID) error {
	defer b.worker.commit()
	return b.worker.mergeEntry(raw, from)
}

func (b *bed) hearDeparture(d *Departure, left time.Duration) error {
	defer b.worker.commit()
	return b.worker.mergeDeparture(oldNews{Raw: d.Raw(), Left: uint32(left.Milliseconds())}, ident.PeerID{9})
}

// signed gives an entry of key's peer, from delta of the node's wall time on.
func (b *bed) signed(key ident.Key, delta time.Duration, change func(*Entry)) []byte {
	at := b.wall.Add(delta).UnixMilli()
	e := testEntry(key, Version{at, at})
	if change != nil {
		change(e)
	}
	return mustSign(b.t, e, key).Raw
}

// reachable makes the n-th peer one of the catalog that can be dialled.
func (b *bed) reachable(n byte) ident.PeerID {
	b.t.Helper()
	key := testKey(n)
	raw := b.signed(key, 0, func(e *Entry) { e.Addrs = []string{fmt.Sprintf("10.0.1.%d:4700", n)} })
	if err := b.hear(raw, key.PeerID()); err != nil {
		b.t.Fatal(err)
	}
	return key.PeerID()
}

// pass lets time go by, and has done what is due then.
func (b *bed) pass(d time.Duration) {
	b.mono += d
	b.worker.agenda.due()
}

// marked counts how often a rare place was reached.
func (b *bed) marked(name string) (n int) {
	for _, e := range b.events {
		if e.Kind == event.Mark && e.Text == name {
			n++
		}
	}
	return n
}

func (b *bed) departure(key ident.Key, v Version) *Departure {
	d, err := SignDeparture(testNetwork, v, key)
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// count counts the events of a kind about a peer.
func (b *bed) count(k event.Kind, peer ident.PeerID) (n int) {
	for _, e := range b.events {
		if e.Kind == k && e.Peer == peer {
			n++
		}
	}
	return n
}

func (b *bed) Now() time.Time                                                { return b.wall }
func (b *bed) Mono() time.Duration                                           { return b.mono }
func (b *bed) AfterFunc(runtime.Strand, time.Duration, func()) runtime.Timer { return still{} }
func (b *bed) At(runtime.Strand, time.Time, func()) runtime.Timer            { return still{} }

type still struct{}

func (still) Stop()               {}
func (still) Reset(time.Duration) {}

func (b *bed) Strand(name string) runtime.Strand {
	return &bedStrand{bed: b, rands: map[string]*runtime.Rand{}}
}
func (b *bed) Go(string, func(context.Context)) { panic("no tasks here") }

// Await runs the strand while a caller waits.
func (b *bed) Await(_ context.Context, arm func(wake func()) (disarm func())) error {
	done := false
	arm(func() { done = true })
	b.run()
	if !done {
		b.t.Error("nobody wakes the caller")
	}
	return nil
}

type bedStrand struct {
	bed   *bed
	rands map[string]*runtime.Rand
}

func (s *bedStrand) Post(f func()) { s.bed.posted = append(s.bed.posted, f) }
func (s *bedStrand) Rand(name string) *runtime.Rand {
	if s.rands[name] == nil {
		s.rands[name] = runtime.NewRand(runtime.SeedOf(1).Derive(name))
	}
	return s.rands[name]
}

func (b *bed) Local() ident.PeerID { return b.key.PeerID() }
func (b *bed) Addrs() []string     { return b.addrs }

func (b *bed) SetKnown(func(ident.PeerID) bool)      {}
func (b *bed) OnFailure(runtime.Strand, func(error)) {}

func (b *bed) Listen(runtime.Protocol, runtime.Strand, func(runtime.Link)) (func(), error) {
	return func() {}, nil
}

func (b *bed) Dial(peer ident.PeerID, _ []string, _ runtime.Protocol, _ runtime.Strand, h runtime.Handler) runtime.Link {
	return &wired{peer: peer, handler: h}
}
func (b *bed) Drain(wire.Reason, time.Duration, runtime.Strand, func()) {}
func (b *bed) Close()                                                   {}

// wired is a link whose messages a test carries over, if anybody does.
type wired struct {
	runtime.Link
	peer    ident.PeerID
	handler runtime.Handler
	full    bool // it takes nothing
	said    [][]byte
	bytes   int
	closed  wire.Reason
}

func (l *wired) Peer() ident.PeerID                       { return l.peer }
func (l *wired) Bind(_ runtime.Strand, h runtime.Handler) { l.handler = h }
func (l *wired) Session() runtime.Session                 { return nil }
func (l *wired) Send(msgs ...[]byte) (int, error) {
	if l.full {
		return 0, runtime.ErrFull
	}
	l.said = append(l.said, msgs...)
	for _, m := range msgs {
		l.bytes += len(m)
	}
	return len(msgs), nil
}

// told gives all that was said since the last look, as one rumour.
func (l *wired) told(t *testing.T) (all rumour) {
	t.Helper()
	for _, m := range l.said {
		r, err := parseRumour(m)
		if err != nil {
			t.Fatal(err)
		}
		all.Entries, all.Departures, all.Suspicions = append(all.Entries, r.Entries...), append(all.Departures, r.Departures...), append(all.Suspicions, r.Suspicions...)
		all.Names, all.Wants, all.Prune = append(all.Names, r.Names...), append(all.Wants, r.Wants...), all.Prune || r.Prune
	}
	l.said = nil
	return all
}

func (l *wired) Close(r wire.Reason)                  { l.closed = r }
func (l *wired) Drain(r wire.Reason, _ time.Duration) { l.closed = r }

func (b *bed) Event(e event.Event) { b.events = append(b.events, e) }

func (b *bed) Get(name string) ([]byte, error) {
	if v, found := b.store[name]; found {
		return v, nil
	}
	return nil, fs.ErrNotExist
}

func (b *bed) Put(s runtime.Strand, name string, data []byte, done func(error)) {
	b.store[name] = data
	s.Post(func() { done(nil) })
}

// told takes a rumour that nobody else hears.
func (n *neighbour) told(r *rumour) { n.hear(heard{rumour: r}) }

// must is for calls that cannot fail here.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

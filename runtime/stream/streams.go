package stream

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Directory is what streams need of discovery: who is there, and what this
// node offers.
type Directory interface {
	// Subscribe posts to s first all present peers, then their changes.
	Subscribe(s runtime.Strand, f func([]discovery.Change)) (stop func())
	// Dialable gives the addresses at which this node may dial a peer.
	Dialable(*discovery.Peer) []string
	// AddStream offers a stream; the error says that the node offers too many.
	AddStream(ident.StreamID) error
	RemoveStream(ident.StreamID)
	// Catalog returns the present snapshot of all peers.
	Catalog() *discovery.Catalog
	// Me returns the node's own entry.
	Me() *discovery.Entry
	// SubscribeSelf posts to s the node's own entry, then each newer one.
	SubscribeSelf(s runtime.Strand, f func(*discovery.Entry)) (stop func())
	// Track has the round trip to peer measured now and then, until untrack.
	Track(peer ident.PeerID) (untrack func())
	// Sample takes a measurement of the round trip to peer.
	Sample(peer ident.PeerID, rtt runtime.RTT)
	// SyncThen exchanges catalogs with peer and posts done to s.
	SyncThen(s runtime.Strand, peer ident.PeerID, addrs []string, done func(error))
}

var _ Directory = (*discovery.Discovery)(nil)

// Config configures the streams of a node. The zero value is usable.
type Config struct {
	// MaxDatum is the largest datum that a producer of the node may send and a consumer
	// take, encoded, in bytes: up to wire.MaxDatum; 0: wire.DefaultDatum. A consumer is
	// refused, with TooLarge, by a producer elsewhere that may send larger ones.
	MaxDatum int
}

// Validate tells what cannot work.
func (c Config) Validate() error {
	var faults faults
	faults.check(c.MaxDatum >= 0 && c.MaxDatum <= wire.MaxDatum, "datums of %d bytes, want 0 to %d", c.MaxDatum, wire.MaxDatum)
	return errors.Join(faults...)
}

// Streams holds all producers and consumers of one node. It owns the protocol:
// consumers elsewhere reach the producers here through it.
type Streams struct {
	env       *runtime.Env
	directory Directory
	config    Config
	protocol  runtime.Protocol
	strand    runtime.Strand
	stop      func() // of the listener

	mu        sync.Mutex
	offered   map[ident.StreamID]*producer // those that take new consumers
	producers []*producer                  // those whose close is not done, in order of creation
	consumers []*consumer                  // likewise
	made      int                          // producers and consumers, for the names of their strands
	former    formerProducers
	closed    bool

	crowd   crowd  // on the strand: links that have not named their stream yet
	greeted uint64 // handshakes that ever began
}

// New starts to serve streams on env.
func New(env *runtime.Env, directory Directory, config Config) (*Streams, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("serve streams: %w", err)
	}
	orInt(&config.MaxDatum, wire.DefaultDatum)
	s := &Streams{
		env: env, directory: directory, config: config, strand: env.Scheduler.Strand("streams"), offered: map[ident.StreamID]*producer{},
		protocol: runtime.Protocol{Name: Protocol, MaxMessage: max(config.MaxDatum+datumHeader, wire.MaxHandshake)},
	}
	stop, err := env.Transport.Listen(s.protocol, s.strand, s.onLink)
	if err != nil {
		return nil, fmt.Errorf("serve streams: %w", err)
	}
	s.stop = stop
	return s, nil
}

// newStrand makes a strand that no other producer or consumer of this node has
// the name of; s.mu is held.
func (s *Streams) newStrand(kind string, id ident.StreamID) runtime.Strand {
	s.made++
	return s.env.Scheduler.Strand(fmt.Sprintf("%s/%s/%d", kind, id.Short(), s.made))
}

// produce gives the node's producer of a stream, with one more handle, and tells
// whether it existed.
func (s *Streams) produce(name string, config ProducerConfig, codec reflect.Type, out func() outlet) (p *producer, existed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, ErrClosed
	}
	id := ident.Stream(name)
	if p := s.offered[id]; p != nil {
		if p.codec != codec {
			return nil, true, &TypeError{Have: p.codec.String(), Want: codec.String()}
		}
		p.handles++
		return p, true, nil
	}
	orInt(&config.MaxDatum, s.config.MaxDatum)
	if config.MaxDatum > s.config.MaxDatum {
		return nil, false, fmt.Errorf("datums of %d bytes, and the node's are of %d at most (MaxDatum of its configuration): %w", config.MaxDatum, s.config.MaxDatum, ErrConfig)
	}
	if err := s.directory.AddStream(id); err != nil {
		return nil, false, fmt.Errorf("offer stream %q: %w", name, err)
	}
	p = newProducer(s, name, config, codec, out())
	p.handles = 1
	s.offered[id] = p
	s.producers = append(s.producers, p)
	return p, false, nil
}

// tookFirst notes that a producer has taken its first datum.
func (s *Streams) tookFirst(p *producer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.former.note(p.stream, p.worker.incarnation)
}

// hold counts one more handle of p, unless p is closed.
func (s *Streams) hold(p *producer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.offered[p.stream] != p {
		return false
	}
	p.handles++
	return true
}

// release counts one handle less and tells whether it was the last: then p is
// unknown to new consumers.
func (s *Streams) release(p *producer) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.handles--; p.handles > 0 {
		return false
	}
	s.withdrawLocked(p)
	return true
}

// withdraw makes a producer unknown to new consumers.
func (s *Streams) withdraw(p *producer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.withdrawLocked(p)
}

func (s *Streams) withdrawLocked(p *producer) {
	if s.offered[p.stream] == p {
		delete(s.offered, p.stream)
		s.directory.RemoveStream(p.stream)
	}
}

func (s *Streams) forgetProducer(p *producer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.producers = slices.DeleteFunc(s.producers, func(o *producer) bool { return o == p })
}

func (s *Streams) consume(name string, config ConsumerConfig) (*consumer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	c := newConsumer(s, name, config)
	s.consumers = append(s.consumers, c)
	return c, nil
}

func (s *Streams) forgetConsumer(c *consumer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consumers = slices.DeleteFunc(s.consumers, func(o *consumer) bool { return o == c })
}

func (s *Streams) find(id ident.StreamID) *producer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offered[id]
}

// Close refuses new subscriptions, closes every consumer and drains every
// producer, for at most limit in all. done runs on strand when all are closed, those
// too whose close had begun before, with the errors of the producers, joined.
func (s *Streams) Close(limit time.Duration, strand runtime.Strand, done func(error)) {
	s.mu.Lock()
	s.closed = true
	producers, consumers := slices.Clone(s.producers), slices.Clone(s.consumers)
	s.mu.Unlock()

	s.stop()
	left := 1
	errs := make([]error, len(producers))
	deadline := s.env.Clock.AfterFunc(strand, limit, func() {
		for _, p := range producers {
			p.worker.strand.Post(p.worker.giveUp)
		}
	})
	step := func() {
		if left--; left == 0 {
			deadline.Stop()
			done(errors.Join(errs...))
		}
	}
	for _, c := range consumers {
		c.shut()
		left++
		whenEnded(&c.ended, strand, func(error) { step() })
	}
	for i, p := range producers {
		p.shut()
		left++
		whenEnded(&p.ended, strand, func(err error) { errs[i] = err; step() })
	}
	strand.Post(step)
}

// whenEnded runs f on strand once a close is done.
func whenEnded(ended *runtime.Watch[*outcome], strand runtime.Strand, f func(error)) {
	ended.Subscribe(strand, func(o *outcome) {
		if o != nil {
			f(o.err)
		}
	})
}

// onLink hears a consumer that has not said what it wants.
func (s *Streams) onLink(link runtime.Link) {
	_, known := s.directory.Catalog().Get(link.Peer())
	h := &handshake{hub: s, link: link, stranger: !known}
	link.Bind(s.strand, h)
	if !s.crowd.enter(link.Peer(), h.stranger) {
		h.over = true
		h.refuse(ident.StreamID{}, wire.Overloaded)
		return
	}
	s.greeted++
	h.number = s.greeted
	s.env.Report(&event.Event{Kind: event.HandshakeBegan, Peer: link.Peer(), From: h.number})
	h.deadline = s.env.Clock.AfterFunc(s.strand, handshakeTimeout, h.onDeadline)
}

// handshake hears the first message of an accepted link.
type handshake struct {
	hub      *Streams
	link     runtime.Link
	number   uint64 // of the node's
	deadline runtime.Timer
	stranger bool
	over     bool
}

var _ runtime.Handler = (*handshake)(nil)

// crowd counts handshakes. Its zero value is empty.
type crowd struct {
	all, strangers int
	of             map[ident.PeerID]int
}

// enter reports whether there is a place for one more handshake of a peer.
func (c *crowd) enter(peer ident.PeerID, stranger bool) bool {
	if c.all >= maxHandshakes || c.of[peer] >= handshakesPerPeer || stranger && c.strangers >= strangerHandshakes {
		return false
	}
	if c.of == nil {
		c.of = map[ident.PeerID]int{}
	}
	c.all++
	c.of[peer]++
	if stranger {
		c.strangers++
	}
	return true
}

// leave releases the place of a handshake.
func (c *crowd) leave(peer ident.PeerID, stranger bool) {
	c.all--
	if c.of[peer]--; c.of[peer] == 0 {
		delete(c.of, peer)
	}
	if stranger {
		c.strangers--
	}
}

// OnOpen is not called for accepted links.
func (h *handshake) OnOpen() {}

// OnWritable does not follow: a handshake sends nothing.
func (h *handshake) OnWritable() {}

// OnMessage hands the link over to the producer that it names. The producer's
// strand hears of the link before anything that the link says next.
func (h *handshake) OnMessage(m []byte) {
	if h.over {
		return
	}
	h.end()
	p, hello := h.producer(m)
	if p == nil {
		h.leave()
		return
	}
	s := &subscription{worker: p.worker, link: h.link, peer: h.link.Peer(), criteria: hello.Criteria, consumer: hello.Consumer, maxDatum: hello.maxDatum()}
	h.hub.directory.Sample(s.peer, h.link.Session().RTT())
	p.worker.strand.Post(func() {
		p.worker.admit(s)
		h.hub.strand.Post(h.leave)
	})
	h.link.Bind(p.worker.strand, s)
}

// producer returns the producer that a first message names, nil if the consumer is refused.
func (h *handshake) producer(m []byte) (*producer, subscribe) {
	hello, err := decodeSubscribe(m)
	switch {
	case err != nil:
		h.refuse(ident.StreamID{}, wire.ProtocolViolation)
		return nil, hello
	case hello.Version < version:
		h.refuse(hello.Stream, wire.VersionMismatch)
		return nil, hello
	}
	p := h.hub.find(hello.Stream)
	if p == nil {
		h.refuse(hello.Stream, wire.StreamNotFound)
	}
	return p, hello
}

// OnClosed implements runtime.Handler.
func (h *handshake) OnClosed(runtime.Closed) {
	if !h.over {
		h.end()
		h.leave()
	}
}

func (h *handshake) onDeadline() {
	if !h.over {
		h.end()
		h.leave()
		h.refuse(ident.StreamID{}, wire.HandshakeTimeout)
	}
}

// leave releases the place of the handshake. The handshake keeps it until a producer has
// judged the consumer, which bounds how many consumers wait for a busy producer.
func (h *handshake) leave() { h.hub.crowd.leave(h.link.Peer(), h.stranger) }

// refuse closes the link of a consumer that no producer hears of.
func (h *handshake) refuse(id ident.StreamID, r wire.Reason) {
	h.hub.env.Report(&event.Event{Kind: event.HandshakeRefused, Peer: h.link.Peer(), Stream: id, Reason: r})
	h.link.Close(r)
}

func (h *handshake) end() {
	h.over = true
	h.deadline.Stop()
	h.hub.env.Report(&event.Event{Kind: event.HandshakeEnded, Peer: h.link.Peer(), From: h.number})
}

package invariants

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// producerKey names one incarnation of a producer.
type producerKey struct {
	node        ident.PeerID
	stream      ident.StreamID
	incarnation uint64
}

// producer is what a producer reported.
type producer struct {
	key      producerKey
	life     *life
	opened   bool
	closed   bool
	online   bool
	closing  bool
	closes   int64 // Mono since when it is closing
	closesAt int64 // At of the same moment
	closedAt int64 // At since when it is closed
	gaveUp   bool  // it dropped the rest of its input when its close timed out
	capacity int64 // 0: no limit
	queue    int64 // that a subscription may have waiting; 0: not stated
	perPeer  int64 // subscriptions of one peer; 0: not stated
	accepted int64
	open     int64           // accepted and not ended
	active   int64           // of these, those that do not drain
	changed  int64           // At of the last begin or end of one, or change of online
	lonely   bool            // it was online without any
	highest  uint64          // number of the last datum that it gave to anybody
	subs     []*subscription // Sub 1, 2, ...
	odd      map[uint64]*subscription
	readers  map[ident.PeerID]*reader
	input    backlog
}

// subscription is the producer's side of one.
type subscription struct {
	peer      ident.PeerID
	at        int64 // At of SubAccepted
	reader    *reader
	from      uint64
	next      uint64 // everything below was enqueued or does not match
	criteria  string
	unmatched spans
	end       int64 // Unix nanosecond at which the right ends, 0: never
	draining  bool
	drainFor  wire.Reason
	ended     bool
	endedFor  wire.Reason
	enqueued  int64
	told      int64 // Mono of the last Enqueued
	written   int64
	dropped   int64
	progress  int64  // Mono of the last SubProgress, or of SubAccepted
	consumed  uint64 // what the last SubProgress said
	hungry    bool   // as it said: the application waits for datums
}

// holds tells whether anything waits for the subscription, or may still be given back to it.
func (s *subscription) holds() bool { return !s.ended && s.enqueued > s.written+s.dropped }

// reader is one peer as a producer sees it, over all its subscriptions.
type reader struct {
	enqueued  spans
	written   spans // to its latest subscription
	unmatched spans
	lagged    spans // dropped by the lag policy
	active    int
	several   bool // it had two subscriptions at once, or two hosts are this peer
	host      string
}

func (b *book) producerOf(l *life, r *event.Record) *producer {
	if p := l.producer; p != nil && p.key.incarnation == r.Incarnation && p.key.stream == r.Stream && p.key.node == r.Node {
		return p
	}
	key := producerKey{r.Node, r.Stream, r.Incarnation}
	p := b.producers[key]
	l.producer = p
	if p == nil {
		p = &producer{key: key, life: l, readers: map[ident.PeerID]*reader{}}
		b.producers[key] = p
		l.producer = p
		l.producers = append(l.producers, p)
	}
	return p
}

// find gives the subscription called id, nil if it was not accepted.
func (p *producer) find(id uint64) *subscription {
	if id-1 < uint64(len(p.subs)) {
		return p.subs[id-1]
	}
	return p.odd[id]
}

func (p *producer) add(id uint64, s *subscription) {
	switch {
	case id-1 < uint64(len(p.subs)):
		p.subs[id-1] = s
	case id-1 == uint64(len(p.subs)):
		p.subs = append(p.subs, s)
	default:
		if p.odd == nil {
			p.odd = map[uint64]*subscription{}
		}
		p.odd[id] = s
	}
}

func (p *producer) readerOf(peer ident.PeerID) *reader {
	r := p.readers[peer]
	if r == nil {
		r = &reader{}
		p.readers[peer] = r
	}
	return r
}

// apply enters a record of the producer's, about the book's subscription if it has one.
func (p *producer) apply(b *book, r *event.Record) {
	s := b.sub
	switch r.Kind {
	case event.ProducerOpened:
		p.opened, p.capacity, p.queue, p.perPeer = true, r.N, int64(r.From), int64(r.To)
	case event.ProducerClosing:
		p.closing, p.closes, p.closesAt = true, r.Mono, r.At
	case event.ProducerClosed:
		p.closed, p.closedAt = true, r.At
	case event.ProducerOnline:
		p.online, p.lonely, p.changed = true, p.lonely || r.N == 0, r.At
	case event.ProducerOffline:
		p.online, p.changed = false, r.At
	case event.InputDropped:
		p.gaveUp = p.gaveUp || r.Reason == wire.DrainTimeout
		if r.Reason != wire.DrainTimeout {
			p.highest = max(p.highest, r.To)
		}
	case event.SubAccepted:
		s = &subscription{peer: r.Peer, at: r.At, reader: p.readerOf(r.Peer), from: r.From, next: r.From, end: int64(r.To), criteria: r.Text, progress: r.Mono, consumed: r.From - 1}
		p.add(r.Sub, s)
		p.changed = r.At
		p.accepted++
		p.open++
		p.active++
		s.reader.active++
		s.reader.several = s.reader.several || s.reader.active > 1 || b.nodes[r.Peer] == liar
		s.reader.written = s.reader.written[:0]
		s.reader.unmatched, s.reader.lagged = nil, nil
	default:
		if s != nil {
			p.applySub(s, r)
		}
	}
}

func (p *producer) applySub(s *subscription, r *event.Record) {
	switch r.Kind {
	case event.SubExpiry:
		s.end = int64(r.To)
	case event.SubProgress:
		s.progress, s.consumed, s.hungry = r.Mono-r.N, r.To, r.From == 0
	case event.SubDraining:
		p.release(s, r)
		s.draining, s.drainFor = true, r.Reason
	case event.SubEnded:
		p.release(s, r)
		if !s.ended {
			s.ended, s.endedFor = true, r.Reason
			p.open--
		}
	case event.Enqueued:
		s.enqueued += r.N
		s.told = r.Mono
		s.next = max(s.next, r.To+1)
		s.reader.enqueued.add(r.From, r.To)
		p.highest = max(p.highest, r.To)
	case event.Written:
		s.written += r.N
		s.reader.written.add(r.From, r.To)
	case event.Unmatched:
		s.unmatched.add(r.From, r.To)
		s.reader.unmatched.add(r.From, r.To)
	case event.Dropped:
		s.dropped += r.N
		if r.Reason == wire.Lagged {
			s.reader.lagged.add(r.From, r.To)
		}
	}
}

// release gives the slot of s free, once.
func (p *producer) release(s *subscription, r *event.Record) {
	if !s.draining && !s.ended {
		p.active--
		p.changed = r.At
		s.reader.active--
	}
}

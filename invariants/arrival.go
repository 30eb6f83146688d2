package invariants

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// maxAhead bounds the gaps that a consumer may tell of before it tells of the
// datums between them; a consumer hands on at most 256 datums at once.
const maxAhead = 1024

// receiverKey names the consumer's side of a subscription within a life.
type receiverKey struct {
	peer   ident.PeerID
	stream ident.StreamID
	sub    uint64
}

// receiver is what a consumer reported of one producer.
type receiver struct {
	key         receiverKey
	blurred     bool // two consumers report under this key: nothing can be said
	tries       int64
	asked       int64 // At of the first Subscribing
	picky       bool  // it asks for what matches criteria
	up          bool
	since       int64  // Mono at which it came up
	incarnation uint64 // of the producer that was connected last
	from        uint64 // Subscribed.From
	next        uint64 // expected: everything below was received or skipped
	ahead       []span // skipped above next; the datums between are not reported yet
	came        int64  // At of the last Received or Skipped
	source      *reader
}

// consumers are the consumers of one stream in one life.
type consumers struct {
	open    int
	shared  bool // two were open at once
	closed  bool // the last record was that of a close
	online  bool
	up      int64 // subscriptions
	changed int64 // At of the last begin or end of one, or change of online
	lonely  bool  // it was online without any
	first   int64 // the shortest wait between two attempts, ns
	most    int64 // the longest; 0: not stated
}

func (l *life) consumersOf(id ident.StreamID) *consumers {
	c := l.streams[id]
	if c == nil {
		c = &consumers{}
		l.streams[id] = c
	}
	return c
}

func (c *consumers) apply(l *life, r *event.Record) {
	switch r.Kind {
	case event.ConsumerOpened:
		c.open++
		c.shared = c.shared || c.open > 1
		c.closed, c.up = false, 0
		c.first, c.most = int64(r.From), int64(r.To)
	case event.ConsumerClosed:
		if c.open > 0 {
			c.open--
		}
		if c.closed = c.open == 0; c.closed && !c.shared {
			l.forget(r.Stream) // a later consumer counts from 1 again
		}
	case event.ConsumerOnline, event.ConsumerOffline:
		c.online = r.Kind == event.ConsumerOnline
		c.lonely, c.changed = c.lonely || c.online && r.N == 0, r.At
	}
}

// forget drops the receivers of a stream.
func (l *life) forget(id ident.StreamID) {
	kept := l.receivers[:0]
	for _, r := range l.receivers {
		if r.key.stream == id {
			delete(l.find, r.key)
		} else {
			kept = append(kept, r)
		}
	}
	clear(l.receivers[len(kept):])
	l.receivers, l.last = kept, nil
}

func (l *life) receiver(r *event.Record) *receiver {
	if c := l.last; c != nil && c.key.sub == r.Sub && c.key.peer == r.Peer && c.key.stream == r.Stream {
		return c
	}
	key := receiverKey{r.Peer, r.Stream, r.Sub}
	v := l.find[key]
	if v == nil {
		v = &receiver{key: key}
		l.find[key] = v
		l.receivers = append(l.receivers, v)
	}
	l.last = v
	return v
}

// resumes tells whether a Subscribed goes on with what v knows already.
func (v *receiver) resumes(incarnation uint64) bool {
	return v.next != 0 && v.incarnation == incarnation
}

func (v *receiver) apply(b *book, r *event.Record) {
	switch r.Kind {
	case event.Subscribing:
		if r.N <= v.tries && b.life.consumersOf(r.Stream).shared {
			v.blurred = true
		}
		v.tries, v.picky = r.N, r.Text != ""
		if v.asked == 0 {
			v.asked = r.At
		}
	case event.Subscribed:
		if s := b.life.consumersOf(r.Stream); !v.up {
			s.up, s.changed = s.up+1, r.At
		}
		switch {
		case v.incarnation != 0 && v.incarnation != r.Incarnation:
			v.next = 1 // it is told what it missed of the new one
		case v.next == 0 || v.next > r.From:
			v.next = r.From
			if r.To > 0 {
				v.next = min(r.From, r.To)
			}
		}
		v.since = r.Mono
		v.up, v.incarnation, v.from, v.ahead = true, r.Incarnation, r.From, v.ahead[:0]
		v.source = nil
		if p := b.producers[producerKey{r.Peer, r.Stream, r.Incarnation}]; p != nil {
			v.source = p.readerOf(r.Node)
			v.source.several = v.source.several || v.source.host != "" && v.source.host != r.Host
			v.source.host = r.Host
		}
	case event.Unsubscribed:
		if s := b.life.consumersOf(r.Stream); v.up {
			s.up, s.changed = s.up-1, r.At
		}
		v.up = false
		if n := len(v.ahead); n > 0 {
			v.next = v.ahead[n-1].to + 1
			v.ahead = v.ahead[:0]
		}
	case event.Received:
		v.came = r.At
		v.advance(r.To)
	case event.Skipped:
		v.came = r.At
		switch n := len(v.ahead); {
		case r.From <= v.next:
			v.advance(r.To)
		case n == maxAhead:
			v.ahead[n-1].to = max(v.ahead[n-1].to, r.To)
		default:
			v.ahead = append(v.ahead, span{r.From, r.To})
		}
	}
}

// given returns the datums that the producer's side enqueued for the consumer, as far as
// they can be told from those of other subscriptions.
func (v *receiver) given() spans {
	if v.source == nil || v.source.several {
		return nil
	}
	return v.source.enqueued
}

// advance says that everything up to to is settled, and what was skipped right
// after it.
func (v *receiver) advance(to uint64) {
	v.next = max(v.next, to+1)
	n := 0
	for n < len(v.ahead) && v.ahead[n].from <= v.next {
		v.next = max(v.next, v.ahead[n].to+1)
		n++
	}
	if n > 0 {
		v.ahead = append(v.ahead[:0], v.ahead[n:]...)
	}
}

// skippedWithin counts the numbers of from..to that were told to be missing and
// lie ahead.
func (v *receiver) skippedWithin(from, to uint64) (n uint64) {
	if len(v.ahead) == 0 {
		return 0
	}
	return spans(v.ahead).count(from, to)
}

package discovery

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Protocol is the name of the links of this package. Their messages are of at
// most wire.MaxControl bytes.
const Protocol = "smalti/sync/1"

// control returns a protocol of discovery: a peer can make a node hold 64 KiB of a message.
func control(name string) runtime.Protocol {
	return runtime.Protocol{Name: name, MaxMessage: wire.MaxControl}
}

// frameRoom is what a message may take besides what is in it, and itemRoom what
// each thing in it takes besides its bytes.
const (
	frameRoom = 128
	itemRoom  = 16
)

// What parts of a message take at most: a range with its fingerprint, a range,
// one line of a list.
const (
	spanRoom    = 2*(ident.Size+3) + itemRoom
	summaryRoom = spanRoom + printSize + 8
	wantRoom    = ident.Size + 2
)

// message is one frame of Protocol. A link begins with one that has a range.
type message struct {
	Spans      []summary `cbor:"1,keyasint,omitempty"`
	Entries    blobs     `cbor:"2,keyasint,omitempty"`
	Departures []oldNews `cbor:"3,keyasint,omitempty"`
	// Last ends the sender's turn.
	Last       bool           `cbor:"4,keyasint,omitempty"`
	Lists      []listing      `cbor:"5,keyasint,omitempty"`
	Wants      []ident.PeerID `cbor:"6,keyasint,omitempty"`
	Suspicions blobs          `cbor:"7,keyasint,omitempty"`
}

// compares tells whether the message says anything about catalogs.
func (m *message) compares() bool { return len(m.Spans)+len(m.Lists)+len(m.Wants) > 0 }

// oldNews is a departure and how much longer its sender will remember it, in
// milliseconds: were it remembered anew by each who hears it, it would go round
// for ever.
type oldNews struct {
	Raw  []byte `cbor:"1,keyasint"`
	Left uint32 `cbor:"2,keyasint"`
}

func (o oldNews) left() time.Duration { return time.Duration(o.Left) * time.Millisecond }

func parseMessage(b []byte) (*message, error) {
	m := &message{}
	if err := wire.Unmarshal(b, wire.MaxControl, m); err != nil {
		return nil, fmt.Errorf("parse sync message: %w", err)
	}
	for _, s := range m.Spans {
		if n := len(s.Print); n != printSize {
			return nil, fmt.Errorf("parse sync message: fingerprint of %d bytes: %w", n, wire.ErrDecode)
		}
	}
	for _, l := range m.Lists {
		if err := l.Held.check(); err != nil {
			return nil, fmt.Errorf("parse sync message: %w", err)
		}
		var last ident.PeerID
		for i := range l.Held.len() {
			peer := l.Held.at(i).Peer
			if peer.Compare(l.Lo) < 0 || l.before(peer) || i > 0 && last.Compare(peer) >= 0 {
				return nil, fmt.Errorf("parse sync message: list out of order: %w", wire.ErrDecode)
			}
			last = peer
		}
	}
	return m, nil
}

// outbox is what is to be said in this node's turns. It cuts it into messages, one
// at a time, so that a large catalog never lies encoded in memory.
type outbox struct {
	spans      []summary
	lists      []listing
	wants      []ident.PeerID
	departures []oldNews
	words      []*Suspicion
	peers      []*Peer
	budget     int  // bytes of all these that may still go in
	turn       bool // it is this node's
	short      bool // something did not fit: another exchange is to follow
}

// addPeer puts an entry into the box, if it may hold that much.
func (o *outbox) addPeer(p *Peer) {
	if o.spend(len(p.raw)) {
		o.peers = append(o.peers, p)
	}
}

// addDeparture does so with a departure.
func (o *outbox) addDeparture(n oldNews) {
	if o.spend(len(n.Raw)) {
		o.departures = append(o.departures, n)
	}
}

func (o *outbox) spend(size int) bool {
	size += itemRoom
	if size > o.budget {
		o.short = true
		return false
	}
	o.budget -= size
	return true
}

func (o *outbox) empty() bool {
	return len(o.spans)+len(o.lists)+len(o.wants)+len(o.departures)+len(o.words)+len(o.peers) == 0
}

// next gives the next message of this node's turn, the last of which ends it; nil
// if it is the other's. A short one has no more than one entry.
func (o *outbox) next(short bool) []byte {
	if !o.turn {
		return nil
	}
	var m message
	room := wire.MaxControl - frameRoom
	m.Spans, o.spans = take(o.spans, &room, func(summary) int { return summaryRoom })
	m.Lists, o.lists = take(o.lists, &room, func(l listing) int { return spanRoom + len(l.Held) + itemRoom })
	m.Wants, o.wants = take(o.wants, &room, func(ident.PeerID) int { return wantRoom })
	m.Departures, o.departures = take(o.departures, &room, func(n oldNews) int { return len(n.Raw) + itemRoom })
	var words []*Suspicion
	words, o.words = take(o.words, &room, func(s *Suspicion) int { return len(s.raw) + itemRoom })
	for _, s := range words {
		m.Suspicions = append(m.Suspicions, s.raw)
	}
	most := len(o.peers)
	if short {
		most = min(1, most)
	}
	peers, _ := take(o.peers[:most], &room, func(p *Peer) int { return len(p.raw) + itemRoom })
	m.Entries = make(blobs, 0, len(peers))
	for _, p := range peers {
		m.Entries = append(m.Entries, p.raw)
	}
	o.peers = o.peers[len(peers):]
	m.Last = o.empty()
	o.turn = !m.Last
	return wire.MustMarshalIn(wire.MaxControl-room, m)
}

// take divides a list: what fits, and the rest. Once something does not fit,
// nothing that comes later does.
func take[T any](list []T, room *int, size func(T) int) (fits, rest []T) {
	for i, v := range list {
		n := size(v)
		if n > *room {
			*room = 0
			return list[:i], list[i:]
		}
		*room -= n
	}
	return list, nil
}

package discovery

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime/wire"
)

// Protocol is the name of the links of this package. Their messages are of at
// most wire.MaxControl bytes.
const Protocol = "smalti/sync/1"

// frameRoom is what a message may take besides the entries and departures in
// it, and itemRoom what each of those takes besides its bytes.
const (
	frameRoom = 128
	itemRoom  = 16
)

// message is one frame of Protocol. A link begins with one that carries a
// digest, or is a push.
type message struct {
	Digest     []byte    `cbor:"1,keyasint,omitempty"`
	Entries    [][]byte  `cbor:"2,keyasint,omitempty"`
	Departures []oldNews `cbor:"3,keyasint,omitempty"`
	// Last: the sender has said all that it had to.
	Last bool `cbor:"4,keyasint,omitempty"`
}

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
	if n := len(m.Digest); n != 0 && n != digestSize {
		return nil, fmt.Errorf("parse sync message: digest of %d bytes: %w", n, wire.ErrDecode)
	}
	return m, nil
}

// outbox cuts entries and departures into messages, one at a time, so that a
// large catalog never lies encoded in memory.
type outbox struct {
	peers      []*Peer
	departures []oldNews
	budget     int // bytes of entries that may still go out
	done       bool
}

// next gives the next message, the last of which says so; nil after that.
func (o *outbox) next() []byte {
	if o.done {
		return nil
	}
	var m message
	room := wire.MaxControl - frameRoom
	for len(o.departures) > 0 {
		size := len(o.departures[0].Raw) + itemRoom
		if size > room {
			break
		}
		room -= size
		m.Departures = append(m.Departures, o.departures[0])
		o.departures = o.departures[1:]
	}
	for len(o.departures) == 0 && len(o.peers) > 0 {
		size := len(o.peers[0].raw) + itemRoom
		if size > o.budget {
			o.peers = nil
			break
		}
		if size > room {
			break
		}
		room -= size
		o.budget -= size
		m.Entries = append(m.Entries, o.peers[0].raw)
		o.peers = o.peers[1:]
	}
	o.done = len(o.departures) == 0 && len(o.peers) == 0
	m.Last = o.done
	return wire.MustMarshal(m)
}

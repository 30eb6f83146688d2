package quicnet

import (
	"fmt"
	"slices"
	"sync"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime/wire"
)

// lanes is how many QUIC streams each side of a session opens for its links, at most. The
// first links of a session get one each. A packet that is lost holds up the links of its
// lane only; each lane costs a goroutine at both ends.
const lanes = 4

// batchSize is the size of a buffer: what one read of a stream gives, and what one write
// carries, at most. Large writes are cheap, since each costs a turn of three
// goroutines. Until a write is through, its messages count as queued: hence a quarter of
// wire.SendBytes.
const batchSize = 64 << 10

// turn is how much one link may put into a write when others wait, in bytes. What is as
// long as direct is not copied into a buffer, but written and read where it lies.
const (
	turn   = 16 << 10
	direct = 32 << 10
)

// lane is a QUIC stream that carries links: the frames of each link in order, those of
// different links in turns. One message at a time is under way in parts.
type lane struct {
	t      *Transport
	s      *session
	stream *quic.Stream
	own    bool // this side opened the stream, and opens the links on it

	mu      sync.Mutex
	links   map[uint64]*link
	last    uint64      // the highest number of a link so far
	ready   []*link     // have something to write, in order
	resets  []tombstone // of links that were ended, to be written first
	large   *link       // whose message is under way in parts
	waiting []*link     // with a message that must go in parts, until large is through
	writing bool        // the writer runs
	down    bool
}

func newLane(s *session, stream *quic.Stream, own bool) *lane {
	return &lane{t: s.t, s: s, stream: stream, own: own, links: map[uint64]*link{}}
}

// tombstone is a link that this side ended.
type tombstone struct {
	id     uint64
	reason wire.Reason
}

// number gives a link of this side its number, when its opening is written: the peer sees
// numbers in order.
func (ln *lane) number(l *link) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.last++
	l.id = ln.last
	ln.links[l.id] = l
}

// remove forgets a link that ended: frames that still come for it are ignored. It leaves
// nothing behind, though the writer may be stuck: with l.mu held.
func (ln *lane) remove(l *link) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.links[l.id] == l {
		delete(ln.links, l.id)
	}
	if l.queued {
		is := func(other *link) bool { return other == l }
		ln.ready = slices.DeleteFunc(ln.ready, is)
		ln.waiting = slices.DeleteFunc(ln.waiting, is)
	}
	if ln.large == l {
		ln.releaseLarge()
	}
}

// find returns the link of a number, nil if it ended. known is false for a number that the
// peer cannot have yet.
func (ln *lane) find(id uint64) (l *link, known bool) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return ln.links[id], id > 0 && id <= ln.last
}

// push has the writer turn to a link; with l.mu held.
func (ln *lane) push(l *link) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.ready = append(ln.ready, l)
	ln.startWriter()
}

// spareResets is how many more resets may wait on a lane than links can be open, for links
// that are refused.
const spareResets = 1024

// reset has the peer told that a link ended. A peer that opens links and does not read what
// becomes of them loses its session.
func (ln *lane) reset(id uint64, r wire.Reason) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	switch most := ln.t.config.LinksPerPeer + wire.SpareLinks + spareResets; {
	case ln.down:
	case len(ln.resets) < most:
		ln.resets = append(ln.resets, tombstone{id, r})
		ln.startWriter()
	default:
		ln.down = true
		ln.resets = nil
		err := refuse(wire.ProtocolViolation, fmt.Sprintf("the peer does not read that %d of its links have ended", most))
		ln.t.group.Go(func() { ln.s.broken(err) }) // the lock of a link may be held
	}
}

// startWriter starts the writer, which exists while there is work; with ln.mu held.
func (ln *lane) startWriter() {
	if !ln.writing && !ln.down {
		ln.writing = true
		ln.t.group.Go(ln.write)
	}
}

// takeLarge lets a link send a message in parts, or has it wait; with l.mu held.
func (ln *lane) takeLarge(l *link) bool {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.large == nil {
		ln.large = l
	}
	if ln.large != l {
		ln.waiting = append(ln.waiting, l)
	}
	return ln.large == l
}

// doneLarge follows the last part of a message; with l.mu held.
func (ln *lane) doneLarge() {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.releaseLarge()
}

// releaseLarge has those go on that wait to send in parts; with ln.mu held.
func (ln *lane) releaseLarge() {
	ln.large = nil
	ln.ready = append(ln.ready, ln.waiting...)
	clear(ln.waiting)
	ln.waiting = ln.waiting[:0]
	ln.startWriter()
}

// share is what of a write belongs to one link.
type share struct {
	l              *link
	messages, size int
}

// write writes until there is nothing to write.
func (ln *lane) write() {
	var shares []share
	var links []*link
	for {
		buffer := ln.t.getBuffer()
		b := (*buffer)[:0]
		shares = shares[:0]

		ln.mu.Lock()
		for len(ln.resets) > 0 && len(b)+wire.MaxFrameHeader+2 <= batchSize {
			b = wire.AppendReasonFrame(b, ln.resets[0].id, wire.FrameReset, ln.resets[0].reason)
			ln.resets = ln.resets[1:]
		}
		links, ln.ready = ln.ready, links[:0]
		if len(b) == 0 && len(links) == 0 || ln.down {
			ln.writing = false
			ln.resets = nil
			ln.mu.Unlock()
			ln.t.putBuffer(buffer)
			return
		}
		ln.mu.Unlock()

		room := batchSize
		if len(links) > 1 {
			room = turn
		}
		again := links[:0]
		var tail []byte // is written behind b
		for i, l := range links {
			if tail != nil || batchSize-len(b) < direct+linkOverhead {
				again = append(again, links[i:]...)
				break
			}
			var more bool
			var sh share
			if b, tail, sh, more = l.fill(ln, b, min(batchSize, len(b)+room)); sh.messages > 0 {
				shares = append(shares, sh)
			}
			if more {
				again = append(again, l)
			}
		}
		clear(links[len(again):])
		ln.mu.Lock()
		ln.ready = append(ln.ready, again...)
		ln.mu.Unlock()
		clear(links[:len(again)])

		var err error
		if len(b) > 0 {
			_, err = ln.stream.Write(b)
		}
		if len(tail) > 0 && err == nil {
			_, err = ln.stream.Write(tail)
		}
		ln.t.putBuffer(buffer)
		for i := range shares {
			shares[i].l.wrote(shares[i].messages, shares[i].size)
		}
		clear(shares)
		if err != nil {
			ln.fail(err)
		}
	}
}

// fail ends the lane, and its session with it.
func (ln *lane) fail(err error) {
	ln.mu.Lock()
	ln.down = true
	ln.mu.Unlock()
	ln.s.broken(err)
}

// end lets nothing more be written; the session is over.
func (ln *lane) end() {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.down = true
	ln.ready, ln.waiting, ln.resets = nil, nil, nil
}

func (t *Transport) getBuffer() *[]byte {
	if b, ok := t.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, batchSize)
	return &b
}

func (t *Transport) putBuffer(b *[]byte) { t.buffers.Put(b) }

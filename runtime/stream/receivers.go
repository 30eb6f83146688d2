package stream

import (
	"slices"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// maxFormer is of how many producers that are not eligible any more a consumer
// remembers how far it was, the latest ones.
const maxFormer = 1024

// receivers is the worker of one consumer: a receiver for each producer that is
// eligible. All its methods run on its strand.
type receivers struct {
	env       *runtime.Env
	strand    runtime.Strand
	directory Directory
	stream    ident.StreamID
	config    ConsumerConfig
	queue     *queue
	board     *board
	unwatch   func() // ends the view of the catalog

	list      []*receiver // in order of creation
	byPeer    map[ident.PeerID]*receiver
	former    []former // the latest last
	lastID    uint64
	connected int // receivers that are up
	online    bool
	closed    bool
}

// former is a producer that was eligible once.
type former struct {
	peer ident.PeerID
	progress
}

// onPeers looks at each peer that changed.
func (w *receivers) onPeers(changes []discovery.Change) {
	for _, c := range changes {
		w.judge(c.Peer, c.To)
	}
}

// judge starts, keeps or stops the receiver of a peer. to is nil when it
// departed.
func (w *receivers) judge(id ident.PeerID, to *discovery.Peer) {
	r := w.byPeer[id]
	offers := to != nil && to.Entry.HasStream(w.stream)
	if r == nil && !offers {
		return
	}
	// A producer that closes withdraws the stream, and then delivers the rest.
	last := r != nil && r.up() && to != nil && !offers
	expires, reason := ticket.Never, wire.Cancelled
	switch {
	case to == nil:
		reason = wire.UnknownPeer
	case offers || last:
		expires, reason = right(w.env, w.stream, to, w.config.Tickets, w.config.Require)
	}
	switch {
	case r == nil && reason == wire.None:
		w.add(to, expires)
	case r != nil && reason == wire.None:
		r.update(to, expires, last)
		w.board.changed()
	case r != nil:
		w.remove(r, reason)
	}
}

func (w *receivers) add(peer *discovery.Peer, expires ticket.Expiration) {
	r := &receiver{worker: w, peer: peer, expires: expires, progress: w.recall(peer.Entry.Peer)}
	w.list = append(w.list, r)
	w.byPeer[peer.Entry.Peer] = r
	r.arm()
	r.connect()
}

// recall gives how far the consumer was with a producer, as far as it knows.
func (w *receivers) recall(id ident.PeerID) progress {
	if i := slices.IndexFunc(w.former, func(f former) bool { return f.peer == id }); i >= 0 {
		p := w.former[i].progress
		w.former = slices.Delete(w.former, i, i+1)
		return p
	}
	w.lastID++
	return progress{id: w.lastID}
}

func (w *receivers) remove(r *receiver, reason wire.Reason) {
	r.stop(reason)
	id := r.peer.Entry.Peer
	delete(w.byPeer, id)
	w.list = slices.DeleteFunc(w.list, func(o *receiver) bool { return o == r })
	if len(w.former) == maxFormer {
		w.former = slices.Delete(w.former, 0, 1)
	}
	w.former = append(w.former, former{id, r.progress})
}

// onRoom resumes what a full queue had paused.
func (w *receivers) onRoom() {
	for _, r := range w.list {
		if r.attempt != nil {
			r.attempt.resume()
		}
	}
}

// changed tells the world how many producers are connected.
func (w *receivers) changed() {
	online := !w.closed && w.connected >= w.config.Online
	if online != w.online {
		w.online = online
		kind := event.ConsumerOffline
		if online {
			kind = event.ConsumerOnline
		}
		w.env.Report(event.Event{Kind: kind, Stream: w.stream, N: int64(w.connected)})
	}
	w.board.changed()
}

// look makes a Status for the board.
func (w *receivers) look() Status {
	list := make([]Subscription, 0, w.connected)
	for _, r := range w.list {
		if r.up() {
			list = append(list, Subscription{ID: r.id, Peer: r.peer.Entry.Peer, Entry: r.peer.Entry, Expires: r.expires.Time()})
		}
	}
	return Status{Online: w.online, Closed: w.closed, Subscriptions: list}
}

// close ends all receivers.
func (w *receivers) close() {
	w.closed = true
	w.unwatch()
	for _, r := range w.list {
		r.stop(wire.Cancelled)
	}
	w.list = nil
	clear(w.byPeer)
	if n := w.queue.close(); n > 0 {
		w.env.Report(event.Event{Kind: event.Discarded, Stream: w.stream, N: int64(n)})
	}
	w.changed()
	w.board.update()
	w.env.Report(event.Event{Kind: event.ConsumerClosed, Stream: w.stream})
}

package stream

import (
	"slices"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// maxFormer is of how many producers that are not eligible any more a consumer
// remembers how far it was, the latest ones.
const maxFormer = 1024

// receivers is the worker of one consumer: a receiver for each producer of its
// stream. All its methods run on its strand.
type receivers struct {
	caller
	name      string // of the stream
	strand    runtime.Strand
	directory Directory
	config    ConsumerConfig
	protocol  runtime.Protocol
	maxDatum  int // that this node takes, in bytes
	demands   demands
	queue     *queue
	board     *board
	reporter  reporter
	unwatch   []func() // each ends a view of what others decide

	self      *discovery.Entry // this node's own
	list      []*receiver      // in order of creation
	byPeer    map[ident.PeerID]*receiver
	former    []former // the latest last
	token     uint64   // names this consumer to producers
	base      uint64   // what the ids of this consumer's receivers begin with
	lastID    uint64
	connected int // receivers that are up
	online    bool
	measuring bool // a look at round trips is due
	closed    bool
}

// former is a producer that was eligible once.
type former struct {
	peer ident.PeerID
	progress
}

// begin starts the work.
func (w *receivers) begin() {
	w.env.Report(w.event(&event.Event{Kind: event.ConsumerOpened, Text: w.name, N: int64(w.config.Queue), From: uint64(w.config.Backoff.First), To: uint64(w.config.Backoff.Max)}))
	w.unwatch = append(w.unwatch,
		w.directory.Subscribe(w.strand, w.onPeers),
		w.directory.SubscribeSelf(w.strand, w.onSelf),
		w.demands.tickets.Watch(w.strand, w.onValidators))
	w.changed()
}

// onPeers looks at each peer that changed.
func (w *receivers) onPeers(changes []discovery.Change) {
	for _, c := range changes {
		w.meet(c.Peer, c.To)
	}
}

// onSelf looks at this node's own producer, and tries again where this node was refused, now
// that its own entry says something else.
func (w *receivers) onSelf(e *discovery.Entry) {
	known := w.self
	w.self = e
	if known != nil && known.Version == e.Version {
		return
	}
	if !w.config.NoEcho {
		w.meet(e.Peer, &discovery.Peer{Entry: e})
	}
	if known == nil {
		return
	}
	for _, r := range w.list {
		r.appeal()
	}
}

// onValidators judges all producers anew after a validator changed its mind.
func (w *receivers) onValidators() {
	for _, r := range slices.Clone(w.list) {
		r.judge(r.peer)
	}
}

// meet takes the newest state of a peer; to is nil when it departed.
func (w *receivers) meet(id ident.PeerID, to *discovery.Peer) {
	r := w.byPeer[id]
	offers := to != nil && to.Entry.HasStream(w.stream)
	switch {
	case r == nil && offers:
		w.add(to)
	case r == nil:
	case to == nil:
		w.remove(r, wire.UnknownPeer)
	case !offers && !r.waiting():
		w.remove(r, wire.StreamNotFound)
	default:
		// A producer that closes withdraws the stream, and then delivers the rest, also to
		// a consumer that it has admitted and that does not know it yet.
		r.last = !offers
		r.judge(to)
	}
}

func (w *receivers) add(peer *discovery.Peer) {
	r := &receiver{worker: w, peer: peer, progress: w.recall(peer.Entry.Peer), barred: wire.NotAllowed}
	r.untrack = w.demands.track(w.directory, peer.Entry.Peer)
	w.list = append(w.list, r)
	w.byPeer[peer.Entry.Peer] = r
	r.judge(peer)
	w.board.changed()
}

// recall gives how far the consumer was with a producer, as far as it knows.
func (w *receivers) recall(id ident.PeerID) progress {
	if i := slices.IndexFunc(w.former, func(f former) bool { return f.peer == id }); i >= 0 {
		p := w.former[i].progress
		w.former = slices.Delete(w.former, i, i+1)
		return p
	}
	w.lastID++
	return progress{id: w.base | w.lastID}
}

func (w *receivers) remove(r *receiver, reason wire.Reason) {
	r.stop(reason)
	r.lost()
	w.board.changed()
	id := r.peer.Entry.Peer
	delete(w.byPeer, id)
	w.list = slices.DeleteFunc(w.list, func(o *receiver) bool { return o == r })
	if len(w.former) == maxFormer {
		w.former = slices.Delete(w.former, 0, 1)
	}
	w.former = append(w.former, former{id, r.progress})
}

// onRoom resumes what a full queue had paused, unless it is full again: then another
// follows.
func (w *receivers) onRoom() {
	if w.queue.isFull() {
		return
	}
	for _, r := range w.list {
		if r.attempt != nil {
			r.attempt.resume()
		}
	}
}

// watchDistances judges the round trips to all producers now and then, for as long as
// there are any.
func (w *receivers) watchDistances() {
	if w.demands.rttBelow > 0 && !w.measuring && !w.closed {
		w.measuring = true
		w.env.Clock.AfterFunc(w.strand, rttEvery, w.onDistances)
	}
}

func (w *receivers) onDistances() {
	w.measuring = false
	for _, r := range slices.Clone(w.list) {
		if r.up() && r.far(w.demands, r.attempt.link.Session()) {
			r.bar(wire.NotAllowed)
		}
	}
	if w.connected > 0 {
		w.watchDistances()
	}
}

// changed tells the world how many producers are connected.
func (w *receivers) changed() {
	online := !w.closed && w.quorum()
	if online != w.online {
		w.online = online
		kind := event.ConsumerOffline
		if online {
			kind = event.ConsumerOnline
		}
		w.env.Report(w.event(&event.Event{Kind: kind, N: int64(w.connected)}))
	}
	w.board.changed()
}

// quorum tells whether the online condition is met. A predicate that panics does
// not meet it.
func (w *receivers) quorum() (met bool) {
	err := w.call(nobody, "online", func() {
		connected := make([]*discovery.Entry, 0, w.connected)
		for _, r := range w.list {
			if r.up() {
				connected = append(connected, r.peer.Entry)
			}
		}
		met = w.config.Online.met(len(connected), func(i int) *discovery.Entry { return connected[i] })
	})
	return met && err == nil
}

// look makes a Status for the board.
func (w *receivers) look() Status {
	status := Status{Online: w.online, Closed: w.closed, Subscriptions: make([]Subscription, 0, w.connected)}
	for _, r := range w.list {
		if !r.up() {
			status.Pending = append(status.Pending, Pending{Peer: r.peer.Entry.Peer, Entry: r.peer.Entry, Tries: r.tries, Reason: r.why(), Lost: r.incarnation != 0 && r.rest == restOpen})
			continue
		}
		status.Subscriptions = append(status.Subscriptions, Subscription{
			ID: r.id, Peer: r.peer.Entry.Peer, Entry: r.peer.Entry, Expires: r.expires.Time(), Criteria: w.config.Criteria,
			Since: r.attempt.began, traffic: &r.attempt.origin.traffic,
		})
	}
	return status
}

// close ends all receivers.
func (w *receivers) close() {
	w.closed = true
	for _, stop := range w.unwatch {
		stop()
	}
	for _, r := range w.list {
		r.stop(wire.Cancelled)
	}
	w.list = nil
	clear(w.byPeer)
	stopTimer(w.reporter.timer)
	if n := w.queue.close(); n > 0 {
		w.env.Report(w.event(&event.Event{Kind: event.Discarded, N: int64(n)}))
	}
	w.changed()
	w.board.update()
	w.env.Report(w.event(&event.Event{Kind: event.ConsumerClosed}))
}

// event fills in what all events of this consumer have in common: its name is the
// part that the ids of its receivers begin with.
func (w *receivers) event(e *event.Event) *event.Event {
	e.Stream, e.Sub = w.stream, w.base
	return e
}

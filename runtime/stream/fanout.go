package stream

import (
	"math"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// maxBatch is how many datums the worker takes from its input in one turn:
// enough to make the cost of a turn vanish, few enough that admissions,
// expiries and closes never wait long.
const maxBatch = 256

// maxJudged bounds the evaluations of criteria in one turn. An evaluation may take some
// milliseconds, and admissions, revocations and closes wait for the end of the turn.
const maxJudged = 64

// maxBatchBytes is how much a consumer collects of what comes in one turn, in bytes.
const maxBatchBytes = 64 << 10

// fanout is the worker of one producer. All its methods run on its strand.
type fanout struct {
	caller
	outlet
	name        string // of the stream
	strand      runtime.Strand
	directory   Directory
	config      ProducerConfig
	demands     demands
	incarnation uint64
	before      uint64 // the incarnation of the latest producer of the stream on this node that took a datum; 0: none, or not known
	input       *input
	board       *board
	unwatch     []func() // each ends a view of what others decide

	guests map[ident.PeerID]*guest // everyone in the catalog
	subs   []*subscription         // those that are served, in order of admission
	admissions
	open    int // subscriptions whose link is not closed yet, cut ones included
	lastSub uint64
	filters filters
	work    runtime.GCRA // what the filters cost
	fates   fates

	next    uint64 // number of the next datum to be taken from the input
	batch   [][]byte
	resume  func()        // onInput, bound once
	due     bool          // resume was posted by the worker itself
	more    bool          // the input may hold datums
	blocked bool          // Block keeps them there until a subscription has room
	stalled runtime.Timer // of the subscription that is the first to have blocked for too long

	stalledAt time.Duration // Mono when it is due
	drainAt   time.Duration // Mono when deadline is due
	judgeAt   time.Duration // Mono before which they judge no consumer, see postpone
	online    bool

	measuring bool // a look at round trips is due

	closing  bool
	closedAt time.Duration // Mono when the close began
	deadline runtime.Timer // of the subscription that has drained for longest without progress
	undrain  UndrainedError
	stranded bool        // at Close, what the input held was for nobody
	finish   func(error) // the producer's: called once, at the end
}

// guest is a peer as a producer knows it.
type guest struct {
	peer *discovery.Peer
	subs []*subscription // of fanout.subs, those of this peer
	distance
	compiles runtime.GCRA // of its criteria
	gone     bool         // it left the catalog, and is served on
}

// begin starts the work.
func (w *fanout) begin() {
	w.env.Report(w.event(&event.Event{Kind: event.ProducerOpened, N: int64(w.config.MaxConsumers), From: uint64(w.config.Queue), To: uint64(w.config.MaxPerPeer), Text: w.name}))
	w.onSelf(w.directory.Me()) // a consumer of this node may come before anything is posted
	w.unwatch = append(w.unwatch,
		w.directory.Subscribe(w.strand, w.onPeers),
		w.directory.SubscribeSelf(w.strand, w.onSelf),
		w.demands.tickets.Watch(w.strand, w.onValidators))
	w.changed()
}

// onInput takes one batch from the input and hands it to every subscription.
func (w *fanout) onInput() {
	w.due = false
	w.batch, w.more = w.input.take(w.batch[:0], w.room())
	if len(w.batch) > 0 {
		w.unblock()
		w.distribute(w.batch)
		w.next = frameSeq(w.batch[len(w.batch)-1]) + 1
		clear(w.batch)
	} else if w.more {
		w.block()
		return
	}
	if w.more {
		w.again()
		return
	}
	if w.env.Buggify("stream/spurious-turn") {
		w.again()
	}
	w.drain()
}

// again has the worker go on in a turn of its own.
func (w *fanout) again() {
	if !w.due {
		w.due = true
		w.strand.Post(w.resume)
	}
}

// room is how much may be taken in one turn: under Block not more than the
// fullest subscription can hold, and nothing while there is none to hold it.
func (w *fanout) room() room {
	if w.waits() {
		return room{}
	}
	r := room{datums: maxBatch, bytes: math.MaxInt, empty: true}
	if n := len(w.filters); n > 0 {
		r.datums = max(1, maxJudged/n)
	}
	if w.env.Buggify("stream/short-batch") {
		r.datums = 1
	}
	if w.config.Lag == Block {
		for _, s := range w.subs {
			r = r.and(s.ring.room())
		}
	}
	return r
}

// waits tells whether datums stay in the input until somebody comes for them:
// they were let in for a consumer that has gone since.
func (w *fanout) waits() bool {
	return w.config.Lag == Block && len(w.subs) == 0 && !w.always() && !w.closing
}

// always tells whether datums are let in though nobody is there.
func (w *fanout) always() bool { return w.config.Online.met(0, nil) }

// distribute gives a batch to every subscription: one at a time with the whole
// batch, which costs one lock and one wake-up of the link.
func (w *fanout) distribute(batch [][]byte) {
	w.sift(batch)
	w.fates.begin(len(batch), len(w.filters) > 0)
	first := frameSeq(batch[0])
	w.each(func(s *subscription) {
		part := batch
		if s.filter != nil {
			part = s.filter.matched
			s.skip(batch, part)
		}
		n, reason := s.enqueue(part)
		w.fates.offered(part, s.filter == nil, first, n, reason)
	})
	w.settle(batch)
	w.limit()
	w.unsift()
}

// each calls f for every subscription that is served. f may cut that one, and
// no other.
func (w *fanout) each(f func(*subscription)) {
	for i := 0; i < len(w.subs); {
		s := w.subs[i]
		f(s)
		if i < len(w.subs) && w.subs[i] == s {
			i++
		}
	}
}

// block notes which subscriptions keep the oldest datum in the input, and arms the timer
// of the one that has done so for longest without progress. A datum that gets through
// unblocks all of them.
func (w *fanout) block() {
	w.blocked = true
	now, next := w.env.Clock.Mono(), w.input.oldest()
	until := time.Duration(math.MaxInt64)
	for _, s := range w.subs {
		if s.ring.room().fits(next) == len(next) {
			s.blocks = false
			continue
		}
		if !s.blocks {
			s.blocks, s.blockedAt = true, now
		}
		until = min(until, s.patience())
	}
	if len(w.subs) == 0 {
		return // the input waits for a consumer
	}
	until = max(until, w.judgeAt)
	w.stalledAt = max(until, now)
	if w.stalled == nil {
		w.stalled = w.env.Clock.AfterFunc(w.strand, until-now, w.onStalled)
	} else {
		w.stalled.Reset(until - now)
	}
}

// postpone reports whether consumers are not to be judged now by a timer that was due at a
// time, but an interval of their reports later: if it runs so late, the process was stopped,
// and what consumers sent meanwhile may not be read yet.
func (w *fanout) postpone(due time.Duration) bool {
	now, every := w.env.Clock.Mono(), w.config.progressEvery()
	if now-due >= every {
		w.judgeAt = now + every
	}
	return now < w.judgeAt
}

func (w *fanout) unblock() {
	if !w.blocked {
		return
	}
	w.blocked = false
	stopTimer(w.stalled)
	for _, s := range w.subs {
		s.blocks = false
	}
}

// onStalled cuts the subscriptions that have kept datums in the input for BlockMax
// and whose applications took nothing in that time.
func (w *fanout) onStalled() {
	now := w.env.Clock.Mono()
	if w.postpone(w.stalledAt) {
		w.stalledAt = w.judgeAt
		w.stalled.Reset(w.judgeAt - now)
		return
	}
	w.each(func(s *subscription) {
		if s.blocks && now >= s.patience() {
			s.excuse(w.config.BlockMax)
		}
		if s.blocks && now >= s.patience() {
			w.env.Mark("stream/block-max")
			s.cut(wire.TooSlow)
		}
	})
	w.again()
}

// kick has another look at what Block keeps in the input, after room was made
// or somebody has gone.
func (w *fanout) kick() {
	if w.blocked {
		w.again()
	}
}

// onPeers keeps the strand's view of the catalog and judges anew those whose
// entry changed.
func (w *fanout) onPeers(changes []discovery.Change) {
	if w.env.Buggify("stream/judge-all") {
		defer w.onValidators()
	}
	for _, c := range changes {
		w.meet(c.Peer, c.To)
	}
}

// onSelf judges the consumers of this node by its own entry.
func (w *fanout) onSelf(e *discovery.Entry) { w.meet(e.Peer, &discovery.Peer{Entry: e}) }

// meet takes the newest state of a peer; to is nil when it departed.
func (w *fanout) meet(id ident.PeerID, to *discovery.Peer) {
	g := w.guests[id]
	switch {
	case to == nil && g != nil:
		w.lost(g)
	case to != nil && g == nil:
		w.guests[id] = &guest{peer: to}
	case to != nil:
		g.peer, g.gone = to, false
		if len(g.subs) > 0 {
			w.judgeAgain(g)
		}
	}
}

// lost follows the departure of a peer.
func (w *fanout) lost(g *guest) {
	if w.config.KeepDeparted && len(g.subs) > 0 {
		g.gone = true
		return
	}
	g.cut(wire.UnknownPeer)
	delete(w.guests, g.peer.Entry.Peer)
}

// onValidators judges everyone anew, in order of admission, after a validator
// changed its mind.
func (w *fanout) onValidators() {
	var last *guest
	w.each(func(s *subscription) {
		if s.guest != last {
			last = s.guest
			w.judgeAgain(last)
		}
	})
}

// enlist begins to serve s, remove ends it.
func (w *fanout) enlist(s *subscription) {
	w.open++
	w.subs = append(w.subs, s)
	s.guest.subs = append(s.guest.subs, s)
	s.untrack = w.demands.track(w.directory, s.peer)
}

func (w *fanout) remove(s *subscription) {
	same := func(o *subscription) bool { return o == s }
	w.subs = slices.DeleteFunc(w.subs, same)
	s.guest.subs = slices.DeleteFunc(s.guest.subs, same)
	if s.guest.gone && len(s.guest.subs) == 0 {
		delete(w.guests, s.peer)
	}
	if s.filter != nil {
		w.filters.drop(s.filter)
	}
	s.untrack()
	w.changed()
}

// onSubClosed follows the end of a link, whether its subscription was cut
// before or not.
func (w *fanout) onSubClosed() {
	w.open--
	w.kick()
	w.end()
}

// changed lets datums in or keeps them out, as the number of consumers
// demands, and has the change told.
func (w *fanout) changed() {
	online := !w.closing && w.quorum()
	if online != w.online {
		w.online = online
		kind := event.ProducerOffline
		if online {
			kind = event.ProducerOnline
		}
		w.env.Report(w.event(&event.Event{Kind: kind, N: int64(len(w.subs))}))
	}
	w.input.set(online, w.closing)
	w.board.changed()
}

// quorum tells whether the condition is met under which datums are let in. A
// predicate that panics does not meet it.
func (w *fanout) quorum() (met bool) {
	err := w.call(nobody, "online", func() {
		met = w.config.Online.met(len(w.subs), func(i int) *discovery.Entry { return w.subs[i].guest.peer.Entry })
	})
	return met && err == nil
}

// look makes a Status for the board.
func (w *fanout) look() Status {
	list := make([]Subscription, len(w.subs))
	for i, s := range w.subs {
		list[i] = Subscription{
			ID: s.id, Peer: s.peer, Entry: s.guest.peer.Entry, Expires: s.expires.Time(), Criteria: s.criteria, Since: s.since, traffic: &s.traffic,
		}
	}
	return Status{Online: w.online, Closed: w.closing, Subscriptions: list}
}

// close begins the orderly end: input closed, input empty, rings empty, links
// drained, all closed. Twice is fine.
func (w *fanout) close() {
	if w.closing {
		return
	}
	w.stranded = w.waits()
	w.closing = true
	w.closedAt = w.env.Clock.Mono()
	w.drainAt = w.closedAt + w.config.DrainMax
	w.deadline = w.env.Clock.AfterFunc(w.strand, w.config.DrainMax, w.onDrainDeadline)
	w.env.Report(w.event(&event.Event{Kind: event.ProducerClosing}))
	for _, s := range w.subs {
		s.owed = true
	}
	w.more = true // until the input, closed now, was seen empty
	w.changed()
	w.again()
}

// drain begins to end the subscriptions of a closed producer. Nobody is drained
// while the input holds datums.
func (w *fanout) drain() {
	if !w.closing {
		return
	}
	for _, stop := range w.unwatch { // what is on its way was let in while there was a right
		stop()
	}
	w.unwatch = nil
	for _, s := range w.subs {
		s.drain()
	}
	w.end()
}

// onDrainDeadline cuts the subscriptions that made no progress for DrainMax. The close
// goes on while others do. One that has taken everything waits for what Block keeps in the
// input for the sake of another.
func (w *fanout) onDrainDeadline() {
	now := w.env.Clock.Mono()
	if w.postpone(w.drainAt) {
		w.drainAt = w.judgeAt
		w.deadline.Reset(w.judgeAt - now)
		return
	}
	until := time.Duration(math.MaxInt64)
	w.each(func(s *subscription) {
		s.excuse(w.config.DrainMax)
		due := max(w.closedAt, s.progressAt) + w.config.DrainMax
		if s.stage == serving && s.settled() {
			due = now + w.config.DrainMax
		}
		if now < due {
			until = min(until, due)
		} else {
			s.cut(wire.DrainTimeout)
		}
	})
	if len(w.subs) > 0 {
		w.drainAt = until
		w.deadline.Reset(until - now)
		w.again()
		return
	}
	w.giveUp()
}

// giveUp drops what the input holds and cuts every subscription.
func (w *fanout) giveUp() {
	w.batch, w.more = w.input.take(w.batch[:0], room{datums: math.MaxInt, bytes: math.MaxInt})
	if n := len(w.batch); n > 0 {
		w.undrain.Input += n
		w.lose(w.batch, wire.DrainTimeout)
		clear(w.batch)
	}
	w.each(func(s *subscription) { s.cut(wire.DrainTimeout) })
	w.drain()
}

// end tells that the close is done, once nothing is left.
func (w *fanout) end() {
	if !w.closing || w.more || w.open > 0 || w.finish == nil {
		return
	}
	w.deadline.Stop()
	w.unblock()
	w.env.Report(w.event(&event.Event{Kind: event.ProducerClosed}))
	w.board.update()
	var err error
	if w.undrain != (UndrainedError{}) {
		err = &w.undrain
	}
	w.finish(err)
	w.finish = nil
}

// event fills in what all events of this worker have in common.
func (w *fanout) event(e *event.Event) *event.Event {
	e.Stream, e.Incarnation = w.stream, w.incarnation
	return e
}

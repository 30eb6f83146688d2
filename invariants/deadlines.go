package invariants

import (
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// deadlinesRule: a deadline is for what is wrong elsewhere. Where nothing is, one that passes
// hides a wake-up that was lost.
var deadlinesRule = rule{
	Info: Info{"deadlines", Safety, "where nothing is wrong nothing ends because its time is over: no handshake, " +
		"session, ping or exchange with a node that runs, no drain to a consumer that has everything or whose " +
		"application has taken all that arrived, and no close of a node that has nothing left to deliver"},
	kinds: []event.Kind{
		event.Unsubscribed, event.SyncEnded, event.Pinged, event.SessionDown, event.SubEnded, event.NodeClosing, event.NodeStopped,
	},
	make: func(p reporter, b *book, o Options) Checker {
		return &deadlines{
			reporter: p, book: b, joins: map[int]bool{}, stops: o.Stop, blocks: o.BlockMax,
			trip: int64(deadlineTrips*o.Latency + stuckTurns*o.Lag),
		}
	},
}

// A consumer that has everything says so within confirmMax, besides deadlineTrips times the
// latency and the turns of a strategy.
// waitMax is the longest deadline: before something times out nothing was wrong for so long.
const (
	confirmMax    = time.Second
	deadlineTrips = 10
	waitMax       = 30 * time.Second
)

// arriveMax is how long a datum may be on its way over a slow path.
const arriveMax = 10 * time.Second

type deadlines struct {
	reporter
	*book
	stops  time.Duration
	blocks map[ident.StreamID]time.Duration
	trip   int64
	joins  map[int]bool // lives that were linked when they began to close
}

func (c *deadlines) Event(r *event.Record) {
	switch r.Kind {
	case event.SubEnded:
		c.drain(r)
	case event.NodeClosing:
		c.joins[c.life.id] = c.linked(c.life, r.At)
	case event.NodeStopped:
		c.stop(r)
	default:
		if since, well := c.well(); (r.Reason == wire.HandshakeTimeout || r.Reason == wire.IdleTimeout || r.Reason == wire.DrainTimeout) &&
			well && r.At-since > int64(waitMax) && c.life.closes == 0 && c.host.brisk(r.At) && c.reachable(c.runs(r.Peer), r.At) {
			c.fail(r, "%s, though nothing is wrong since %s", r.Event, time.Duration(since))
		}
	}
}

// reachable reports whether a node answers at once.
func (c *deadlines) reachable(l *life, at int64) bool {
	return l != nil && l.closes == 0 && l.host.brisk(at)
}

// calm reports whether nothing was wrong from before a moment on until another one.
func (c *deadlines) calm(from, until int64) bool {
	quiet := func(troubled int64) bool { return troubled == 0 || troubled+int64(healing) <= from }
	return !c.shared && (c.wrong == 0 && quiet(c.troubled) || c.wrongAt > until && quiet(c.before))
}

// drain judges the end of a subscription for which a producer waited.
func (c *deadlines) drain(r *event.Record) {
	p, l := c.producer, c.runs(r.Peer)
	gaveUp := r.Reason == wire.DrainTimeout || r.Reason == wire.TooSlow && c.blocks[p.key.stream] > 0
	if !gaveUp && r.Reason != wire.GracefulShutdown || c.sub == nil || l == nil || p.gaveUp {
		return
	}
	since := p.closesAt
	if !p.closing {
		since = max(c.sub.at, r.At-int64(c.blocks[p.key.stream]))
	}
	for _, v := range l.receivers {
		given := v.given()
		if v.key.peer != p.key.node || v.key.stream != p.key.stream || v.incarnation != p.key.incarnation || v.blurred || len(given) == 0 {
			continue
		}
		came := max(v.came, since)
		due := came + int64(confirmMax) + c.trip
		all := given[len(given)-1].to < v.next
		switch {
		case all && p.closing && r.At > due && c.calm(since, due):
			c.fail(r, "%s, though its consumer has everything since %s", r.Event, time.Duration(came))
		case !all && gaveUp && c.sub.hungry && c.sub.consumed+1 >= v.next && r.At-came < int64(arriveMax) && c.calm(since, r.At):
			c.fail(r, "%s, though its consumer waits for datum %d, which is on its way", r.Event, v.next)
		}
	}
}

// stop judges how long a node took for its end after it had delivered everything.
func (c *deadlines) stop(r *event.Record) {
	l := c.life
	if c.stops == 0 || l.closes == 0 || !c.calm(l.closes, r.At) || !c.host.brisk(r.At) || !c.joins[l.id] {
		return
	}
	since := l.closes
	for _, p := range l.producers {
		since = max(since, p.closedAt)
	}
	if took := r.At - since; took > int64(c.stops)+c.trip {
		c.fail(r, "%s took %s to stop after its producers were closed", r.Host, time.Duration(took))
	}
}

// linked reports whether a node and each peer that it knows have a session, at both ends.
// One end alone may be what a fault left, and a node that leaves dials peers with which it
// has none.
func (c *deadlines) linked(l *life, at int64) bool {
	//lint:ordered whether all are
	for peer, e := range l.known {
		if !e.present || peer == l.node {
			continue
		}
		other := c.runs(peer)
		if !c.reachable(other, at) || !joins(l, peer, at) || !joins(other, l.node, at) {
			return false
		}
	}
	return true
}

// joins reports whether a node had a session with a peer for a while.
func joins(l *life, peer ident.PeerID, at int64) bool {
	since, up := l.sessions[peer]
	return up && at-since >= int64(settled)
}

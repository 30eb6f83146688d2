package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/sim/fault"
)

// book is what the records so far say. Rules read it; it judges nothing.
type book struct {
	byzantine []string
	hosts     map[string]*host
	recent    [64]*host // found last, by the end of the name: see hostOf
	nodes     map[ident.PeerID]trust
	homes     map[ident.PeerID]*host // where a node runs, or did; nil where several hosts are it
	shared    bool                   // a key runs, or ran, on several hosts
	producers map[producerKey]*producer
	sources   map[sourceKey]*source
	source    *source // found last
	lives     int
	quiesced  int64 // At of Quiesced, -1 before
	wrong     int   // faults under way
	troubled  int64 // At of the last end of a fault, or of a node
	wrongAt   int64 // At since when, or when last, faults were under way
	before    int64 // troubled at that moment

	// The present record is about these; nil where it is about none.
	host     *host
	life     *life
	producer *producer
	sub      *subscription
	receiver *receiver
}

// trust tells what a node's silence means.
type trust int

const (
	unseen trust = iota // it reports elsewhere: nothing is known
	honest              // it reports here: what it did not report did not happen
	liar                // it is run by a byzantine host
)

// host is a machine; life is one boot of it.
type host struct {
	name    string
	liar    bool
	node    ident.PeerID
	life    *life
	gone    int64 // At since which no node runs there; -1 while one does
	slow    int   // faults under way by which it stands still, or takes time for each step
	calm    int64 // At since when there is none
	stepped int64 // At of the last step of its clock
}

// slowed notes that a fault of r's makes a host slow, or does not any more.
func (b *book) slowed(r *event.Record) {
	f, err := fault.Parse(r.Text)
	if err != nil {
		return
	}
	var h *host
	switch f := f.(type) {
	case fault.Pause:
		h = b.hostOf(f.Host)
	case fault.Busy:
		h = b.hostOf(f.Host)
	default:
		return
	}
	h.slow--
	if r.Kind == event.FaultBegan {
		h.slow += 2
	}
	h.calm = r.At
}

// healing is how long nothing is wrong until all links between neighbours are there again:
// those whose ends are both there go on soon, others are given up and made anew.
const healing = 5 * time.Second

// well gives the moment since when nothing was wrong any more, and what was has healed. A
// key that ran on several hosts is refused for longer.
func (b *book) well() (since int64, found bool) {
	return max(b.troubled, b.quiesced) + int64(healing), b.quiesced >= 0 && b.wrong == 0 && !b.shared
}

// deceived tells whether a life holds a peer for there which is not: its neighbours may be
// such.
func (b *book) deceived(l *life) bool {
	//lint:ordered whether there is one
	for peer, e := range l.known {
		if e.present && b.runs(peer) == nil {
			return true
		}
	}
	return false
}

// joined tells whether a life has a session with a node that runs, and had it for a while: a
// dial that was lost takes long until it is made again.
func (b *book) joined(l *life, at int64) bool {
	//lint:ordered whether there is one
	for peer, since := range l.sessions {
		if since <= at-int64(settled) && b.runs(peer) != nil {
			return true
		}
	}
	return false
}

// settled is how long a session must be there to be used for everything.
const settled = 2 * time.Second

// catchUp is how long a host may take for what waits after it was slow.
const catchUp = time.Second

// brisk tells whether a host does at once what is to be done.
func (h *host) brisk(at int64) bool {
	return h.slow == 0 && (h.calm == 0 || at-h.calm > int64(catchUp))
}

type life struct {
	host      *host
	id        int // distinct among the lives of all hosts
	boot      int
	node      ident.PeerID
	over      bool
	closes    int64 // At since when the node is closing; 0: it is not
	stopped   bool
	streams   map[ident.StreamID]*consumers
	receivers []*receiver // in order of first mention
	find      map[receiverKey]*receiver
	producers []*producer // in order of first mention
	last      *receiver   // found last
	producer  *producer   // found last
	reader    *appReader  // found last
	known     map[ident.PeerID]*entry
	sessions  map[ident.PeerID]int64 // At since when there is one
	published []publication
}

func newBook(o Options) *book {
	return &book{
		byzantine: o.Byzantine, hosts: map[string]*host{}, nodes: map[ident.PeerID]trust{}, homes: map[ident.PeerID]*host{},
		producers: map[producerKey]*producer{}, sources: map[sourceKey]*source{}, quiesced: -1,
	}
}

// turn opens the book where r is about. It tells whether r counts.
func (b *book) turn(r *event.Record) bool {
	b.life, b.producer, b.sub, b.receiver = nil, nil, nil, nil
	if b.host == nil || b.host.name != r.Host {
		b.host = b.hostOf(r.Host)
	}
	h := b.host
	if h.node != r.Node && !r.Node.IsZero() {
		b.meet(h, r.Node)
	}
	if h.liar {
		return false
	}
	if h.life == nil || h.life.over || h.life.boot != r.Boot {
		b.begin(h, r)
	}
	b.life = h.life
	switch k := r.Kind; {
	case k >= event.ProducerOpened && k <= event.ProducerClosing || k == event.SubProgress:
		b.producer = b.producerOf(h.life, r)
		b.sub = b.producer.find(r.Sub)
	case k >= event.Subscribing && k <= event.Skipped || k == event.Retrying:
		b.receiver = h.life.receiver(r)
	}
	return true
}

// hostOf gives the host called name. Records of many hosts take turns, and the ends of their
// names differ, so most are found without the map.
func (b *book) hostOf(name string) *host {
	var end byte
	if n := len(name); n > 0 {
		end = name[n-1]
	}
	recent := &b.recent[end%byte(len(b.recent))]
	if h := *recent; h != nil && h.name == name {
		return h
	}
	h := b.hosts[name]
	if h == nil {
		h = &host{name: name, gone: -1, liar: slices.Contains(b.byzantine, name)}
		b.hosts[name] = h
	}
	*recent = h
	return h
}

// meet notes which node a host runs. A key that a byzantine host has too is not
// to be trusted anywhere.
func (b *book) meet(h *host, node ident.PeerID) {
	h.node = node
	if home, met := b.homes[node]; !met {
		b.homes[node] = h
	} else if home != h {
		b.homes[node], b.shared = nil, true
	}
	switch {
	case h.liar:
		b.nodes[node] = liar
	case b.nodes[node] == unseen:
		b.nodes[node] = honest
	}
}

// begin starts a life of h with the record r.
func (b *book) begin(h *host, r *event.Record) {
	b.end(h)
	b.lives++
	h.life = &life{
		host: h, id: b.lives, boot: r.Boot, node: r.Node,
		streams: map[ident.StreamID]*consumers{}, find: map[receiverKey]*receiver{}, known: map[ident.PeerID]*entry{}, sessions: map[ident.PeerID]int64{},
	}
}

// end voids what the present life of h had open.
func (b *book) end(h *host) {
	if h.life != nil {
		h.life.over = true
	}
}

// apply enters r.
func (b *book) apply(r *event.Record) {
	if b.life.node.IsZero() {
		b.life.node = r.Node
	}
	switch r.Kind {
	case event.HostCrashed, event.HostRestarted:
		b.troubled = r.At
		b.hostOf(r.Text).gone = r.At
		b.end(b.hostOf(r.Text))
	case event.ClockStepped:
		b.hostOf(r.Text).stepped = r.At
	case event.FaultBegan:
		if b.wrong == 0 {
			b.wrongAt, b.before = r.At, b.troubled
		}
		b.wrong++
		b.slowed(r)
	case event.FaultEnded:
		b.wrong--
		b.troubled = r.At
		b.slowed(r)
	case event.AppSent:
		b.sourceOf(r.Node, r.Incarnation).apply(r)
	case event.NodeClosing:
		b.life.closes = r.At
	case event.NodeStopped:
		b.host.gone, b.troubled, b.life.stopped = r.At, r.At, true
	case event.NodeStarted:
		b.host.gone = -1
	case event.Quiesced:
		if b.quiesced < 0 {
			b.quiesced = r.At
		}
	case event.SessionUp:
		b.life.sessions[r.Peer] = r.At
	case event.SessionDown:
		delete(b.life.sessions, r.Peer)
	case event.ConsumerOpened, event.ConsumerClosed, event.ConsumerOnline, event.ConsumerOffline:
		b.life.consumersOf(r.Stream).apply(b.life, r)
	case event.PeerDiscovered, event.PeerUpdated, event.PeerDeparted, event.PeerHidden, event.PeerReturned, event.EntryPublished:
		b.life.applyEntry(r)
	}
	if b.producer != nil {
		b.producer.apply(b, r)
	}
	if b.receiver != nil {
		b.receiver.apply(b, r)
	}
}

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
	producers map[producerKey]*producer
	sources   map[sourceKey]*source
	source    *source // found last
	lives     int
	quiesced  int64 // At of Quiesced, -1 before

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
	name string
	liar bool
	node ident.PeerID
	life *life
	gone int64 // At since which no node runs there; -1 while one does
	slow int   // faults under way by which it stands still, or takes time for each step
	calm int64 // At since when there is none
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
	streams   map[ident.StreamID]*consumers
	receivers []*receiver // in order of first mention
	find      map[receiverKey]*receiver
	last      *receiver  // found last
	producer  *producer  // found last
	reader    *appReader // found last
	known     map[ident.PeerID]*entry
	published []publication
}

func newBook(o Options) *book {
	return &book{
		byzantine: o.Byzantine, hosts: map[string]*host{}, nodes: map[ident.PeerID]trust{},
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
	case k >= event.ProducerOpened && k <= event.ProducerClosing:
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
		streams: map[ident.StreamID]*consumers{}, find: map[receiverKey]*receiver{}, known: map[ident.PeerID]*entry{},
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
		b.hostOf(r.Text).gone = r.At
		b.end(b.hostOf(r.Text))
	case event.FaultBegan, event.FaultEnded:
		b.slowed(r)
	case event.AppSent:
		b.sourceOf(r.Node, r.Incarnation).apply(r)
	case event.NodeStopped:
		b.host.gone = r.At
	case event.NodeStarted:
		b.host.gone = -1
	case event.Quiesced:
		if b.quiesced < 0 {
			b.quiesced = r.At
		}
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

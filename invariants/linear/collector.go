package linear

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Bounds of one object: the search doubles with each operation that is open at
// once, and is linear in their number.
const (
	MaxOpen       = 8
	MaxOperations = 2000
)

// Collector gathers operations from records, which must begin with the start
// of each host and be in causal order.
type Collector struct {
	clock   int64 // of records
	at      int64 // virtual time of the last one
	objects map[objectKey]*object
	order   []*object
	calls   map[callKey][]int64 // open calls of consumers, oldest first
}

type objectKey struct {
	node        ident.PeerID
	stream      ident.StreamID
	incarnation uint64
}

// callKey names a consumer's attempts at a producer. Two consumers on one host
// may share it.
type callKey struct {
	node, peer ident.PeerID
	boot       int
	stream     ident.StreamID
	sub        uint64
}

// object is the admission of one producer.
type object struct {
	key        objectKey
	host       string
	capacity   int64
	slots      map[uint64]ident.PeerID // taken, by Sub
	held       map[ident.PeerID]int
	operations []operation
	accepted   map[ident.PeerID][]int // operations that no consumer confirmed yet
	refused    map[ident.PeerID][]int
	full       bool // MaxOperations are reached
	// The producer's own order lies within the intervals of its operations: if it is
	// legal, that proves them linearizable, however many there are and overlap. If it
	// is not, that proves nothing.
	taken      int64
	disorderly bool
	phantom    int64 // At of a Subscribed that nobody accepted, 0 for none
	claimant   ident.PeerID
}

type action int

const (
	subscribe action = iota
	refuse
	leave
)

func (a action) String() string { return [...]string{"subscribe", "refuse", "leave"}[a] }

// operation is one of an object's. point is the producer's report, between call
// and end.
type operation struct {
	action           action
	peer             ident.PeerID
	call, point, end int64
	at               int64 // virtual time of point
}

// NewCollector makes an empty collector.
func NewCollector() *Collector {
	return &Collector{objects: map[objectKey]*object{}, calls: map[callKey][]int64{}}
}

// Event takes the next record.
func (c *Collector) Event(r *event.Record) {
	switch r.Kind {
	case event.ProducerOpened, event.SubAccepted, event.SubRefused, event.SubDraining, event.SubEnded:
		c.clock, c.at = c.clock+1, r.At
		c.producer(r)
	case event.Subscribing, event.Subscribed, event.Unsubscribed:
		c.clock, c.at = c.clock+1, r.At
		c.consumer(r)
	}
}

func (c *Collector) producer(r *event.Record) {
	key := objectKey{r.Node, r.Stream, r.Incarnation}
	o := c.objects[key]
	if r.Kind == event.ProducerOpened {
		if o == nil {
			o = &object{
				key: key, host: r.Host, capacity: r.N, slots: map[uint64]ident.PeerID{}, held: map[ident.PeerID]int{},
				accepted: map[ident.PeerID][]int{}, refused: map[ident.PeerID][]int{},
			}
			c.objects[key] = o
			c.order = append(c.order, o)
		}
		return
	}
	if o == nil {
		return // its start is not in the records
	}
	switch r.Kind {
	case event.SubAccepted:
		o.slots[r.Sub] = r.Peer
		o.held[r.Peer]++
		o.add(c, subscribe, r.Peer, o.accepted)
	case event.SubRefused:
		if r.Reason == wire.NoCapacity && o.held[r.Peer] == 0 {
			o.add(c, refuse, r.Peer, o.refused)
		}
	default:
		peer, taken := o.slots[r.Sub]
		if !taken {
			return
		}
		delete(o.slots, r.Sub)
		o.held[peer]--
		o.add(c, leave, peer, nil)
	}
}

// add enters an operation at the present moment. waiting, if any, is where a
// consumer's confirmation will look for it.
func (o *object) add(c *Collector, a action, peer ident.PeerID, waiting map[ident.PeerID][]int) {
	legal, taken := step(o.capacity, o.taken, a)
	o.taken, o.disorderly = taken, o.disorderly || !legal
	if o.full = o.full || len(o.operations) == MaxOperations; o.full {
		return
	}
	o.operations = append(o.operations, operation{action: a, peer: peer, call: c.clock, point: c.clock, end: c.clock, at: c.at})
	if waiting != nil {
		waiting[peer] = append(waiting[peer], len(o.operations)-1)
	}
}

func (c *Collector) consumer(r *event.Record) {
	key := callKey{r.Node, r.Peer, r.Boot, r.Stream, r.Sub}
	if r.Kind == event.Subscribing {
		c.calls[key] = append(c.calls[key], c.clock)
		if len(c.calls[key]) > MaxOpen {
			c.calls[key] = c.calls[key][1:]
		}
		return
	}
	calls := c.calls[key]
	if len(calls) == 0 {
		return // the end of a subscription, or its start is not in the records
	}
	// One that dies unsaid leaves its call open: then the oldest is too old,
	// which widens the interval and is sound.
	call := calls[0]
	if c.calls[key] = calls[1:]; len(calls) == 1 {
		delete(c.calls, key)
	}
	switch {
	case r.Kind == event.Subscribed:
		o := c.objects[objectKey{r.Peer, r.Stream, r.Incarnation}]
		if o != nil && !o.confirm(o.accepted, r.Node, call, c.clock) && !o.full && o.phantom == 0 {
			o.phantom, o.claimant = r.At, r.Node
		}
	case r.Reason == wire.NoCapacity:
		for _, o := range c.order {
			if o.key.node == r.Peer && o.key.stream == r.Stream && o.confirm(o.refused, r.Node, call, c.clock) {
				return
			}
		}
	}
}

// confirm widens the first operation of a peer that waits and happened since
// call, to what the consumer saw. Operations of one peer are alike, so it does
// not matter which of several it is. If none happened since, because two
// consumers share a key and their calls were mixed up, one that waits is
// confirmed and stays as narrow as it is.
func (o *object) confirm(waiting map[ident.PeerID][]int, peer ident.PeerID, call, end int64) bool {
	for i, n := range waiting[peer] {
		if op := &o.operations[n]; op.point > call {
			op.call, op.end = call, end
			waiting[peer] = append(waiting[peer][:i:i], waiting[peer][i+1:]...)
			return true
		}
	}
	if len(waiting[peer]) == 0 {
		return false
	}
	waiting[peer] = waiting[peer][1:]
	return true
}

// name says which object it is.
func (o *object) name() string {
	return fmt.Sprintf("admission of stream %s on %s, incarnation %d", o.key.stream.Short(), o.host, o.key.incarnation)
}

// describe says what an operation was, for people.
func (o *object) describe(op operation) string {
	return fmt.Sprintf("%s of %s at %s", op.action, op.peer.Short(), time.Duration(op.at))
}

package discovery

import (
	"slices"

	"github.com/smalti/smalti/runtime/ident"
)

// draft is the catalog that the worker writes: the one that was published last, and
// what the next one changes. So the worker keeps no second copy of all peers.
type draft struct {
	base    *Catalog
	changes []replacement // ascending: what a message brings mostly comes in this order
	n       int           // of peers, changes included
	room    run           // of the last catalog
	last    int           // the leaf that was looked into last: who asks for many peers does so in order
}

func newDraft(base *Catalog) draft { return draft{base: base, n: base.Len()} }

// find gives the place of a peer in the changes, and whether it is there.
func (d *draft) find(id ident.PeerID) (int, bool) {
	n := len(d.changes)
	if n == 0 || compareIDs(d.changes[n-1].id(), id) < 0 {
		return n, false
	}
	return slices.BinarySearchFunc(d.changes, id, func(r replacement, id ident.PeerID) int { return compareIDs(r.id(), id) })
}

// get gives a peer, nil if there is none.
func (d *draft) get(id ident.PeerID) *Peer {
	if i, changed := d.find(id); changed {
		if d.changes[i].gone {
			return nil
		}
		return d.changes[i].peer
	}
	d.last = d.base.leafFrom(d.last, id)
	return d.base.in(d.last, id)
}

// set puts a peer in, or takes it out if p is nil.
func (d *draft) set(id ident.PeerID, p *Peer) { d.replace(id, d.get(id), p) }

// replace is set for who knows what there was before.
func (d *draft) replace(id ident.PeerID, before, p *Peer) {
	r := replacement{peer: p}
	switch {
	case before == nil && p == nil:
		return
	case before == nil:
		d.n++
	case p == nil:
		d.n--
		r = replacement{peer: before, gone: true}
	}
	i, changed := d.find(id)
	if !changed {
		d.changes = slices.Insert(d.changes, i, r)
	}
	d.changes[i] = r
}

// maxKept is for how many changes a draft keeps the room: those of a message.
const maxKept = 512

// publish makes the catalog of the changes; nil if there are none.
func (d *draft) publish() *Catalog {
	if len(d.changes) == 0 {
		return nil
	}
	d.base = d.base.with(d.changes, &d.room)
	if cap(d.changes) > maxKept {
		d.changes, d.room = nil, run{}
	}
	clear(d.changes)
	clear(d.room.peers[:cap(d.room.peers)])
	d.changes = d.changes[:0]
	return d.base
}

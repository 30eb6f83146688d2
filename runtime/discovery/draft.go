package discovery

import (
	"slices"

	"github.com/smalti/smalti/runtime/ident"
)

// draft is the catalog that the worker writes: the one that was published last, and
// what the next one changes. So the worker keeps no second copy of all peers.
type draft struct {
	base    *Catalog
	changes []replacement
	where   map[ident.PeerID]int // in changes
	n       int                  // of peers, changes included
}

func newDraft(base *Catalog) draft {
	return draft{base: base, where: map[ident.PeerID]int{}, n: base.Len()}
}

// get gives a peer, nil if there is none.
func (d *draft) get(id ident.PeerID) *Peer {
	if len(d.changes) > 0 {
		if i, changed := d.where[id]; changed {
			return d.changes[i].peer
		}
	}
	p, _ := d.base.Get(id)
	return p
}

// set puts a peer in, or takes it out if p is nil.
func (d *draft) set(id ident.PeerID, p *Peer) { d.replace(id, d.get(id), p) }

// replace is set for who knows what there was before.
func (d *draft) replace(id ident.PeerID, before, p *Peer) {
	i, changed := d.where[id]
	if !changed {
		i = len(d.changes)
		d.where[id] = i
		d.changes = append(d.changes, replacement{id: id})
	}
	d.changes[i].peer = p
	switch {
	case before == nil && p != nil:
		d.n++
	case before != nil && p == nil:
		d.n--
	}
}

// emptied gives an empty map in the place of m: m itself, unless it was large once, for
// a map that is cleared keeps its size, and costs as much to walk over.
func emptied[K comparable, V any](m map[K]V) map[K]V {
	if len(m) > muchNews {
		return map[K]V{}
	}
	clear(m)
	return m
}

// publish makes the catalog of the changes; nil if there are none.
func (d *draft) publish() *Catalog {
	if len(d.changes) == 0 {
		return nil
	}
	slices.SortFunc(d.changes, func(a, b replacement) int { return compareIDs(a.id, b.id) })
	d.base = d.base.with(d.changes)
	d.changes, d.where = nil, emptied(d.where)
	return d.base
}

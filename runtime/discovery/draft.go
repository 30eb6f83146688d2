package discovery

import "github.com/smalti/smalti/runtime/ident"

// draft is the catalog that the worker writes: the one that was published last, and
// what the next one changes. So the worker keeps no second copy of all peers.
type draft struct {
	base    *Catalog
	changes map[ident.PeerID]*Peer // nil for one that is gone
	n       int                    // of peers, changes included
}

func newDraft(base *Catalog) draft {
	return draft{base: base, changes: map[ident.PeerID]*Peer{}, n: base.Len()}
}

// get gives a peer, nil if there is none.
func (d *draft) get(id ident.PeerID) *Peer {
	if len(d.changes) > 0 {
		if p, changed := d.changes[id]; changed {
			return p
		}
	}
	p, _ := d.base.Get(id)
	return p
}

// set puts a peer in, or takes it out if p is nil.
func (d *draft) set(id ident.PeerID, p *Peer) { d.replace(id, d.get(id), p) }

// replace is set for who knows what there was before.
func (d *draft) replace(id ident.PeerID, before, p *Peer) {
	d.changes[id] = p
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
	list := make([]replacement, 0, len(d.changes))
	for _, id := range sortedIDs(d.changes) {
		list = append(list, replacement{id: id, peer: d.changes[id]})
	}
	d.base = d.base.with(list)
	d.changes = emptied(d.changes)
	return d.base
}

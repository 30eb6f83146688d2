package discovery

import (
	"iter"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/ident"
)

// Peer is what a node knows of another, or of itself. It is immutable.
type Peer struct {
	Entry *Entry
	// RTT is the smoothed round trip, 0 while it is unknown. It changes only
	// when it moved by more than a sixteenth and 100 us.
	RTT        time.Duration
	RTTSettled bool

	raw      []byte // the signed entry, nil if nobody signed it
	mark     mark   // of the entry, if it is signed
	unsigned bool
}

// Unsigned tells whether the entry was put in by this node's application, on
// trust.
func (p *Peer) Unsigned() bool { return p.unsigned }

// Signed gives the entry with its signature, in the form that Feed takes; nil if
// it is unsigned.
func (p *Peer) Signed() []byte { return slices.Clone(p.raw) }

// Change is the difference that one peer makes between two catalogs. From is
// nil for a new peer, To for one that is gone.
type Change struct {
	Peer     ident.PeerID
	From, To *Peer
}

// Catalog is an immutable snapshot of all peers that a node holds an entry of,
// the node itself included.
type Catalog struct {
	self  ident.PeerID
	peers []*Peer // ascending by id
}

// Get gives the peer called id.
func (c *Catalog) Get(id ident.PeerID) (*Peer, bool) {
	i, found := slices.BinarySearchFunc(c.peers, id, comparePeer)
	if !found {
		return nil, false
	}
	return c.peers[i], true
}

// All gives every peer in ascending order of id, the node itself included.
func (c *Catalog) All() iter.Seq[*Peer] { return slices.Values(c.peers) }

// Len counts the peers, the node itself included.
func (c *Catalog) Len() int { return len(c.peers) }

func comparePeer(p *Peer, id ident.PeerID) int { return p.Entry.Peer.Compare(id) }

// replacement puts a peer into a catalog, or takes it out if peer is nil.
type replacement struct {
	id   ident.PeerID
	peer *Peer
}

// with gives the catalog after replacements, which must ascend by id.
func (c *Catalog) with(list []replacement) *Catalog {
	next := &Catalog{self: c.self, peers: make([]*Peer, 0, len(c.peers)+len(list))}
	rest := c.peers
	for _, r := range list {
		i, found := slices.BinarySearchFunc(rest, r.id, comparePeer)
		next.peers = append(next.peers, rest[:i]...)
		if r.peer != nil {
			next.peers = append(next.peers, r.peer)
		}
		if found {
			i++
		}
		rest = rest[i:]
	}
	next.peers = append(next.peers, rest...)
	return next
}

// changesSince lists, ascending by id, what differs from an older catalog, nil
// for none. The node itself is left out.
func (c *Catalog) changesSince(older *Catalog) []Change {
	var before []*Peer
	if older != nil {
		before = older.peers
	}
	var changes []Change
	note := func(id ident.PeerID, from, to *Peer) {
		if from != to && id != c.self {
			changes = append(changes, Change{Peer: id, From: from, To: to})
		}
	}
	after := c.peers
	for len(before) > 0 && len(after) > 0 {
		b, a := before[0], after[0]
		switch order := b.Entry.Peer.Compare(a.Entry.Peer); {
		case order < 0:
			note(b.Entry.Peer, b, nil)
			before = before[1:]
		case order > 0:
			note(a.Entry.Peer, nil, a)
			after = after[1:]
		default:
			note(a.Entry.Peer, b, a)
			before, after = before[1:], after[1:]
		}
	}
	for _, b := range before {
		note(b.Entry.Peer, b, nil)
	}
	for _, a := range after {
		note(a.Entry.Peer, nil, a)
	}
	return changes
}

// shared gives the peers that are exchanged with others, in order of id: those
// whose entries are signed.
func (c *Catalog) shared() []*Peer {
	if !slices.ContainsFunc(c.peers, (*Peer).Unsigned) {
		return c.peers
	}
	return slices.DeleteFunc(slices.Clone(c.peers), (*Peer).Unsigned)
}

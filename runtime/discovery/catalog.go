package discovery

import (
	"cmp"
	"encoding/binary"
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

	held     holding // the entry's name: what most comparisons need, in one place of memory
	raw      []byte  // the signed entry, nil if nobody signed it
	mark     mark    // of the entry, if it is signed
	unsigned bool
}

// newPeer makes a peer of a signed entry, or if raw is nil, of one that nobody signed.
func newPeer(e *Entry, raw []byte) Peer {
	p := Peer{Entry: e, held: holding{Peer: e.Peer, Version: e.Version}, raw: raw, unsigned: raw == nil}
	if raw != nil {
		p.mark = markOf(raw)
		p.held.Sum = p.mark[0]
	}
	return p
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
// the node itself included. A newer one shares all leaves that did not change.
type Catalog struct {
	self   ident.PeerID
	maxRTT time.Duration // 0: none
	leaves []*leaf       // ascending, none empty
	ends   []uint64      // keys of the last peer of each
	n      int
}

// Get gives the peer called id.
func (c *Catalog) Get(id ident.PeerID) (*Peer, bool) {
	p := c.in(c.leafOf(id), id)
	return p, p != nil
}

// in gives the peer called id, nil if it is not in the i-th leaf.
func (c *Catalog) in(i int, id ident.PeerID) *Peer {
	if i == len(c.leaves) {
		return nil
	}
	l := c.leaves[i]
	if j := l.find(id); l.is(j, id) {
		return l.peers[j]
	}
	return nil
}

// leafOf finds the first leaf that does not end below id.
func (c *Catalog) leafOf(id ident.PeerID) int { return c.leafFrom(len(c.ends), id) }

// leafFrom is leafOf. It is fast where that leaf is the i-th, or little behind it: whoever
// asks for many peers mostly asks in order.
func (c *Catalog) leafFrom(i int, id ident.PeerID) int {
	key := keyOf(id)
	if i >= len(c.ends) || i > 0 && c.ends[i-1] >= key {
		i, _ = slices.BinarySearch(c.ends, key)
	} else {
		low, step := i, 1
		for ; i < len(c.ends) && c.ends[i] < key; step *= 2 {
			low, i = i+1, i+step
		}
		i, _ = slices.BinarySearch(c.ends[low:min(i, len(c.ends))], key)
		i += low
	}
	for i < len(c.leaves) && c.ends[i] == key && c.leaves[i].last().Compare(id) < 0 {
		i++
	}
	return i
}

// All gives every peer in ascending order of id, the node itself included.
func (c *Catalog) All() iter.Seq[*Peer] {
	return func(yield func(*Peer) bool) {
		for _, l := range c.leaves {
			for _, p := range l.all() {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// Near gives the other peers in ascending order of id, without those whose round trip is
// known to be above Config.MaxRTT.
func (c *Catalog) Near() iter.Seq[*Peer] {
	return func(yield func(*Peer) bool) {
		for p := range c.All() {
			if p.Entry.Peer != c.self && c.near(p) != nil && !yield(p) {
				return
			}
		}
	}
}

// near gives p, nil if it is too far away.
func (c *Catalog) near(p *Peer) *Peer {
	if p != nil && c.maxRTT > 0 && p.RTT > c.maxRTT {
		return nil
	}
	return p
}

// Len counts the peers, the node itself included.
func (c *Catalog) Len() int { return c.n }

// at gives the i-th peer in order of id.
func (c *Catalog) at(i int) *Peer {
	for _, l := range c.leaves {
		if i < l.n {
			return l.peers[i]
		}
		i -= l.n
	}
	return nil
}

// rank counts the peers below id.
func (c *Catalog) rank(id ident.PeerID) int {
	i := c.leafOf(id)
	n := 0
	for _, l := range c.leaves[:i] {
		n += l.n
	}
	if i < len(c.leaves) {
		n += c.leaves[i].find(id)
	}
	return n
}

// within gives the peers of a range that are told to others: those whose entries
// are signed.
func (c *Catalog) within(s span) []*Peer {
	list := make([]*Peer, 0, c.count(s))
	for l, part := range c.parts(s) {
		if l.tally.n == l.n {
			list = append(list, part...)
			continue
		}
		for _, p := range part {
			if !p.unsigned {
				list = append(list, p)
			}
		}
	}
	return list
}

// count counts all peers of a range.
func (c *Catalog) count(s span) (n int) {
	for _, part := range c.parts(s) {
		n += len(part)
	}
	return n
}

// parts gives the leaves that a range touches, and which of their peers are in it.
func (c *Catalog) parts(s span) iter.Seq2[*leaf, []*Peer] {
	return func(yield func(*leaf, []*Peer) bool) {
		first, last, end := c.leafOf(s.Lo), len(c.leaves), 0
		if s.Hi != nil {
			if last = c.leafOf(*s.Hi); last < len(c.leaves) {
				end = c.leaves[last].find(*s.Hi)
			}
		}
		for i := first; i < len(c.leaves) && i <= last; i++ {
			l := c.leaves[i]
			from, to := 0, l.n
			if i == first {
				from = l.find(s.Lo)
			}
			if i == last {
				to = end
			}
			if from < to && !yield(l, l.peers[from:to]) {
				return
			}
		}
	}
}

// tally sums up the peers within a range. It looks at single ones in no more than two
// leaves.
func (c *Catalog) tally(s span) (t tally) {
	for l, part := range c.parts(s) {
		if len(part) == l.n {
			t.join(l.tally)
		} else {
			t.join(tallyOf(part))
		}
	}
	return t
}

// cut divides a range into parts of about as many peers each, and sums each up.
func (c *Catalog) cut(s span) []summary {
	all, passed, rest := c.count(s), 0, s
	list := make([]summary, 0, branching)
	for _, part := range c.parts(s) {
		for len(list) < branching-1 {
			i := (len(list)+1)*all/branching - passed
			if i >= len(part) {
				break
			}
			piece, hi := rest, part[i].held.Peer
			piece.Hi, rest.Lo = &hi, hi
			list = append(list, summarize(piece, c.tally(piece)))
		}
		passed += len(part)
	}
	return append(list, summarize(rest, c.tally(rest)))
}

// leafSize is how many peers a leaf holds at most. A change of one peer copies its leaf
// and the list of leaves; a message with news of many peers copies as many leaves, so that
// small ones cost less the more is new. So many fit into 512 bytes, up to which size Go's
// garbage collector looks at objects of one kind together.
const leafSize = 29

// leaf is a run of peers, ascending, with their sum. It is one piece of memory, and the
// keys stand beside the peers, so that a search does not go all over memory.
type leaf struct {
	n     int
	tally tally
	keys  [leafSize]uint64
	peers [leafSize]*Peer
}

// keyOf is the beginning of an id, as a number: what orders all but ids that begin
// alike, and those no more than a walk.
func keyOf(id ident.PeerID) uint64 { return binary.BigEndian.Uint64(id[:8]) }

// compareIDs orders ids as ident.PeerID.Compare does, mostly by one comparison.
func compareIDs(a, b ident.PeerID) int {
	if order := cmp.Compare(keyOf(a), keyOf(b)); order != 0 {
		return order
	}
	return a.Compare(b)
}

func newLeaf(keys []uint64, peers []*Peer, t tally) *leaf {
	l := &leaf{n: len(peers), tally: t}
	copy(l.keys[:], keys)
	copy(l.peers[:], peers)
	return l
}

// all gives the peers of a leaf.
func (l *leaf) all() []*Peer { return l.peers[:l.n] }

// is tells whether the peer at place i is that called id.
func (l *leaf) is(i int, id ident.PeerID) bool {
	return i < l.n && l.keys[i] == keyOf(id) && l.peers[i].held.Peer == id
}

// find gives the place of the first peer that is not below id. It counts the keys that are
// below: of so few that is faster than to halve them, which no processor can foresee.
func (l *leaf) find(id ident.PeerID) int {
	key, i := keyOf(id), 0
	for _, k := range l.keys[:l.n] {
		if k < key {
			i++
		}
	}
	for i < l.n && l.keys[i] == key && comparePeer(l.peers[i], id) < 0 {
		i++
	}
	return i
}

func (l *leaf) last() ident.PeerID { return l.peers[l.n-1].held.Peer }

func comparePeer(p *Peer, id ident.PeerID) int { return p.held.Peer.Compare(id) }

// replacement puts a peer into a catalog, or takes it out if it is gone.
type replacement struct {
	peer *Peer
	gone bool
}

func (r replacement) id() ident.PeerID { return r.peer.held.Peer }

// run is what becomes of a leaf: too much of it for one, maybe.
type run struct {
	keys  []uint64
	peers []*Peer
	tally tally
}

func (r *run) add(keys []uint64, peers []*Peer) {
	r.keys, r.peers = append(r.keys, keys...), append(r.peers, peers...)
}

// replace makes r what a leaf is after replacements. It looks at no peer that stays: they
// lie all over memory.
func (r *run) replace(l *leaf, list []replacement) {
	r.keys, r.peers, r.tally = r.keys[:0], r.peers[:0], l.tally
	from := 0
	for _, x := range list {
		id := x.id()
		i := l.find(id)
		r.add(l.keys[from:i], l.peers[from:i])
		from = i
		if l.is(i, id) {
			r.tally.leave(tallyOf(l.peers[i : i+1]))
			from++
		}
		if !x.gone {
			r.add([]uint64{keyOf(id)}, []*Peer{x.peer})
			r.tally.join(tallyOf([]*Peer{x.peer}))
		}
	}
	r.add(l.keys[from:l.n], l.peers[from:l.n])
}

// with gives the catalog after replacements, which must ascend by id. r is room for what is
// under way.
func (c *Catalog) with(list []replacement, r *run) *Catalog {
	next := &Catalog{self: c.self, maxRTT: c.maxRTT, n: c.n, leaves: make([]*leaf, 0, len(c.leaves)+1), ends: make([]uint64, 0, len(c.leaves)+1)}
	taken, last, i := 0, len(c.leaves)-1, 0
	for len(list) > 0 {
		l := &leaf{}
		if i = min(c.leafFrom(i, list[0].id()), last); i >= 0 {
			next.share(c, taken, i)
			taken, l = i+1, c.leaves[i]
		}
		n := 1
		for n < len(list) && (i == last || c.leafFrom(i, list[n].id()) == i) {
			n++
		}
		r.replace(l, list[:n])
		next.n += len(r.peers) - l.n
		next.grow(r)
		list = list[n:]
	}
	next.share(c, taken, len(c.leaves))
	return next
}

// share appends leaves of another catalog as they are.
func (c *Catalog) share(from *Catalog, i, j int) {
	if i < j {
		c.leaves, c.ends = append(c.leaves, from.leaves[i:j]...), append(c.ends, from.ends[i:j]...)
	}
}

// grow appends a leaf that changed: in parts of equal size if it is too large, joined
// to the one before if both are small, so that a catalog that shrank has few of them.
func (c *Catalog) grow(r *run) {
	n := len(r.peers)
	if n == 0 {
		return
	}
	if last := len(c.leaves) - 1; last >= 0 && n <= leafSize/2 && c.leaves[last].n+n <= leafSize/2 {
		before := c.leaves[last]
		r.keys, r.peers = slices.Insert(r.keys, 0, before.keys[:before.n]...), slices.Insert(r.peers, 0, before.all()...)
		r.tally.join(before.tally)
		n = len(r.peers)
		c.leaves, c.ends = c.leaves[:last], c.ends[:last]
	}
	parts := (n + leafSize - 1) / leafSize
	for i := range parts {
		from, to := i*n/parts, (i+1)*n/parts
		t := r.tally
		if parts > 1 {
			t = tallyOf(r.peers[from:to])
		}
		c.leaves = append(c.leaves, newLeaf(r.keys[from:to], r.peers[from:to], t))
		c.ends = append(c.ends, r.keys[to-1])
	}
}

// cursor walks over the peers of a catalog.
type cursor struct {
	leaves []*leaf
	i      int // in the first of leaves
}

func (c *cursor) peer() *Peer {
	if len(c.leaves) == 0 {
		return nil
	}
	return c.leaves[0].peers[c.i]
}

func (c *cursor) next() {
	if c.i++; c.i == c.leaves[0].n {
		c.leaves, c.i = c.leaves[1:], 0
	}
}

// skip passes over a leaf that both catalogs share.
func (c *cursor) skip(d *cursor) bool {
	if c.i != 0 || d.i != 0 || len(c.leaves) == 0 || len(d.leaves) == 0 || c.leaves[0] != d.leaves[0] {
		return false
	}
	c.leaves, d.leaves = c.leaves[1:], d.leaves[1:]
	return true
}

// changesSince lists, ascending by id, what differs from an older catalog, nil
// for none. The node itself is left out, and who is too far away is not there.
func (c *Catalog) changesSince(older *Catalog) []Change {
	var before cursor
	if older != nil {
		before.leaves = older.leaves
	}
	after := cursor{leaves: c.leaves}
	var changes []Change
	note := func(from, to *Peer, id ident.PeerID) {
		from, to = c.near(from), c.near(to)
		if from != to && id != c.self {
			changes = append(changes, Change{Peer: id, From: from, To: to})
		}
	}
	for {
		if before.skip(&after) {
			continue
		}
		b, a := before.peer(), after.peer()
		switch {
		case a == nil && b == nil:
			return changes
		case a == nil || b != nil && b.Entry.Peer.Compare(a.Entry.Peer) < 0:
			note(b, nil, b.Entry.Peer)
			before.next()
		case b == nil || b.Entry.Peer.Compare(a.Entry.Peer) > 0:
			note(nil, a, a.Entry.Peer)
			after.next()
		default:
			note(b, a, a.Entry.Peer)
			before.next()
			after.next()
		}
	}
}

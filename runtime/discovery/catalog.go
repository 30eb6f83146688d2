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
	i := c.leafOf(id)
	if i == len(c.leaves) {
		return nil, false
	}
	l := c.leaves[i]
	if j := l.find(id); l.is(j, id) {
		return l.peers[j], true
	}
	return nil, false
}

// leafOf finds the first leaf that does not end below id.
func (c *Catalog) leafOf(id ident.PeerID) int {
	key := keyOf(id)
	i, _ := slices.BinarySearch(c.ends, key)
	for i < len(c.leaves) && c.ends[i] == key && c.leaves[i].last().Compare(id) < 0 {
		i++
	}
	return i
}

// All gives every peer in ascending order of id, the node itself included.
func (c *Catalog) All() iter.Seq[*Peer] {
	return func(yield func(*Peer) bool) {
		for _, l := range c.leaves {
			for _, p := range l.peers {
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
		if i < len(l.peers) {
			return l.peers[i]
		}
		i -= len(l.peers)
	}
	return nil
}

// rank counts the peers below id.
func (c *Catalog) rank(id ident.PeerID) int {
	i := c.leafOf(id)
	n := 0
	for _, l := range c.leaves[:i] {
		n += len(l.peers)
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
		if l.tally.n == len(l.peers) {
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
		for i := c.leafOf(s.Lo); i < len(c.leaves) && !c.leaves[i].after(s); i++ {
			if l := c.leaves[i]; !yield(l, l.in(s)) {
				return
			}
		}
	}
}

// tally sums up the peers within a range. It looks at single ones in no more than two
// leaves.
func (c *Catalog) tally(s span) (t tally) {
	for l, part := range c.parts(s) {
		if len(part) == len(l.peers) {
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
// small ones cost less the more is new.
const leafSize = 32

// leaf is a run of peers, ascending, with their sum. The keys stand beside the peers,
// so that a search runs over one piece of memory.
type leaf struct {
	keys  []uint64
	peers []*Peer
	tally tally
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

// part gives a piece of a leaf as one of its own.
func (l *leaf) part(from, to int) *leaf {
	return &leaf{keys: slices.Clone(l.keys[from:to]), peers: slices.Clone(l.peers[from:to]), tally: tallyOf(l.peers[from:to])}
}

// replace gives the leaf after replacements. It looks at no peer that stays: they lie
// all over memory.
func (l *leaf) replace(list []replacement) *leaf {
	next := &leaf{keys: make([]uint64, 0, len(l.keys)+len(list)), peers: make([]*Peer, 0, len(l.peers)+len(list)), tally: l.tally}
	from := 0
	for _, r := range list {
		id := r.id()
		i := l.find(id)
		next.keys, next.peers = append(next.keys, l.keys[from:i]...), append(next.peers, l.peers[from:i]...)
		from = i
		if l.is(i, id) {
			next.tally.leave(tallyOf(l.peers[i : i+1]))
			from++
		}
		if !r.gone {
			next.keys, next.peers = append(next.keys, keyOf(id)), append(next.peers, r.peer)
			next.tally.join(tallyOf(next.peers[len(next.peers)-1:]))
		}
	}
	next.keys, next.peers = append(next.keys, l.keys[from:]...), append(next.peers, l.peers[from:]...)
	return next
}

// is tells whether the peer at place i is that called id.
func (l *leaf) is(i int, id ident.PeerID) bool {
	return i < len(l.peers) && l.keys[i] == keyOf(id) && l.peers[i].held.Peer == id
}

// find gives the place of the first peer that is not below id.
func (l *leaf) find(id ident.PeerID) int {
	key := keyOf(id)
	i, _ := slices.BinarySearch(l.keys, key)
	for i < len(l.peers) && l.keys[i] == key && comparePeer(l.peers[i], id) < 0 {
		i++
	}
	return i
}

func (l *leaf) last() ident.PeerID { return l.peers[len(l.peers)-1].held.Peer }

// after tells whether the leaf lies behind the end of a range.
func (l *leaf) after(s span) bool {
	if s.Hi == nil {
		return false
	}
	if end := keyOf(*s.Hi); end != l.keys[0] {
		return end < l.keys[0]
	}
	return s.before(l.peers[0].held.Peer)
}

// in gives the peers of the leaf that lie in a range.
func (l *leaf) in(s span) []*Peer {
	from, to := l.find(s.Lo), len(l.peers)
	if s.Hi != nil {
		to = l.find(*s.Hi)
	}
	return l.peers[from:to]
}

func comparePeer(p *Peer, id ident.PeerID) int { return p.held.Peer.Compare(id) }

// replacement puts a peer into a catalog, or takes it out if it is gone.
type replacement struct {
	peer *Peer
	gone bool
}

func (r replacement) id() ident.PeerID { return r.peer.held.Peer }

// with gives the catalog after replacements, which must ascend by id.
func (c *Catalog) with(list []replacement) *Catalog {
	next := &Catalog{self: c.self, maxRTT: c.maxRTT, n: c.n, leaves: make([]*leaf, 0, len(c.leaves)+1), ends: make([]uint64, 0, len(c.leaves)+1)}
	taken, last := 0, len(c.leaves)-1
	for len(list) > 0 {
		i, l := min(c.leafOf(list[0].id()), last), &leaf{}
		if i >= 0 {
			next.share(c, taken, i)
			taken, l = i+1, c.leaves[i]
		}
		n := 1
		for n < len(list) && (i == last || c.leafOf(list[n].id()) == i) {
			n++
		}
		changed := l.replace(list[:n])
		next.n += len(changed.peers) - len(l.peers)
		next.grow(changed)
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
func (c *Catalog) grow(l *leaf) {
	if len(l.peers) == 0 {
		return
	}
	if last := len(c.leaves) - 1; last >= 0 && len(l.peers) <= leafSize/2 && len(c.leaves[last].peers)+len(l.peers) <= leafSize/2 {
		before := c.leaves[last]
		joined := &leaf{keys: slices.Concat(before.keys, l.keys), peers: slices.Concat(before.peers, l.peers), tally: before.tally}
		joined.tally.join(l.tally)
		l, c.leaves, c.ends = joined, c.leaves[:last], c.ends[:last]
	}
	parts := (len(l.peers) + leafSize - 1) / leafSize
	if parts == 1 {
		c.add(l)
		return
	}
	for i := range parts {
		c.add(l.part(i*len(l.peers)/parts, (i+1)*len(l.peers)/parts))
	}
}

func (c *Catalog) add(l *leaf) {
	c.leaves = append(c.leaves, l)
	c.ends = append(c.ends, l.keys[len(l.keys)-1])
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
	if c.i++; c.i == len(c.leaves[0].peers) {
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

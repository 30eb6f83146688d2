package discovery

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
)

// wanted is what the own entry should say. Its lists are sorted sets that are
// replaced, never written into.
type wanted struct {
	tags    []ident.Tag
	streams []ident.StreamID
	tickets []ticket.Ticket
}

func newWanted(cfg Config) wanted {
	return wanted{tags: sortedSet(cfg.Tags, ident.Tag.Compare), tickets: cloneTickets(cfg.Tickets)}
}

// clone shares the lists, which nobody writes into.
func (w wanted) clone() wanted { return w }

func (w wanted) equal(v wanted) bool {
	return slices.Equal(w.tags, v.tags) && slices.Equal(w.streams, v.streams) &&
		slices.EqualFunc(w.tickets, v.tickets, func(a, b ticket.Ticket) bool { return a.Compare(b) == 0 })
}

// check reports whether an entry that says so keeps within limits, whatever the node's
// addresses are: what was taken here is published.
func (w wanted) check(l Limits) error {
	size := emptySize + l.Addrs*addrSize
	size += len(w.tags)*(ident.Size+2) + len(w.streams)*prefixSize
	for _, t := range w.tickets {
		size += ident.Size + len(t.Data) + ticketSize
	}
	return l.check(&Entry{Tags: w.tags, Streams: prefixes(w.streams), Tickets: w.tickets}, size)
}

// emptySize is more than a signed entry takes that has no lists, and ticketSize than a
// ticket takes besides its class and its data, in bytes. addrSize is the most that an
// address takes: an IPv6 address in full, a port and a header.
const (
	addrSize   = len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535") + 2
	emptySize  = ident.SignatureSize + 2*ident.Size + 64
	ticketSize = 12
)

// prefixes returns what an entry says of streams, which are in order.
func prefixes(streams []ident.StreamID) []ident.StreamPrefix {
	list := make([]ident.StreamPrefix, len(streams))
	for i, s := range streams {
		list[i] = s.Prefix()
	}
	return slices.Compact(list)
}

func add[T any](set []T, compare func(T, T) int, more ...T) []T {
	set = slices.Clone(set)
	for _, x := range more {
		if i, found := slices.BinarySearchFunc(set, x, compare); !found {
			set = slices.Insert(set, i, x)
		}
	}
	return set
}

func remove[T any](set []T, compare func(T, T) int, gone ...T) []T {
	return slices.DeleteFunc(slices.Clone(set), func(x T) bool {
		return slices.ContainsFunc(gone, func(y T) bool { return compare(x, y) == 0 })
	})
}

// nowMillis is the node's wall time in the unit of versions, kept within what a
// version can say whatever the clock claims.
func (w *worker) nowMillis() int64 {
	return min(max(w.env.Clock.Now().UnixMilli(), 1), maxVersion/2)
}

// publishFirst publishes the first entry of this run. It runs in New, before
// the strand does anything.
func (w *worker) publishFirst(want wanted) error {
	started := w.nowMillis()
	if floor := loadFloor(w.env); floor <= started+w.cfg.MaxDrift.Milliseconds() {
		started = max(started, floor+1)
	} else {
		// A clock was wrong, that of the run before or this one. If it was the former,
		// nobody took its entries; if it is this one, peers tell what is to be outdone.
		w.env.Mark("discovery-floor-ahead")
	}
	w.version = Version{Started: started, Updated: started}
	if err := w.publish(want, w.version); err != nil {
		return err
	}
	w.saveFloor()
	w.commit()
	return nil
}

// publish signs an entry of version v that says want, and takes it into the
// catalog.
func (w *worker) publish(want wanted, v Version) error {
	e := w.draft(want, v)
	s, err := w.cfg.Sign(e, w.cfg.Key)
	if err == nil {
		err = w.cfg.Limits.check(e, len(s.Raw))
	}
	if err != nil {
		return err
	}
	w.version, w.want = v, want
	w.put(s, w.peers.get(w.self))
	w.env.Report(&event.Event{Kind: event.EntryPublished, Peer: w.self, From: uint64(v.Started), To: uint64(v.Updated)})
	return nil
}

// draft gives the entry that says want. Of the transport's addresses it takes
// the best that a peer would accept.
func (w *worker) draft(want wanted, v Version) *Entry {
	var addrs []string
	for _, addr := range w.env.Transport.Addrs() {
		if checkAddr(addr) == nil && len(addrs) < w.cfg.Limits.Addrs && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return &Entry{
		Protocol: EntryProtocol, Network: w.cfg.Network, Peer: w.self, Version: v,
		Addrs: addrs, Tags: want.tags, Streams: prefixes(want.streams), Tickets: want.tickets,
	}
}

// refresh publishes a newer entry if the present one does not say what it
// should: what is wanted, and where the node can be reached.
func (w *worker) refresh(want wanted) {
	own := w.peers.get(w.self).Entry
	v := w.version.next(w.nowMillis())
	if w.draft(want, v).sameContent(own) {
		return
	}
	if err := w.publish(want, v); err != nil {
		w.refuse(w.self, w.self, err)
		w.d.refuseWanted(want, w.want)
		return
	}
	w.learned(w.self, w.signed(w.self), w.self, true)
}

// How often a node publishes what its callers want: its peers pass on no more of it at once
// than newsEvery and newsBurst allow, and what is beyond would arrive when catalogs are
// compared. These allow less, for news that was late on its way comes closer together.
const (
	refreshEvery = newsEvery + newsEvery/4
	refreshBurst = newsBurst / 2
)

// refreshInTime is refresh, at once or soon: then for all that is wanted by that time.
func (w *worker) refreshInTime(want wanted) {
	switch {
	case w.refreshDue:
	case w.refreshes.Allow(w.env.Clock.Mono(), refreshEvery, refreshBurst):
		w.refresh(want)
	default:
		w.refreshDue = true
		w.agenda.in(refreshEvery, func() {
			w.refreshDue = false
			w.applyInbox()
		})
	}
}

// heardSelf answers news of the node itself, which only its own key can have
// signed: an entry or a departure of an earlier run that a clock set back or a
// lost store left above the present version. It is never taken; a newer entry
// goes out instead.
func (w *worker) heardSelf(v Version, departed bool, from ident.PeerID) {
	above := v.Compare(w.version) >= 0
	if departed {
		above = v.Started >= w.version.Started
	}
	if above && (!w.ahead(v) || w.attested(from)) {
		w.env.Mark("discovery-superseded-itself")
		w.outdo(v, departed)
	}
}

// attested tells whether enough peers hold a version of this node that lies in the
// future. If this clock is behind, all hold it; if a former clock was ahead, all refused
// it, and one who kept it could lead this node to where nobody follows.
func (w *worker) attested(from ident.PeerID) bool {
	if !slices.Contains(w.witnesses, from) {
		w.witnesses = append(w.witnesses, from)
	}
	if len(w.witnesses) < min(quorum, w.peers.n-1) {
		return false
	}
	w.witnesses = nil
	return true
}

// How often a node publishes anew because of what it hears of itself: two processes with
// one key would outdo each other as fast as news travels.
const (
	outdoEvery = time.Second
	outdoBurst = 4
)

// pendingVersion is what a node hears of itself and has not outdone yet.
type pendingVersion struct {
	Version
	departed  bool
	scheduled bool
	rate      runtime.GCRA
}

// outdo publishes an entry that is newer than version v, at once or soon.
func (w *worker) outdo(v Version, departed bool) {
	p := &w.pending
	if v.Compare(p.Version) > 0 {
		p.Version = v
	}
	p.departed = p.departed || departed
	switch {
	case p.scheduled:
	case p.rate.Allow(w.env.Clock.Mono(), outdoEvery, outdoBurst):
		w.outdoPending()
	default:
		p.scheduled = true
		w.agenda.in(outdoEvery, func() {
			p.scheduled = false
			w.outdoPending()
			w.commit()
		})
	}
}

func (w *worker) outdoPending() {
	p := &w.pending
	v, departed := p.Version, p.departed
	p.Version, p.departed = Version{}, false
	if !w.stopping && (departed && v.Started >= w.version.Started || v.Compare(w.version) >= 0) {
		w.supersede(v, departed)
	}
}

// supersede publishes an entry that is newer than version v, and of a later run if that
// one is, or has departed.
func (w *worker) supersede(v Version, departed bool) {
	if v.Updated >= maxVersion-2 {
		return
	}
	next := Version{Started: w.version.Started, Updated: max(v.Updated, w.version.Updated) + 1}
	if departed || v.Started > w.version.Started {
		next.Started = v.Started + 1
	}
	next.Updated = max(next.Updated, next.Started, w.nowMillis())
	if err := w.publish(w.want, next); err != nil {
		w.refuse(w.self, w.self, err)
		return
	}
	w.saveFloor()
	w.learned(w.self, w.signed(w.self), w.self, true)
}

// saveFloor remembers the run. A crash before it is durable costs nothing that
// heardSelf does not mend.
func (w *worker) saveFloor() {
	w.env.Save(w.strand, floorName, encodeFloor(w.version.Started), func(err error) {
		if err != nil && w.env.Store != nil {
			w.env.Mark("discovery-floor-unsaved")
		}
	})
}

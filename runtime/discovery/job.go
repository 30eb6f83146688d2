package discovery

import (
	"fmt"
	"slices"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
)

// job is an exchange that waits for its turn or is under way. There is at most
// one per peer, shared by all who ask for it.
type job struct {
	peer     ident.PeerID
	addrs    []string
	asked    bool // somebody waits for it: it goes first
	waiters  []waiter
	exchange *exchange // nil while queued
}

// waiter hears the outcome once, on its strand; without one, at once.
type waiter struct {
	strand runtime.Strand
	done   func(error)
}

func (r waiter) tell(err error) {
	if r.strand == nil {
		r.done(err)
		return
	}
	r.strand.Post(func() { r.done(err) })
}

// ask has an exchange with peer for somebody who waits for its outcome.
func (w *worker) ask(peer ident.PeerID, addrs []string, r waiter) {
	j := w.jobs[peer]
	switch {
	case w.stopping:
		r.tell(runtime.ErrStopped)
		return
	case peer == w.self:
		r.tell(ErrSelf)
		return
	case j != nil && len(j.waiters) >= maxWaiters, j == nil && len(w.queue) >= maxAsked:
		r.tell(ErrBusy)
		return
	case j == nil:
		j = &job{peer: peer}
		w.jobs[peer] = j
		w.queue = append(w.queue, j)
	}
	j.waiters = append(j.waiters, r)
	j.asked = true
	j.addrs = union(j.addrs, addrs)
	w.launch()
}

// meet has an exchange with a peer on this node's own account. With too many
// queued it is left to anti-entropy.
func (w *worker) meet(peer ident.PeerID) {
	if w.stopping || w.jobs[peer] != nil || len(w.queue) >= maxQueued {
		return
	}
	j := &job{peer: peer}
	w.jobs[peer] = j
	w.queue = append(w.queue, j)
	w.launch()
}

// meetAgain compares catalogs with a neighbour as they are now, after the exchange that
// is under way.
func (w *worker) meetAgain(n *neighbour) {
	j := w.jobs[n.peer]
	n.stale = j != nil && j.exchange != nil
	w.meet(n.peer)
}

// launch begins queued exchanges as far as there is room, those first that
// somebody waits for. Of those on this node's own account one is under way at a time:
// two at once would bring the same twice. It posts nothing and calls nobody back.
func (w *worker) launch() {
	for w.flying < maxExchanges && len(w.queue) > 0 {
		i := slices.IndexFunc(w.queue, func(j *job) bool { return j.asked })
		if i < 0 && w.meeting {
			return
		}
		i = max(i, 0)
		j := w.queue[i]
		w.queue = slices.Delete(w.queue, i, i+1)
		w.flying++
		own := !j.asked
		w.meeting = w.meeting || own
		j.exchange = w.exchangeWith(j.peer, w.addrs(j.peer, j.addrs), func(err error) {
			w.flying--
			w.meeting = w.meeting && !own
			w.finish(j, err)
			if err == nil {
				w.synced = w.env.Clock.Mono()
			}
			w.contact(j.peer, err)
			n := w.neighbours.of(j.peer)
			if n != nil && n.stale || err == nil && j.exchange.box.short {
				w.meet(j.peer)
			}
			if n != nil {
				n.stale = false
			}
			w.fillSoon()
			w.launch()
		})
	}
}

// finish tells everybody who waited. The job is over before they hear, so that
// they may ask again.
func (w *worker) finish(j *job, err error) {
	delete(w.jobs, j.peer)
	if err != nil {
		err = fmt.Errorf("exchange catalogs with %s: %w", j.peer.Short(), err)
	}
	for _, r := range j.waiters {
		r.tell(err)
	}
}

// addrs gives where to dial a peer: the addresses given, then those of its
// entry.
func (w *worker) addrs(peer ident.PeerID, given []string) []string {
	if p := w.peers.get(peer); p != nil {
		given = union(given, w.d.Dialable(p))
	}
	return given
}

// union appends what is not there yet, up to the most addresses of a peer.
func union(a, b []string) []string {
	list := slices.Clone(a)
	for _, addr := range b {
		if len(list) < hardLimits.Addrs && !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	return list
}

package runtime

import (
	"maps"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Bounds on what a node dials. Addresses come from entries that anybody may sign, so
// a liar could aim a whole network at one of them.
const (
	// MaxDials is the number of places for dials in flight; further dials wait for one,
	// for DialWait at most. A dial frees its place after DialPlace, so that silent peers
	// delay other dials only briefly.
	MaxDials  = 32
	DialPlace = time.Second
	DialWait  = 30 * time.Second
	// MaxUnlikelyDials is the number of places for peers that are unlikely to answer,
	// see Likely.
	MaxUnlikelyDials = MaxDials / 4
	// NewAddresses is how many addresses a node dials in a second that it did not
	// dial lately, and as many at once after a pause.
	NewAddresses = 32
	// ShunAfter is for how many distinct peers in a row an address must fail to be
	// shunned, for ShunFor: a host that moved, or restarted with another key, explains two.
	ShunAfter = 3
	ShunFor   = 10 * time.Minute

	// After a failure other peers are not dialled at the same address for a while,
	// that doubles from minSpare to maxSpare. A peer itself is as patient as whoever dials it.
	minSpare = 250 * time.Millisecond
	maxSpare = 10 * time.Second
	// Where somebody else answers, peers that were not found there are dialled again so
	// many times, then so often, all together: two names that a liar gives to an address
	// stay below ShunAfter, and each is dialled by whoever has a use for that peer.
	strayBurst = 4
	strayEvery = 10 * time.Second
	// dialTime is how long other peers wait at most for the end of a dial under way.
	dialTime = 10 * time.Second
	// maxProved is how many peers an address stays open to that proved themselves there, the
	// latest: where a machine ran with another key for a while, its own one is not forgotten.
	// All but the last are dialled as strays are: they may have gone for good.
	maxProved = 3
	// maxDialled bounds the addresses that are remembered. In ShunFor a node dials
	// fewer new ones.
	maxDialled = 1 << 15
)

// Dials is what a Transport remembers of the addresses that it dialled, to decide
// which it may dial. All dials of a node pass one Dials, whoever asks for them. The
// zero value is ready; it needs a lock if it is shared.
//
// An address at which a peer proved itself, or from which it came, is open to that peer, so
// that nobody can keep others from a node, or from noticing that it is gone, by naming the
// address of it as their own: always to the last one, and now and then to the two before.
type Dials struct {
	fresh   GCRA
	dialled map[string]*address
}

// address is what is remembered of one address.
type address struct {
	at       time.Duration  // Mono of the last dial, or of a connection from there
	trying   ident.PeerID   // who was dialled then
	proved   []ident.PeerID // who answered, or came from there, the last one first, up to maxProved
	failed   []ident.PeerID // that were not found within ShunFor, up to ShunAfter
	strays   GCRA           // dials of those although somebody else answers
	former   GCRA           // dials of those who proved themselves, before somebody else did
	failedAt time.Duration  // Mono of the last of those
	dead     bool           // nobody answered then
	failures int            // in a row
	until    time.Duration  // Mono until which no other peers than those are dialled here
	shunned  time.Duration  // Mono until which nobody is
}

// Begin tells whether peer may be dialled at addr now, of Mono: wire.None if so. The dial
// must then be followed by End, unless it was given up for reasons that say nothing about the
// address. If not, the reason is what would come of it, if that is known: wire.WrongIdentity
// if somebody else answered when this peer was sought there last, wire.DialFailed if just now
// nobody answered who was dialled there for another peer. Otherwise it is wire.DialWithheld,
// which says nothing about the peer.
func (d *Dials) Begin(peer ident.PeerID, addr string, now time.Duration) wire.Reason {
	a := d.dialled[addr]
	switch {
	case a == nil:
		if !d.fresh.Allow(now, time.Second/NewAddresses, NewAddresses) {
			return wire.DialWithheld
		}
		if a = d.remember(addr, now); a == nil {
			return wire.DialWithheld
		}
	case len(a.proved) > 0 && a.proved[0] == peer:
	case slices.Contains(a.proved, peer):
		if !a.former.Allow(now, strayEvery, strayBurst) {
			return wire.WrongIdentity
		}
	case now < a.shunned, now < a.until && peer != a.trying && !slices.Contains(a.failed, peer):
		if a.dead && now-a.failedAt < maxSpare {
			return wire.DialFailed
		}
		return wire.DialWithheld
	case len(a.proved) > 0 && slices.Contains(a.failed, peer) && !a.strays.Allow(now, strayEvery, strayBurst):
		return wire.WrongIdentity
	}
	a.at, a.trying = now, peer
	a.until = max(a.until, now+dialTime) // one at a time
	return wire.None
}

// Likely reports whether a dial of peer at addrs is likely to succeed: the peer proved itself
// at one of them, or the last dial of one succeeded, or one was not dialled recently. The
// transport limits unlikely dials, so that many silent peers leave places for others.
func (d *Dials) Likely(peer ident.PeerID, addrs []string) bool {
	return slices.ContainsFunc(addrs, func(addr string) bool {
		a := d.dialled[addr]
		return a == nil || a.failures == 0 || slices.Contains(a.proved, peer)
	})
}

// End notes how a dial went: there is who answered, zero if nobody did.
func (d *Dials) End(peer ident.PeerID, addr string, there ident.PeerID, now time.Duration) {
	a := d.dialled[addr]
	if a == nil {
		return
	}
	if now-a.failedAt > ShunFor {
		a.failed = nil
	}
	if a.dead = there.IsZero(); !a.dead {
		a.proves(there)
	}
	if there == peer {
		// Whoever was not found here stays so: a liar has no more tries because the peer
		// whose address it claims was reached.
		a.failed = slices.DeleteFunc(a.failed, func(id ident.PeerID) bool { return id == peer })
		a.failures, a.until = 0, now
		return
	}
	a.failedAt = now
	a.until = now + min(maxSpare, minSpare<<min(a.failures, 8))
	a.failures++
	if slices.Contains(a.failed, peer) {
		return
	}
	if a.failed = append(a.failed, peer); len(a.failed) >= ShunAfter {
		a.failed, a.failures, a.shunned = nil, 0, now+ShunFor
	}
}

// Met notes that peer proved itself over a connection that it opened from addr: it lives
// there, if nodes dial from where they listen.
func (d *Dials) Met(peer ident.PeerID, addr string, now time.Duration) {
	a := d.dialled[addr]
	if a == nil {
		a = d.remember(addr, now)
	}
	if a != nil {
		a.at, a.dead = now, false
		a.proves(peer)
		a.failed = slices.DeleteFunc(a.failed, func(id ident.PeerID) bool { return id == peer })
	}
}

// proves notes who lives at an address.
func (a *address) proves(peer ident.PeerID) {
	if len(a.proved) > 0 && a.proved[0] == peer {
		return
	}
	a.proved = slices.DeleteFunc(a.proved, func(id ident.PeerID) bool { return id == peer })
	a.proved = slices.Insert(a.proved, 0, peer)
	a.proved = a.proved[:min(len(a.proved), maxProved)]
}

// remember makes room for one more address, if there is any.
func (d *Dials) remember(addr string, now time.Duration) *address {
	if len(d.dialled) >= maxDialled {
		d.sweep(now)
	}
	if len(d.dialled) >= maxDialled {
		return nil
	}
	if d.dialled == nil {
		d.dialled = map[string]*address{}
	}
	a := &address{}
	d.dialled[addr] = a
	return a
}

// Len counts the addresses that are remembered.
func (d *Dials) Len() int { return len(d.dialled) }

// sweep forgets addresses that were not dialled for a long time, and those of which
// there is nothing bad to remember.
func (d *Dials) sweep(now time.Duration) {
	maps.DeleteFunc(d.dialled, func(_ string, a *address) bool {
		return now-a.at > ShunFor || len(a.failed) == 0 && now >= a.shunned
	})
}

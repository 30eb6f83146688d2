package ticket

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// MaxDenied bounds a DenyList: tickets and peers together.
const MaxDenied = 1 << 16

// ErrTooMany says that a deny-list has more than MaxDenied members.
var ErrTooMany = errors.New("deny-list is too long")

// DenyList names tickets, and peers with all their tickets, that are withdrawn
// before their time. The zero value is empty. It may be used from anywhere.
type DenyList struct {
	mu      sync.RWMutex
	tickets map[ID]bool
	peers   map[ident.PeerID]bool
	loads   uint64
	changes runtime.Watch[uint64]
}

// Replace loads the list anew, as a whole: what it held and the new one lacks is
// allowed again. Subscriptions of those who are on it end at once. On an error,
// ErrTooMany, the old list stays.
func (d *DenyList) Replace(tickets []ID, peers []ident.PeerID) error {
	if n := len(tickets) + len(peers); n > MaxDenied {
		return fmt.Errorf("load %d members, at most %d: %w", n, MaxDenied, ErrTooMany)
	}
	t, p := make(map[ID]bool, len(tickets)), make(map[ident.PeerID]bool, len(peers))
	for _, id := range tickets {
		t[id] = true
	}
	for _, id := range peers {
		p[id] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tickets, d.peers = t, p
	d.loads++
	d.changes.Set(d.loads)
	return nil
}

// Denies tells whether a peer or its ticket is on the list.
func (d *DenyList) Denies(peer ident.PeerID, id ID) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.peers[peer] || d.tickets[id]
}

// Deny gives a validator that refuses what is on the list with wire.Revoked, and
// leaves the rest to v.
func Deny(v Validator, list *DenyList) Changer { return denying{v, list} }

type denying struct {
	Validator
	list *DenyList
}

// Validate implements Validator.
func (v denying) Validate(peer ident.PeerID, data []byte, now time.Time) (Expiration, error) {
	if v.list.Denies(peer, Ticket{Class: v.Class(), Data: data}.ID()) {
		return Expiration{}, fmt.Errorf("ticket or peer is on the deny-list: %w", wire.Revoked)
	}
	return v.Validator.Validate(peer, data, now)
}

// Changes implements Changer.
func (v denying) Changes() []*runtime.Watch[uint64] {
	changes := []*runtime.Watch[uint64]{&v.list.changes}
	if c, ok := v.Validator.(Changer); ok {
		changes = slices.Concat(changes, c.Changes())
	}
	return changes
}

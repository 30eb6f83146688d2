package jwt

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/smalti/smalti/runtime"
)

// Bounds of what a validator knows.
const (
	// MaxKeys bounds a KeySet: each key of a token's algorithm may have to be
	// tried.
	MaxKeys = 16
	// MaxDenied bounds a DenyList.
	MaxDenied = 1 << 16
)

// ErrTooMany says that a list is longer than its bound.
var ErrTooMany = errors.New("list is too long")

// KeySet is the keys that a validator trusts. They may be replaced while it is in
// use: tokens of a key that went are refused from then on, and what was admitted
// by them ends. The zero value trusts nobody. It may be used from anywhere.
type KeySet struct {
	mu      sync.RWMutex
	keys    []Key
	changes changes
}

// NewKeySet makes a set of keys. It panics if there are more than MaxKeys, which
// Replace tells as an error.
func NewKeySet(keys ...Key) *KeySet {
	s := &KeySet{}
	if err := s.Replace(keys...); err != nil {
		panic(err)
	}
	return s
}

// Replace loads the set anew, as a whole. To rotate keys, add the new one, let
// everybody get a token of it, and take the old one out. On an error the old set
// stays.
func (s *KeySet) Replace(keys ...Key) error {
	if len(keys) > MaxKeys {
		return fmt.Errorf("load %d keys, at most %d: %w", len(keys), MaxKeys, ErrTooMany)
	}
	for _, k := range keys {
		if k.key == nil {
			return fmt.Errorf("load keys: one is the zero value: %w", ErrKey)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = slices.Clone(keys)
	s.changes.tell()
	return nil
}

// candidates gives the keys that a token of this header may be of: those that it
// names, if any key has that name, otherwise those without a name.
func (s *KeySet) candidates(alg, id string) (list []Key) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	named := id != "" && slices.ContainsFunc(s.keys, func(k Key) bool { return k.id == id })
	for _, k := range s.keys {
		if string(k.alg) == alg && (!named || k.id == id) && (named || id == "" || k.id == "") {
			list = append(list, k)
		}
	}
	return list
}

// DenyList is the ids (jti) of tokens that are withdrawn before their time. The
// zero value is empty. It may be used from anywhere.
type DenyList struct {
	mu      sync.RWMutex
	ids     map[string]bool
	changes changes
}

// Replace loads the list anew, as a whole. On an error the old list stays.
func (d *DenyList) Replace(ids ...string) error {
	if len(ids) > MaxDenied {
		return fmt.Errorf("load %d token ids, at most %d: %w", len(ids), MaxDenied, ErrTooMany)
	}
	list := make(map[string]bool, len(ids))
	for _, id := range ids {
		list[id] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ids = list
	d.changes.tell()
	return nil
}

func (d *DenyList) denies(id string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.ids[id]
}

// changes counts loads, for those who watch.
type changes struct {
	count uint64
	watch runtime.Watch[uint64]
}

func (c *changes) tell() {
	c.count++
	c.watch.Set(c.count)
}

package ticket

import (
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
)

// Changer is a Validator that may change its mind though neither the ticket nor
// the time changed: a key was removed, a deny-list was loaded anew.
type Changer interface {
	Validator
	// Changes are watches of which one is set whenever verdicts may differ from
	// those before.
	Changes() []*runtime.Watch[uint64]
}

// maxVerdicts is how many verdicts a cache holds: one for each ticket of a
// thousand peers with four.
const maxVerdicts = 4096

// Cache remembers the verdicts of some validators, so that a signature is not
// verified again whenever something else about a peer changes. It is used on one
// strand.
type Cache struct {
	validators []Validator
	watches    []*runtime.Watch[uint64] // of those that change their mind
	seen       []uint64                 // of each, what the verdicts rest on
	verdicts   map[verdictKey]verdict
	keys       []verdictKey // in order of age, from next on, around
	next       int
}

type verdictKey struct {
	ticket    ID
	peer      ident.PeerID
	validator int
}

// verdict is what a validator said at a moment of the wall clock.
type verdict struct {
	at  time.Time
	end Expiration
	err error
}

// holds tells whether the verdict is the same now. A right holds until it ends,
// unless the clock was stepped back over the moment at which it was judged; a
// refusal may become a right with the next second, the unit of tickets.
func (v verdict) holds(now time.Time) bool {
	if now.Before(v.at) {
		return false
	}
	if v.err != nil {
		return now.Unix() == v.at.Unix()
	}
	return !v.end.Passed(now)
}

// NewCache makes a cache for validators.
func NewCache(validators []Validator) *Cache {
	c := &Cache{verdicts: map[verdictKey]verdict{}}
	for i, v := range validators {
		c.validators = append(c.validators, cached{v, c, i})
		if changer, ok := v.(Changer); ok {
			c.watches = append(c.watches, changer.Changes()...)
		}
	}
	c.seen = make([]uint64, len(c.watches))
	return c
}

// Check is Check with the cache's validators.
func (c *Cache) Check(peer ident.PeerID, tickets []Ticket, now time.Time) (Expiration, error) {
	for i, w := range c.watches {
		if n := w.Get(); n != c.seen[i] {
			c.seen[i] = n
			c.forget()
		}
	}
	return Check(peer, tickets, c.validators, now)
}

// Watch has changed called on s after a validator changed its mind since Watch was
// called.
func (c *Cache) Watch(s runtime.Strand, changed func()) (stop func()) {
	var stops []func()
	for _, w := range c.watches {
		last := w.Get()
		stops = append(stops, w.Subscribe(s, func(n uint64) {
			if n != last {
				last = n
				changed()
			}
		}))
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

func (c *Cache) forget() {
	clear(c.verdicts)
	c.keys, c.next = c.keys[:0], 0
}

// remember keeps a verdict, in the place of the oldest if there are too many.
func (c *Cache) remember(k verdictKey, v verdict) {
	_, known := c.verdicts[k]
	c.verdicts[k] = v
	switch {
	case known:
	case len(c.keys) < maxVerdicts:
		c.keys = append(c.keys, k)
	default:
		delete(c.verdicts, c.keys[c.next])
		c.keys[c.next] = k
		c.next = (c.next + 1) % maxVerdicts
	}
}

// cached is a validator that asks the cache first.
type cached struct {
	Validator
	cache *Cache
	index int
}

// Validate implements Validator.
func (v cached) Validate(peer ident.PeerID, data []byte, now time.Time) (Expiration, error) {
	key := verdictKey{Ticket{Class: v.Class(), Data: data}.ID(), peer, v.index}
	if known, ok := v.cache.verdicts[key]; ok && known.holds(now) {
		return known.end, known.err
	}
	end, err := v.Validator.Validate(peer, data, now)
	v.cache.remember(key, verdict{now, end, err})
	return end, err
}

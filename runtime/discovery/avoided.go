package discovery

import (
	"time"

	"github.com/smalti/smalti/runtime/ident"
)

const (
	// avoidFor is how long an entry that was refused is not asked for again.
	avoidFor = time.Minute
	// maxAvoided bounds how many of those are remembered.
	maxAvoided = 1 << 10
)

// avoided are entries that this node refused: without a memory of them it would fetch
// them anew whenever it compares catalogs with a node that has them.
type avoided map[ident.PeerID]refusal

type refusal struct {
	holding
	until time.Duration // Mono
}

// note remembers a refusal. When there are too many all are forgotten, which costs one
// more look at each.
func (a avoided) note(h holding, now time.Duration) {
	if len(a) >= maxAvoided {
		clear(a)
	}
	a[h.Peer] = refusal{h, now + avoidFor}
}

// has tells whether this very entry was refused lately.
func (a avoided) has(h holding, now time.Duration) bool {
	r, found := a[h.Peer]
	return found && r.holding == h && now < r.until
}

package invariants

import (
	"slices"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// maxFollowed bounds the datums of one producer that are followed.
const maxFollowed = 1 << 20

// sourceKey names a producer as its application does.
type sourceKey struct {
	peer        ident.PeerID
	incarnation uint64
}

// source is what an application reported of the datums of one producer.
type source struct {
	key  sourceKey
	sent []sent // by number - 1, at most maxFollowed
}

// sent is what it reported of one datum: N, To and Bytes of AppSent.
type sent struct {
	reported bool
	sum      int64
	index    uint64
	bytes    int64
}

func (b *book) sourceOf(peer ident.PeerID, incarnation uint64) *source {
	key := sourceKey{peer, incarnation}
	if b.source != nil && b.source.key == key {
		return b.source
	}
	s := b.sources[key]
	if s == nil {
		s = &source{key: key}
		b.sources[key] = s
	}
	b.source = s
	return s
}

// about gives what is known of a datum by its number.
func (s *source) about(seq uint64) sent {
	if i := seq - 1; i < uint64(len(s.sent)) {
		return s.sent[i]
	}
	return sent{}
}

// apply enters an AppSent.
func (s *source) apply(r *event.Record) {
	i := r.From - 1
	if i >= maxFollowed {
		return
	}
	if n := int(r.From); n > len(s.sent) {
		if n > cap(s.sent) {
			s.sent = slices.Grow(s.sent, n) // append would copy five times as much in the end
		}
		s.sent = s.sent[:n]
	}
	s.sent[i] = sent{true, r.N, r.To, r.Bytes}
}

package stream

import (
	"slices"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
)

// Quorum is a demand on those at the other end of a producer's or a consumer's
// subscriptions: that so many be connected, of such peers. It is a value; its
// methods give changed copies. The zero value is the default of where it stands:
// one consumer for a producer, one producer for a consumer. Begin with AtLeast.
type Quorum struct {
	min     int
	stated  bool // not the zero value
	tags    []ident.Tag
	match   func(*discovery.Entry) bool
	inverse bool
}

// AtLeast is met while n or more subscriptions are up: always, if n is 0.
func AtLeast(n int) Quorum { return Quorum{min: n, stated: true} }

// Tagged counts only peers that have all of tags, besides those asked for
// before.
func (q Quorum) Tagged(tags ...ident.Tag) Quorum {
	q.stated, q.tags = true, slices.Concat(q.tags, tags)
	return q
}

// Matching counts only peers whose newest entry f accepts, besides what was
// asked before. f must be quick and free of side effects; it is asked on a strand
// whenever a subscription or an entry changes.
func (q Quorum) Matching(f func(*discovery.Entry) bool) Quorum {
	q.stated = true
	if before := q.match; before != nil {
		q.match = func(e *discovery.Entry) bool { return before(e) && f(e) }
	} else {
		q.match = f
	}
	return q
}

// Not is met while q is not.
func (q Quorum) Not() Quorum {
	q.stated, q.inverse = true, !q.inverse
	return q
}

// or gives q, or fallback if q is the zero value.
func (q Quorum) or(fallback Quorum) Quorum {
	if !q.stated {
		return fallback
	}
	return q
}

// met judges n subscriptions, whose peers' entries entry gives.
func (q Quorum) met(n int, entry func(i int) *discovery.Entry) bool {
	if len(q.tags) > 0 || q.match != nil {
		n = q.count(n, entry)
	}
	return (n >= q.min) != q.inverse
}

// count tells how many of n subscriptions count.
func (q Quorum) count(n int, entry func(i int) *discovery.Entry) (count int) {
	for i := range n {
		e := entry(i)
		if slices.ContainsFunc(q.tags, func(t ident.Tag) bool { return !e.HasTag(t) }) || q.match != nil && !q.match(e) {
			continue
		}
		count++
	}
	return count
}

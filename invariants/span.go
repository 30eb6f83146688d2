package invariants

import "slices"

// span is a range of sequence numbers, both inclusive.
type span struct{ from, to uint64 }

// spans is a set of numbers: ranges that ascend and do not touch.
type spans []span

// add takes the numbers from..to into the set. Ranges come almost always at the
// end.
func (s *spans) add(from, to uint64) {
	if from > to || to == ^uint64(0) {
		return
	}
	list := *s
	if n := len(list); n > 0 && from >= list[n-1].from {
		if from <= list[n-1].to+1 {
			list[n-1].to = max(list[n-1].to, to)
			return
		}
	}
	i, _ := slices.BinarySearchFunc(list, from, func(x span, from uint64) int {
		if x.to+1 < from {
			return -1
		}
		return 1
	})
	j := i
	for j < len(list) && list[j].from <= to+1 {
		from, to = min(from, list[j].from), max(to, list[j].to)
		j++
	}
	*s = slices.Replace(list, i, j, span{from, to})
}

// has tells whether all of from..to is in the set.
func (s spans) has(from, to uint64) bool {
	for i := len(s) - 1; i >= 0 && s[i].to >= from; i-- {
		if s[i].from <= from {
			return to <= s[i].to
		}
	}
	return false
}

// lacks gives the first number of from..to that is in none of the sets; false: there
// is none.
func lacks(from, to uint64, sets ...spans) (uint64, bool) {
next:
	for from <= to {
		for _, s := range sets {
			for i := len(s) - 1; i >= 0 && s[i].to >= from; i-- {
				if s[i].from <= from {
					from = s[i].to + 1
					continue next
				}
			}
		}
		return from, true
	}
	return 0, false
}

// count tells how many of from..to are in the set.
func (s spans) count(from, to uint64) (n uint64) {
	for i := len(s) - 1; i >= 0 && s[i].to >= from; i-- {
		if lo, hi := max(from, s[i].from), min(to, s[i].to); lo <= hi {
			n += hi - lo + 1
		}
	}
	return n
}

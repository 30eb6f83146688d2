package stream

import "testing"

// Criteria are slow, and a turn in which they judge many datums keeps revocations and closes
// waiting: the more of them there are, the fewer datums are taken at once.
func TestTurnWithCriteriaIsShort(t *testing.T) {
	for filterCount, want := range map[int]int{0: maxBatch, 1: 64, 16: 4, 64: 1, 1000: 1} {
		w := &fanout{caller: caller{env: liveEnv(t)}, filters: make(filters, filterCount)}
		if got := w.room().datums; got != want {
			t.Errorf("with %d criteria %d datums are taken in a turn, want %d", filterCount, got, want)
		}
	}
}

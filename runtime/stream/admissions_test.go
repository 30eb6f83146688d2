package stream

import (
	"testing"

	"github.com/smalti/smalti/runtime/ident"
)

// Each consumer of each peer has an account of its own, which ends when it hears of its
// admission; those without a name have none, and the oldest make room.
func TestAdmissionsAreRememberedUntilTheyAreHeardOf(t *testing.T) {
	var a admissions
	p, q := ident.PeerID{1}, ident.PeerID{2}
	for _, x := range []struct {
		peer           ident.PeerID
		consumer       uint64
		next, expected uint64
	}{
		{p, 7, 10, 10}, {p, 7, 20, 10}, {q, 7, 21, 21}, {p, 8, 22, 22}, {p, 0, 23, 23}, {p, 0, 24, 24}, {p, 7, 25, 10},
	} {
		if got := a.add(x.peer, x.consumer, x.next); got != x.expected {
			t.Errorf("consumer %d of %s at %d: got %d, want %d", x.consumer, x.peer.Short(), x.next, got, x.expected)
		}
	}
	a.heard(p, 7)
	a.heard(p, 7)
	if got := a.add(p, 7, 30); got != 30 {
		t.Errorf("a consumer that heard of its admission: got %d, want 30", got)
	}
	for i := range uint64(maxAdmissions) {
		a.add(q, 100+i, 50)
	}
	if len(a) != maxAdmissions {
		t.Errorf("%d are remembered, want %d", len(a), maxAdmissions)
	}
	if got := a.add(q, 100+maxAdmissions-1, 60); got != 50 {
		t.Errorf("the latest: got %d, want 50", got)
	}
	if got := a.add(p, 7, 60); got != 60 {
		t.Errorf("the oldest: got %d, want 60", got)
	}
}

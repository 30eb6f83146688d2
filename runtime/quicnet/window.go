package quicnet

import (
	"slices"

	"github.com/smalti/smalti/runtime/wire"
)

// This file gives peers credit: how much they may send on a link before its handler took
// what came. A link's window is fixed when it opens. A message that does not fit the
// window is asked for first (want), and let in if the link's handler reads and one such
// message at most waits for it; room for further ones is then given in advance, as long as
// there is plenty. What links hold over their windows comes out of a budget of their
// session. So a link that nobody reads holds a window, or where messages are large one of
// them, and a session all windows and wire.LargeBudget, at most.

// receive charges a link for a message that arrives; with the lock held. It returns false
// if the peer has no credit for it. A message that the peer asked for is the next one, whether
// it was let in or credit for others sufficed.
func (l *link) receive(cost int) bool {
	l.credit -= cost
	l.held += cost
	l.want = 0
	return l.credit >= 0
}

// took gives credit back for what the handler took; with the lock held.
func (l *link) took(cost int) {
	l.held -= cost
	s := l.session.Load()
	target := l.window
	if l.largest > 0 && !l.paused && s.setExcess(l, max(l.held+l.credit, l.window+l.largest)-l.window, wire.AdvanceBudget) {
		target += l.largest
	} else {
		s.setExcess(l, max(0, l.held+l.credit-l.window), wire.LargeBudget)
	}
	// In steps of a quarter, as QUIC does, so that few frames are about credit.
	if missing := target - l.held - l.credit; missing >= max(1, l.window/4) {
		l.grant(missing)
	}
	l.grantLarge()
	l.wake() // done may be due
}

func (l *link) grant(n int) {
	l.credit += n
	l.creditDue += n
	l.wake()
}

// grantLarge lets in the message that the peer asked for, if that is possible; with the lock
// held.
func (l *link) grantLarge() {
	if l.want == 0 || l.held > l.want || l.paused || l.ended {
		return
	}
	missing := max(0, l.want-l.credit)
	if !l.session.Load().setExcess(l, max(0, l.held+l.credit+missing-l.window), wire.LargeBudget) {
		return
	}
	l.want = 0
	if missing > 0 {
		l.grant(missing)
	}
}

// setExcess changes by how much a link may be over its window. It reports whether that
// fits the budget, of which up to most may be used; with l.mu held. If it does not fit
// the whole budget the link waits until it may.
func (s *session) setExcess(l *link, n, most int) bool {
	if n == 0 && l.excess == 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	more := n - l.excess
	if n > 0 && s.excess+more > most {
		if most == wire.LargeBudget && !slices.Contains(s.wanting, l) {
			s.wanting = append(s.wanting, l)
		}
		return false
	}
	l.excess = n
	s.changeExcess(more)
	return true
}

// changeExcess changes the sum over all links, and has those look again that wait for less;
// with s.mu held.
func (s *session) changeExcess(by int) {
	s.excess += by
	if wanting := s.wanting; by < 0 && len(wanting) > 0 {
		s.wanting = nil
		s.t.group.Go(func() { // their locks come before the session's
			for _, l := range wanting {
				l.mu.Lock()
				l.grantLarge()
				l.mu.Unlock()
			}
		})
	}
}

package discovery

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// Allowances of one peer, whichever links it uses.
const (
	// openEvery and openBurst limit the exchanges, the pings and the neighbours' links that a peer opens, each:
	// an honest one opens one exchange in some seconds, and more after it heard of much.
	openEvery = time.Second
	openBurst = 32
	// kibEvery and kibBurst limit what a neighbour says to 1 MiB a second after what
	// an exchange may carry; who says more waits.
	kibEvery = time.Second / 1024
	kibBurst = maxExchangeBytes >> 10
	// newsEvery and newsBurst limit the newer entries of a peer that are passed on at
	// once; what is beyond goes when catalogs are compared.
	newsEvery = 250 * time.Millisecond
	newsBurst = 64
	// forgedEvery and maxRefused limit what a peer sends that no correct one would, before it
	// is cut off, and reportEvery what is reported of it; the rest is counted.
	forgedEvery = 10 * time.Second
	reportEvery = time.Second
	maxRefused  = 16
	// sourcePeriod is in what time a peer may tell of MaxPerSource more.
	sourcePeriod = 10 * time.Minute
	// maxSources bounds the peers of which this is kept apart. Beyond, and that takes more
	// connections than there may be, they share.
	maxSources = 8 << 10
)

// source is what one peer used up of its allowances. It outlives the peer's links, so
// that nobody gets new ones by connecting again.
type source struct {
	told            runtime.GCRA // peers that nobody told of before
	exchanges       runtime.GCRA
	pings           runtime.GCRA
	neighbours      runtime.GCRA // links
	said            runtime.GCRA // KiB
	news            runtime.GCRA
	forged, reports runtime.GCRA
	refused         int64 // not reported yet
}

// idle tells whether there is nothing to remember.
func (s *source) idle(now time.Duration) bool {
	for _, g := range []*runtime.GCRA{&s.told, &s.exchanges, &s.pings, &s.neighbours, &s.said, &s.news, &s.forged, &s.reports} {
		if !g.Idle(now) {
			return false
		}
	}
	return s.refused == 0
}

// source gives the allowances of a peer.
func (w *worker) source(peer ident.PeerID) *source {
	s := w.sources[peer]
	if s == nil {
		if len(w.sources) >= maxSources {
			peer = ident.PeerID{}
			if s = w.sources[peer]; s != nil {
				return s
			}
		}
		s = &source{}
		w.sources[peer] = s
	}
	return s
}

// sweepSources forgets who used nothing up lately, and tells what was refused of whom
// and not reported.
func (w *worker) sweepSources() {
	now := w.env.Clock.Mono()
	for _, id := range sortedIDs(w.sources) {
		if s := w.sources[id]; s.refused > 0 && s.reports.Allow(now, reportEvery, maxRefused) {
			w.env.Report(&event.Event{Kind: event.EntryRefused, Peer: id, N: s.refused, Text: "more of the kind"})
			s.refused = 0
		}
	}
	maps.DeleteFunc(w.sources, func(_ ident.PeerID, s *source) bool { return s.idle(now) })
}

// mayTell tells whether a peer may tell of one more that nobody told of before. About
// itself it may, and so may the application.
func (w *worker) mayTell(from, peer ident.PeerID) error {
	if from == peer || from == w.self ||
		w.source(from).told.Allow(w.env.Clock.Mono(), sourcePeriod/time.Duration(w.cfg.MaxPerSource), w.cfg.MaxPerSource) {
		return nil
	}
	return ErrSource
}

// trusted tells whether a peer may open links: not while it owes for forgeries.
func (w *worker) trusted(peer ident.PeerID) bool {
	s := w.sources[peer]
	return s == nil || s.forged.Spend(w.env.Clock.Mono(), forgedEvery, maxRefused, 0) == 0
}

// blame notes what was wrong with something that a peer sent, and tells whether that
// was one forgery too many.
func (w *worker) blame(from ident.PeerID, err error) (enough bool) {
	if !errors.Is(err, ErrSignature) && !errors.Is(err, ErrMalformed) {
		return false
	}
	return w.source(from).forged.Spend(w.env.Clock.Mono(), forgedEvery, maxRefused, 1) > 0
}

// refuse reports that something about a peer, which from told, was not taken.
func (w *worker) refuse(from, about ident.PeerID, err error) {
	s := w.source(from)
	s.refused++
	if !s.reports.Allow(w.env.Clock.Mono(), reportEvery, maxRefused) {
		return
	}
	ev := event.Event{Kind: event.EntryRefused, Peer: about, N: s.refused, Text: err.Error()}
	if from != about && from != w.self {
		ev.Text = fmt.Sprintf("%s, told by %s", ev.Text, from.Short())
	}
	s.refused = 0
	_ = errors.As(err, &ev.Reason)
	w.env.Report(&ev)
}

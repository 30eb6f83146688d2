package telemetry

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/smalti/smalti/runtime/ident"
)

// MaxStreams is how many streams have series of their own, of producers and of
// consumers each: what the entry of a node can list at most.
const MaxStreams = 4096

// otherStreams is the label of all streams after MaxStreams.
const otherStreams = "other"

// perStream holds what is counted for each stream. Reading it takes no lock, as
// each batch of datums does so.
type perStream[T any] struct {
	make func(stream string) *T

	mu      sync.Mutex // of writers
	all     atomic.Pointer[map[ident.StreamID]*T]
	surplus *T
}

// of gives what counts a stream. The name is a label if the stream is new; one
// that has none is called by its id.
func (s *perStream[T]) of(id ident.StreamID, name string) *T {
	if all := s.all.Load(); all != nil {
		if t := (*all)[id]; t != nil {
			return t
		}
	}
	return s.add(id, name)
}

func (s *perStream[T]) add(id ident.StreamID, name string) *T {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[ident.StreamID]*T{}
	if old := s.all.Load(); old != nil {
		if t := (*old)[id]; t != nil {
			return t
		}
		if len(*old) >= MaxStreams {
			if s.surplus == nil {
				s.surplus = s.make(otherStreams)
			}
			return s.surplus
		}
		all = maps.Clone(*old)
	}
	if name == "" {
		name = id.Short()
	}
	t := s.make(strings.ToValidUTF8(name, "\uFFFD"))
	all[id] = t
	s.all.Store(&all)
	return t
}

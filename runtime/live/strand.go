package live

import (
	"sync"

	"github.com/smalti/smalti/runtime"
)

// shrinkAbove is the capacity, in entries, above which an emptied inbox is
// given back to the garbage collector.
const shrinkAbove = 4096

// strand is an inbox and the goroutine that drains it while it is not empty.
type strand struct {
	sched *Scheduler
	name  string
	drain func() // run, bound once

	mu      sync.Mutex
	inbox   []func()
	running bool
	streams map[string]*runtime.Rand
	tally   *tally // nil without a hook

	// Of the draining goroutine only.
	batch []func()
	next  int
}

func newStrand(s *Scheduler, name string) *strand {
	st := &strand{sched: s, name: name}
	st.drain = st.run
	if s.config.Hook != nil {
		st.tally = &tally{sources: map[string]uint64{}}
	}
	return st
}

func (s *strand) Post(f func()) {
	if s.tally != nil {
		s.postFrom(sourceOf(f), f)
		return
	}
	s.mu.Lock()
	s.add(f)
	s.mu.Unlock()
}

// postFrom is Post with a label for the hook.
func (s *strand) postFrom(source string, f func()) {
	s.mu.Lock()
	if s.tally != nil {
		f = s.sched.config.Hook(s.tally.entry(s.name, source), f)
	}
	s.add(f)
	s.mu.Unlock()
}

func (s *strand) add(f func()) {
	if s.sched.stopped.Load() {
		return
	}
	s.inbox = append(s.inbox, f)
	if !s.running && s.sched.begin() {
		s.running = true
		go s.drain()
	}
}

// run drains the inbox. A posted function that ends the goroutine, as
// testing.T.FailNow does, loses nothing: the rest runs on another.
func (s *strand) run() {
	finished := false
	defer func() {
		if !finished {
			go s.drain()
		}
	}()
	for s.fill() {
		for s.next < len(s.batch) && !s.sched.stopped.Load() {
			f := s.batch[s.next]
			s.batch[s.next] = nil
			s.next++
			if s.sched.config.OnPanic == nil {
				f()
			} else {
				s.sched.guard(s.name, f)
			}
		}
	}
	finished = true
	s.sched.end()
}

// fill swaps the batch that was run for what came in meanwhile. False: there
// is nothing left, or the scheduler stopped.
func (s *strand) fill() bool {
	if s.next < len(s.batch) && !s.sched.stopped.Load() {
		return true // taken over from a goroutine that ended early
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sched.stopped.Load() {
		s.inbox, s.batch, s.next, s.running = nil, nil, 0, false
		return false
	}
	spare := s.batch[:0]
	if cap(spare) > shrinkAbove {
		spare = nil
	}
	s.batch, s.inbox, s.next = s.inbox, spare, 0
	s.running = len(s.batch) > 0
	return s.running
}

func (s *strand) Rand(name string) *runtime.Rand {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.streams[name]
	if r == nil {
		if s.streams == nil {
			s.streams = map[string]*runtime.Rand{}
		}
		r = runtime.NewRand(s.sched.config.Seed.Derive("strand", s.name, name))
		s.streams[name] = r
	}
	return r
}

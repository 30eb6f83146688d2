package sim

import "github.com/smalti/smalti/runtime"

// strand is a queue in the kernel.
type strand struct {
	k     *kernel
	inc   *incarnation
	id    uint32
	name  string
	inbox []func()
	head  int
	since int64 // when it got work, if it has some
	ready bool  // stands in kernel.ready, or in its host's cpu.queue, or nowhere because the host is paused
	rands map[string]*runtime.Rand
}

var _ runtime.Strand = (*strand)(nil)

func (inc *incarnation) newStrand(name string) *strand {
	k := inc.host.world.kernel
	k.strands++
	return &strand{k: k, inc: inc, id: k.strands, name: name, ready: inc.host.pauses > 0}
}

// Post implements runtime.Strand.
func (s *strand) Post(f func()) {
	if s.inc.dead {
		return
	}
	if s.head > 0 && s.head == len(s.inbox) {
		s.inbox, s.head = s.inbox[:0], 0
	}
	s.inbox = append(s.inbox, f)
	if !s.ready {
		s.since = s.k.now
		s.enqueue()
	}
}

// enqueue has the kernel run s, once there is a processor for it.
func (s *strand) enqueue() {
	s.ready = true
	if c := s.inc.cpu; c != nil {
		c.enqueue(s)
		return
	}
	s.k.ready = append(s.k.ready, s)
}

// take removes the oldest posted function. A dead strand's are no-ops: they
// stay steps, so that a crash never edits the ready list.
func (s *strand) take() func() {
	f := s.inbox[s.head]
	s.inbox[s.head] = nil
	s.head++
	if s.head == len(s.inbox) {
		s.inbox, s.head = s.inbox[:0], 0
	} else if s.head >= 1024 && s.head*2 >= len(s.inbox) {
		n := copy(s.inbox, s.inbox[s.head:])
		clear(s.inbox[n:])
		s.inbox, s.head = s.inbox[:n], 0
	}
	return f
}

// drop forgets everything posted; what stands in kernel.ready finds a no-op.
func (s *strand) drop() {
	if s.ready {
		clear(s.inbox)
		s.inbox, s.head = append(s.inbox[:0], func() {}), 0
	}
}

// Rand implements runtime.Strand.
func (s *strand) Rand(name string) *runtime.Rand {
	r := s.rands[name]
	if r == nil {
		if s.rands == nil {
			s.rands = map[string]*runtime.Rand{}
		}
		r = runtime.NewRand(s.inc.seed.Derive("strand", s.name, name))
		s.rands[name] = r
	}
	return r
}

func (s *strand) label() string { return s.inc.host.name + "/" + s.name }

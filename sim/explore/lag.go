package explore

import (
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

// lagPPM is how often lag lets a timer go first, in ppm of the choices: often
// enough that most instants with some work see it, and seldom enough that work
// also runs on time.
const lagPPM = 200_000

// lag lets time move on although there is work, so that work lags behind timers
// by at most so long.
type lag struct {
	inner  sim.Strategy
	random *runtime.Rand
	most   time.Duration
}

func (l *lag) Next(now time.Duration, turns []sim.Turn) (sim.Turn, time.Duration) {
	next, wait := l.inner.Next(now, turns)
	oldest := turns[0].Since
	for _, t := range turns[1:] {
		oldest = min(oldest, t.Since)
	}
	most := max(0, oldest+l.most-now)
	if l.random.Chance(lagPPM) {
		wait = max(wait, most)
	}
	return next, wait
}

// famine is for how many choices a strand starves, on average: some exchanges
// with everybody else, and many strands in a run.
const famine = 512

// starve passes over one strand while others have work, and then lets it lag
// behind timers, by at most so long. After a while it is another one.
type starve struct {
	inner  sim.Strategy
	random *runtime.Rand
	most   time.Duration
	count  int // choices until the next victim is drawn
	victim uint32
	others []sim.Turn // room
}

func (s *starve) Next(now time.Duration, turns []sim.Turn) (sim.Turn, time.Duration) {
	if s.count == 0 {
		s.count = 1 + s.random.IntN(2*famine)
		s.victim = turns[s.random.IntN(len(turns))].Strand
	}
	s.count--
	s.others = s.others[:0]
	var victim sim.Turn
	left := time.Duration(0) // until the victim has waited for long enough
	for _, t := range turns {
		if t.Strand == s.victim {
			victim, left = t, t.Since+s.most-now
		} else {
			s.others = append(s.others, t)
		}
	}
	switch {
	case len(s.others) == len(turns), left < 0:
		return s.inner.Next(now, turns)
	case len(s.others) == 0:
		return victim, left
	}
	return s.inner.Next(now, s.others)
}

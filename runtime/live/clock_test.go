package live_test

import (
	goruntime "runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/live"
)

// steppable is a real clock whose wall time can be stepped: Since and timers
// do not notice.
type steppable struct {
	clock.Clock
	step atomic.Int64
}

func (s *steppable) Now() time.Time { return s.Clock.Now().Add(time.Duration(s.step.Load())) }

type bench struct {
	source *steppable
	clock  *live.Clock
	strand runtime.Strand
	fired  []time.Duration // Mono at each firing
}

func (b *bench) note() { b.fired = append(b.fired, b.clock.Mono()) }

// inBubble runs f in virtual time, on one processor: the timers of a bubble
// share one context of the race detector, which crashes when goroutines run
// several at a time (golang/go#78156).
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	defer goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(1))
	synctest.Test(t, f)
}

// onBench runs f in a bubble, where time passes at once.
func onBench(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	inBubble(t, func(t *testing.T) {
		s := live.NewScheduler(live.SchedulerConfig{})
		defer s.Stop()
		source := &steppable{Clock: clock.New()}
		c := live.NewClock(source)
		defer c.Stop()
		f(t, &bench{source: source, clock: c, strand: s.Strand("s")})
	})
}

func (b *bench) expect(t *testing.T, want ...time.Duration) {
	t.Helper()
	var got []time.Duration
	b.strand.Post(func() { got = slices.Clone(b.fired) })
	settle(b.strand)
	if !slices.Equal(got, want) {
		t.Errorf("fired at %v, want %v", got, want)
	}
}

func TestNowIsUTCWithoutMonotonicReading(t *testing.T) {
	now := live.NewClock(clock.New()).Now()
	if now != now.Round(0) || now.Location() != time.UTC {
		t.Errorf("%#v has a monotonic reading or a zone", now)
	}
}

func TestTimersFireOnceAtTheirTime(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.clock.AfterFunc(b.strand, 2*time.Second, b.note)
		b.clock.AfterFunc(b.strand, -time.Second, b.note)
		b.clock.At(b.strand, b.clock.Now().Add(90*time.Minute), b.note)
		b.clock.At(b.strand, b.clock.Now().Add(time.Second/2), b.note)
		time.Sleep(3 * time.Hour)
		b.expect(t, 0, time.Second/2, 2*time.Second, 90*time.Minute)
	})
}

func TestStopOnTheStrandBeatsAFiringInItsInbox(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		stopped := b.clock.AfterFunc(b.strand, time.Second, b.note)
		reset := b.clock.AfterFunc(b.strand, time.Second, b.note)
		wall := b.clock.At(b.strand, b.clock.Now().Add(time.Second), b.note)
		b.strand.Post(func() {
			time.Sleep(2 * time.Second) // all have fired and wait in the inbox
			stopped.Stop()
			stopped.Stop()
			reset.Reset(3 * time.Second)
			wall.Stop()
		})
		time.Sleep(time.Minute)
		b.expect(t, 5*time.Second)
	})
}

func TestResetRevivesAndMovesATimer(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		timer := b.clock.AfterFunc(b.strand, time.Second, b.note)
		time.Sleep(2 * time.Second)
		timer.Reset(time.Second)
		time.Sleep(2 * time.Second)
		timer.Reset(time.Hour)
		timer.Reset(time.Second)
		time.Sleep(2 * time.Hour)
		b.expect(t, time.Second, 3*time.Second, 5*time.Second)
	})
}

func TestWallTimerSeesAStepForwardWithinASecond(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.clock.At(b.strand, b.clock.Now().Add(time.Hour), b.note)
		time.Sleep(10*time.Second + time.Millisecond)
		b.source.step.Store(int64(2 * time.Hour))
		time.Sleep(time.Second)
		b.expect(t, 11*time.Second)
	})
}

func TestWallTimerWaitsForAClockSteppedBack(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.clock.At(b.strand, b.clock.Now().Add(time.Minute), b.note)
		b.source.step.Store(-int64(time.Hour))
		time.Sleep(59 * time.Minute)
		b.expect(t)
		if got := b.clock.Mono(); got != 59*time.Minute {
			t.Errorf("Mono followed the step: %v", got)
		}
		time.Sleep(2 * time.Hour)
		b.expect(t, time.Hour+time.Minute)
	})
}

func TestWallTimerBecomesAnotherByReset(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		timer := b.clock.At(b.strand, b.clock.Now().Add(time.Second), b.note)
		timer.Reset(time.Minute)
		time.Sleep(time.Hour)
		b.expect(t, time.Minute)
	})
}

func TestManyWallTimersFireInOrderOfTimeThenAge(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		start := b.clock.Now()
		var order []int
		for _, i := range []int{5, 1, 4, 1, 3, 9, 2, 6} {
			age := i*10 + len(order)
			b.clock.At(b.strand, start.Add(time.Duration(i)*time.Second), func() { order = append(order, age/10) })
		}
		gone := b.clock.At(b.strand, start.Add(2*time.Second), func() { order = append(order, -1) })
		gone.Stop()
		time.Sleep(time.Minute)
		settle(b.strand)
		for i := 1; i < len(order); i++ {
			if order[i] < order[i-1] {
				t.Errorf("order %v", order)
			}
		}
		if len(order) != 8 {
			t.Errorf("fired %v, want 8", order)
		}
	})
}

func TestTimerOnAMockFiresWhenTheMockMoves(t *testing.T) {
	mock := clock.NewMock()
	c := live.NewClock(mock)
	s := newScheduler(t, live.SchedulerConfig{})
	fired := make(chan time.Duration, 1)
	c.AfterFunc(s.Strand("s"), time.Minute, func() { fired <- c.Mono() })
	mock.Add(time.Hour)
	if got := <-fired; got < time.Minute {
		t.Errorf("fired at %v, want a minute or later", got)
	}
}

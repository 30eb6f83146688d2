package clocktest

import (
	"fmt"
	"math"
	"time"

	"github.com/smalti/smalti/runtime"
)

// late is how late a timer may be: far more than a loaded machine needs, far
// less than any mistake of units would give.
const late = 5 * time.Second

// Cases lists the suite.
func Cases() []Case {
	return []Case{
		{Name: "now is in UTC without a monotonic reading", Body: nowPlain},
		{Name: "mono starts near zero and never goes back", Body: monoGrows},
		{Name: "timers fire in order of time and never early", Body: ordered},
		{Name: "many timers fire once each", Body: many},
		{Name: "a negative delay is none", Body: negative},
		{Name: "no timer fires inside the call that makes it", Body: notInline},
		{Name: "far futures do not come", Body: farFuture},
		{Name: "stop is exact on the strand", Body: stopExact},
		{Name: "reset is exact on the strand", Body: resetExact},
		{Name: "stop and reset of wall timers are exact on the strand", Body: wallExact},
		{Name: "reset revives and moves", Body: resetMoves},
		{Name: "a timer re-arms itself", Body: rearm},
		{Name: "a timer fires on its own strand", Body: ownStrand},
		{Name: "a wall time in the past is now", Body: pastWall},
		{Name: "wall timers fire in order and never early", Body: wallOrdered},
		{Name: "a wall timer becomes a plain one by reset", Body: wallReset},
		{Name: "a wall timer follows a step forward within a second", Steps: true, Body: stepForward},
		{Name: "a wall timer waits for a clock stepped back", Steps: true, Body: stepBack},
		{Name: "mono and plain timers ignore steps", Steps: true, Body: stepIgnored},
		{Name: "a stopped wall timer does not follow a step", Steps: true, Body: stepStopped},
	}
}

func nowPlain(b *Bed) {
	now := b.clock.Now()
	if now.Location() != time.UTC || now != now.Round(0) {
		b.Errorf("%#v has a zone or a monotonic reading", now)
	}
	b.Sleep(50 * time.Millisecond)
	if d := b.clock.Now().Sub(now); d < 50*time.Millisecond || d > late {
		b.Errorf("the wall clock moved %v in 50ms", d)
	}
}

func monoGrows(b *Bed) {
	last := b.clock.Mono()
	if last < 0 || last > late {
		b.Errorf("mono starts at %v", last)
	}
	for range 200 {
		for range 50 {
			now := b.clock.Mono()
			if now < last {
				b.Fatalf("mono went from %v back to %v", last, now)
			}
			last = now
		}
		b.Sleep(time.Millisecond)
		if now := b.clock.Mono(); now < last+time.Millisecond {
			b.Fatalf("mono went from %v to %v in a millisecond", last, now)
		}
	}
}

func ordered(b *Bed) {
	start := b.clock.Mono()
	for _, i := range []int{4, 1, 5, 3, 2, 0} {
		d := time.Duration(i) * 100 * time.Millisecond
		b.clock.AfterFunc(b.strand, d, b.note(fmt.Sprint(i)))
	}
	for i, f := range b.wait(6) {
		due := start + time.Duration(i)*100*time.Millisecond
		if f.mono < due || f.mono > due+late {
			b.Errorf("timer %s fired at %v, due at %v", f.name, f.mono, due)
		}
	}
	b.expect("0", "1", "2", "3", "4", "5")
}

func many(b *Bed) {
	const n = 2000
	due := map[string]time.Duration{}
	b.Do(func() {
		for i := range n {
			name := fmt.Sprint(i)
			d := time.Duration(i*7919%500) * time.Millisecond
			due[name] = b.clock.Mono() + d
			b.clock.AfterFunc(b.strand, d, b.note(name))
		}
	})
	b.wait(n)
	b.Sleep(50 * time.Millisecond)
	list := b.wait(n)
	if len(list) != n {
		b.Errorf("%d firings of %d timers", len(list), n)
	}
	for _, f := range list {
		if f.mono < due[f.name] {
			b.Errorf("timer %s fired at %v, due at %v", f.name, f.mono, due[f.name])
		}
		delete(due, f.name)
	}
	if len(due) != 0 {
		b.Errorf("%d timers did not fire", len(due))
	}
}

func negative(b *Bed) {
	start := b.clock.Mono()
	for _, d := range []time.Duration{0, -1, -time.Hour, math.MinInt64} {
		b.clock.AfterFunc(b.strand, d, b.note(d.String()))
	}
	again := b.clock.AfterFunc(b.strand, time.Hour, b.note("reset"))
	b.Do(func() { again.Reset(math.MinInt64) })
	for _, f := range b.wait(5) {
		if f.mono > start+late {
			b.Errorf("timer of %s fired after %v", f.name, f.mono-start)
		}
	}
}

func notInline(b *Bed) {
	inside := false
	check := func() {
		if inside {
			b.Errorf("a timer fired within the function that started it")
		}
		b.note("x")()
	}
	b.Do(func() {
		inside = true
		b.clock.AfterFunc(b.strand, 0, check)
		b.clock.At(b.strand, b.clock.Now().Add(-time.Hour), check)
		b.clock.AfterFunc(b.strand, time.Hour, check).Reset(0)
		inside = false
	})
	b.wait(3)
}

func farFuture(b *Bed) {
	var timers []runtime.Timer
	b.Do(func() {
		timers = []runtime.Timer{
			b.clock.AfterFunc(b.strand, math.MaxInt64, b.note("longest delay")),
			b.clock.AfterFunc(b.strand, math.MaxInt64-time.Hour, b.note("long delay")),
			b.clock.At(b.strand, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), b.note("year 9999")),
			b.clock.At(b.strand, time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), b.note("year 2300")),
			b.clock.At(b.strand, time.Unix(math.MaxInt64-1<<62, 0), b.note("longest time")),
		}
	})
	b.Sleep(200 * time.Millisecond)
	b.expect()
	b.Do(func() {
		for _, t := range timers {
			t.Stop()
		}
	})
}

// stopExact pairs timers of one instant, each of which stops its partner: one
// of each pair fires, though the other's firing may be posted already.
func stopExact(b *Bed) {
	const pairs = 300
	b.Do(func() {
		for i := range pairs {
			var one, two runtime.Timer
			one = b.clock.AfterFunc(b.strand, 30*time.Millisecond, func() { two.Stop(); two.Stop(); b.note(fmt.Sprint(i))() })
			two = b.clock.AfterFunc(b.strand, 30*time.Millisecond, func() { one.Stop(); b.note(fmt.Sprint(i))() })
		}
	})
	b.once(pairs)
}

// once expects firings of names 0 to n-1, once each.
func (b *Bed) once(n int) {
	b.Helper()
	b.wait(n)
	b.Sleep(300 * time.Millisecond)
	seen := map[string]int{}
	for _, f := range b.wait(n) {
		seen[f.name]++
		if seen[f.name] > 1 {
			b.Errorf("number %s fired %d times", f.name, seen[f.name])
		}
	}
	if len(seen) != n {
		b.Errorf("%d of %d fired", len(seen), n)
	}
}

func resetExact(b *Bed) {
	const pairs, d, more = 300, 30 * time.Millisecond, 200 * time.Millisecond
	var first, second int // on the strand
	b.Do(func() {
		for range pairs {
			var timers [2]runtime.Timer
			var resetAt time.Duration
			for side := range 2 {
				timers[side] = b.clock.AfterFunc(b.strand, d, func() {
					if resetAt == 0 {
						resetAt = b.clock.Mono()
						timers[1-side].Reset(more)
						first++
						return
					}
					second++
					if now := b.clock.Mono(); now < resetAt+more {
						b.Errorf("a timer that was reset at %v by %v fired at %v", resetAt, more, now)
					}
				})
			}
		}
	})
	b.Sleep(d + more + time.Second)
	b.Do(func() {
		if first != pairs || second != pairs {
			b.Errorf("%d and %d of %d pairs fired", first, second, pairs)
		}
	})
}

func wallExact(b *Bed) {
	const pairs = 300
	b.Do(func() {
		wall := b.clock.Now().Add(30 * time.Millisecond)
		for i := range pairs {
			var one, two runtime.Timer
			end := func(t runtime.Timer) {
				if i%2 == 0 {
					t.Stop()
				} else {
					t.Reset(time.Hour)
				}
			}
			one = b.clock.At(b.strand, wall, func() { end(two); b.note(fmt.Sprint(i))() })
			two = b.clock.At(b.strand, wall, func() { end(one); b.note(fmt.Sprint(i))() })
		}
	})
	b.once(pairs)
}

func resetMoves(b *Bed) {
	start := b.clock.Mono()
	var later, sooner, revived runtime.Timer
	b.Do(func() {
		later = b.clock.AfterFunc(b.strand, 50*time.Millisecond, b.note("later"))
		sooner = b.clock.AfterFunc(b.strand, time.Hour, b.note("sooner"))
		revived = b.clock.AfterFunc(b.strand, 20*time.Millisecond, b.note("revived"))
		later.Reset(time.Hour)
		later.Reset(600 * time.Millisecond)
		sooner.Reset(300 * time.Millisecond)
		revived.Stop()
	})
	b.Sleep(100 * time.Millisecond)
	b.expect()
	b.Do(func() { revived.Reset(10 * time.Millisecond) })
	list := b.wait(3)
	b.expect("revived", "sooner", "later")
	for i, due := range []time.Duration{110 * time.Millisecond, 300 * time.Millisecond, 600 * time.Millisecond} {
		if list[i].mono < start+due {
			b.Errorf("%s fired after %v, due after %v", list[i].name, list[i].mono-start, due)
		}
	}
	b.Do(func() { sooner.Reset(10 * time.Millisecond) })
	b.wait(4)
	b.expect("revived", "sooner", "later", "sooner")
}

func rearm(b *Bed) {
	const n, every = 20, 5 * time.Millisecond
	var t runtime.Timer
	count := 0
	b.Do(func() {
		t = b.clock.AfterFunc(b.strand, every, func() {
			b.note(fmt.Sprint(count))()
			if count++; count < n {
				t.Reset(every)
			} else {
				t.Stop()
			}
		})
	})
	list := b.wait(n)
	for i := 1; i < n; i++ {
		if d := list[i].mono - list[i-1].mono; d < every {
			b.Errorf("round %d came after %v, want %v", i, d, every)
		}
	}
	b.Sleep(10 * every)
	if got := len(b.wait(n)); got != n {
		b.Errorf("%d rounds, want %d", got, n)
	}
}

// ownStrand keeps one strand busy: its timers wait, another's do not.
func ownStrand(b *Bed) {
	other := b.env.Scheduler.Strand("other")
	var fired runtime.Watch[int]
	running := 0 // on other: two timers at a time would be seen by the race detector
	for range 100 {
		b.clock.AfterFunc(other, time.Millisecond, func() {
			running++
			fired.Set(running)
		})
	}
	if _, err := fired.Wait(b.ctx, b.env, func(n int) bool { return n == 100 }); err != nil {
		b.Fatalf("%d of 100 timers on a second strand: %v", fired.Get(), err)
	}
}

func pastWall(b *Bed) {
	start := b.clock.Mono()
	for _, past := range []struct {
		name string
		wall time.Time
	}{
		{"now", b.clock.Now()},
		{"a second", b.clock.Now().Add(-time.Second)},
		{"a century", b.clock.Now().AddDate(-100, 0, 0)},
		{"the epoch", time.Unix(0, 0)},
		{"the zero time", time.Time{}},
		{"year 1600", time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		b.clock.At(b.strand, past.wall, b.note(past.name))
	}
	for _, f := range b.wait(6) {
		if f.mono > start+time.Second+late {
			b.Errorf("%s ago fired after %v", f.name, f.mono-start)
		}
	}
}

func wallOrdered(b *Bed) {
	start := b.clock.Now()
	for _, i := range []int{3, 1, 4, 2} {
		wall := start.Add(time.Duration(i) * 100 * time.Millisecond)
		b.clock.At(b.strand, wall, b.note(fmt.Sprint(i)))
	}
	for i, f := range b.wait(4) {
		due := start.Add(time.Duration(i+1) * 100 * time.Millisecond)
		if f.now.Before(due) || f.now.After(due.Add(late)) {
			b.Errorf("timer %s fired at %v, due at %v", f.name, f.now, due)
		}
	}
	b.expect("1", "2", "3", "4")
}

func wallReset(b *Bed) {
	start := b.clock.Mono()
	b.Do(func() {
		t := b.clock.At(b.strand, b.clock.Now().Add(50*time.Millisecond), b.note("x"))
		t.Reset(300 * time.Millisecond)
	})
	b.Sleep(150 * time.Millisecond)
	b.expect()
	if f := b.wait(1)[0]; f.mono < start+300*time.Millisecond {
		b.Errorf("fired after %v, want 300ms", f.mono-start)
	}
	b.Sleep(200 * time.Millisecond)
	b.expect("x")
}

func stepForward(b *Bed) {
	b.Do(func() {
		for i := range 20 {
			b.clock.At(b.strand, b.clock.Now().Add(time.Hour+time.Duration(i)*time.Minute), b.note("x"))
		}
		b.clock.At(b.strand, b.clock.Now().Add(4*time.Hour), b.note("beyond"))
	})
	b.Sleep(3 * time.Second)
	b.expect()
	stepped := b.clock.Mono()
	b.Do(func() { b.step(2 * time.Hour) })
	for _, f := range b.wait(20) {
		if after := f.mono - stepped; f.name != "x" || after > time.Second+10*time.Millisecond {
			b.Errorf("%s fired %v after the step, want at most 1s", f.name, after)
		}
	}
	b.Sleep(2 * time.Second)
	if got := len(b.wait(20)); got != 20 {
		b.Errorf("%d timers fired, want 20", got)
	}
}

func stepBack(b *Bed) {
	wall := b.clock.Now().Add(2 * time.Second)
	b.Do(func() { b.clock.At(b.strand, wall, b.note("x")) })
	b.Do(func() { b.step(-10 * time.Second) })
	b.Sleep(8 * time.Second)
	b.expect()
	if f := b.wait(1)[0]; f.now.Before(wall) || f.now.After(wall.Add(1100*time.Millisecond)) {
		b.Errorf("fired at %v, want %v", f.now, wall)
	}
}

func stepIgnored(b *Bed) {
	start := b.clock.Mono()
	b.Do(func() {
		b.clock.AfterFunc(b.strand, 2*time.Second, b.note("plain"))
		b.clock.At(b.strand, b.clock.Now().Add(time.Hour), b.note("wall")).Reset(3 * time.Second)
	})
	now := b.clock.Now()
	b.Do(func() { b.step(24 * time.Hour) })
	b.Sleep(time.Second)
	b.expect()
	if d := b.clock.Now().Sub(now); d < 24*time.Hour || d > 24*time.Hour+time.Second+late {
		b.Errorf("the wall clock moved %v over a step of 24h and a second", d)
	}
	b.Do(func() { b.step(-48 * time.Hour) })
	if now := b.clock.Mono(); now < start+time.Second || now > start+time.Second+late {
		b.Errorf("mono moved %v over steps and a second", now-start)
	}
	list := b.wait(2)
	b.expect("plain", "wall")
	for i, due := range []time.Duration{2 * time.Second, 3 * time.Second} {
		if after := list[i].mono - start; after < due || after > due+late {
			b.Errorf("%s fired after %v, want %v", list[i].name, after, due)
		}
	}
}

func stepStopped(b *Bed) {
	b.Do(func() {
		t := b.clock.At(b.strand, b.clock.Now().Add(time.Hour), b.note("stopped"))
		t.Stop()
		t.Stop()
	})
	b.Do(func() { b.step(2 * time.Hour) })
	b.Sleep(3 * time.Second)
	b.expect()
}

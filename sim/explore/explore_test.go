package explore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
	"github.com/smalti/smalti/sim/explore"
)

func world(t testing.TB, seed uint64, text string) *sim.World {
	t.Helper()
	p, err := explore.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	w := sim.New(sim.Config{Seed: seed, Strategy: p.New})
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// order posts a function to each strand of a, b and c, twice on b, and gives
// their order.
func order(t testing.TB, seed uint64, text string) string {
	t.Helper()
	return orderIn(t, world(t, seed, text))
}

func orderIn(t testing.TB, w *sim.World) string {
	t.Helper()
	var got strings.Builder
	for _, name := range []string{"a", "b", "c"} {
		s := w.Env().Scheduler.Strand(name)
		s.Post(func() { got.WriteString(name) })
		if name == "b" {
			s.Post(func() { got.WriteString("B") })
		}
	}
	if err := w.Run(time.Second); err != nil {
		t.Fatal(err)
	}
	return got.String()
}

func TestFixedOrders(t *testing.T) {
	for text, want := range map[string]string{"fifo": "abcB", "lifo": "cbBa"} {
		for seed := range uint64(5) {
			if got := order(t, seed, text); got != want {
				t.Errorf("%s, seed %d: %s, want %s", text, seed, got, want)
			}
		}
	}
}

// orders gives the orders of many seeds, and how often each came up.
func orders(t testing.TB, text string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for seed := range uint64(200) {
		found[order(t, seed, text)]++
	}
	return found
}

func TestRandomIsTheKernelsOwnDraw(t *testing.T) {
	p, _ := explore.Parse("random")
	if s := p.New(runtime.NewRand(runtime.Seed{})); s != nil {
		t.Errorf("random is %T, want nil: the fast path", s)
	}
	if found := orders(t, "starve"); len(found) < 4 {
		t.Errorf("orders under starve: %v, want 4 at least", found)
	}
}

func TestPCTOfDepthOneFollowsPriorities(t *testing.T) {
	found := orders(t, "pct:1")
	for got := range found {
		if !strings.Contains(got, "bB") {
			t.Errorf("order %s: nothing changed between the turns of b", got)
		}
	}
	if len(found) != 6 {
		t.Errorf("orders %v, want all 6 of three strands", found)
	}
}

// chain runs a strand that is always busy beside one that is too, and gives
// their turns.
func chain(t testing.TB, seed uint64, text string, turns int) string {
	t.Helper()
	w := world(t, seed, text)
	var got strings.Builder
	for _, name := range []string{"a", "b"} {
		s := w.Env().Scheduler.Strand(name)
		left := turns
		var next func()
		next = func() {
			got.WriteString(name)
			if left--; left > 0 {
				s.Post(next)
			}
		}
		s.Post(next)
	}
	if err := w.Run(time.Second); err != nil {
		t.Fatal(err)
	}
	return got.String()
}

// switches counts places at which another strand goes on.
func switches(got string) (n int) {
	for i := 1; i < len(got); i++ {
		if got[i] != got[i-1] {
			n++
		}
	}
	return n
}

func TestPCTChangesPrioritiesAtFewPlaces(t *testing.T) {
	const turns = 400 // of each: the choices are fewer than a stretch
	changed := 0
	for seed := range uint64(20) {
		if n := switches(chain(t, seed, "pct:1", turns)); n != 1 {
			t.Errorf("seed %d: %d switches without a change, want 1", seed, n)
		}
		n := switches(chain(t, seed, "pct:4", turns))
		if n > 4 {
			t.Errorf("seed %d: %d switches, want 3 and the last", seed, n)
		}
		changed += n - 1
	}
	if changed < 10 {
		t.Errorf("%d changes in 20 runs, want about a third of 60", changed)
	}
}

func TestDelaysAreBounded(t *testing.T) {
	const turns = 400
	const both = turns // so long, whatever is delayed, neither is done
	fair := strings.Repeat("ab", both/2)
	delayed := 0
	for seed := range uint64(100) {
		got := chain(t, seed, "delay:5", turns)[:both]
		n := both - 1 - switches(got)
		if n > 5 {
			t.Errorf("seed %d: %d departures from the order, want 5 at most", seed, n)
		}
		if got != fair {
			delayed++
		}
	}
	if delayed < 80 {
		t.Errorf("%d of 100 runs had a delay, want about 90", delayed)
	}
}

// lags measures, over many seeds, by how much a posted function runs late while
// timers come due each millisecond, and how many are late.
func lags(t testing.TB, text string) (most time.Duration, late int) {
	t.Helper()
	for seed := range uint64(20) {
		w := world(t, seed, text)
		clock := w.Env().Clock
		ticks, work := w.Env().Scheduler.Strand("ticks"), w.Env().Scheduler.Strand("work")
		left := 2000
		var tick func()
		tick = func() {
			posted := clock.Mono()
			work.Post(func() {
				d := clock.Mono() - posted
				most = max(most, d)
				if d > 0 {
					late++
				}
			})
			if left--; left > 0 {
				clock.AfterFunc(ticks, time.Millisecond, tick)
			}
		}
		ticks.Post(tick)
		if err := w.Run(time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	return most, late
}

func TestLagsAreBounded(t *testing.T) {
	for text, bound := range map[string]time.Duration{
		"random": 0, "fifo": 0, "pct:3": 0,
		"lag:3ms": 3 * time.Millisecond, "lag:7ms+fifo": 7 * time.Millisecond, "starve:3ms": 3 * time.Millisecond,
	} {
		most, late := lags(t, text)
		if most > bound || (late > 0) != (bound > 0) {
			t.Errorf("%s: %d turns were late, by up to %s, want up to %s", text, late, most, bound)
		}
		if bound > 0 && most < time.Millisecond {
			t.Errorf("%s: late by %s at most, want a tick at least", text, most)
		}
	}
}

func TestStarvedStrandWaitsForAllOthers(t *testing.T) {
	last := map[byte]int{}
	for got, n := range orders(t, "starve:1ms+fifo") {
		last[got[len(got)-1]] += n
		if !slices.Contains([]string{"bcBa", "acbB", "abBc"}, got) {
			t.Errorf("order %s: who starves did not wait for all others", got)
		}
	}
	if len(last) != 3 {
		t.Errorf("last were %v, want each strand now and then", last)
	}
}

func TestTimeNeverPassesTheEndOfARun(t *testing.T) {
	w := world(t, 1, "lag:100ms+starve:100ms")
	s := w.Env().Scheduler.Strand("s")
	ran := time.Duration(-1)
	w.Env().Clock.AfterFunc(w.Env().Scheduler.Strand("later"), 50*time.Millisecond, func() {})
	s.Post(func() { ran = w.Now() })
	if err := w.Run(20 * time.Millisecond); err != nil || ran < 0 || ran > 20*time.Millisecond {
		t.Errorf("ran at %s, %v, want before the end of the run", ran, err)
	}
}

func TestSameSeedGivesTheSameRun(t *testing.T) {
	for _, text := range []string{"fifo", "lifo", "pct:3", "delay:8", "starve", "lag", "lag+starve+pct:2"} {
		hashes := map[uint64]bool{}
		for _, seed := range []uint64{7, 7, 8} {
			w := world(t, seed, text)
			for i := range 10 {
				s := w.Env().Scheduler.Strand(fmt.Sprint(i))
				r := s.Rand("delays")
				var tick func()
				tick = func() { w.Env().Clock.AfterFunc(s, r.Duration(0, time.Millisecond), tick) }
				s.Post(tick)
			}
			if err := w.Run(100 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
			hashes[w.Stats().Hash] = true
		}
		if len(hashes) != 2 {
			t.Errorf("%s: %d hashes of seeds 7, 7 and 8, want 2", text, len(hashes))
		}
	}
}

func TestChoosingDoesNotAllocate(t *testing.T) {
	for _, text := range []string{"fifo", "lifo", "pct:5", "delay:20", "starve", "lag", "lag+starve+pct:5"} {
		w := world(t, 3, text)
		for i := range 10 {
			s := w.Env().Scheduler.Strand(fmt.Sprint(i))
			var timer runtime.Timer
			timer = w.Env().Clock.AfterFunc(s, 0, func() { timer.Reset(time.Millisecond) })
		}
		until := time.Second // slices have grown then
		if err := w.Run(until); err != nil {
			t.Fatal(err)
		}
		steps := w.Stats().Steps
		n := testing.AllocsPerRun(5, func() {
			until += 100 * time.Millisecond
			_ = w.Run(until)
		})
		if ran := w.Stats().Steps - steps; n > 100 || ran < 2000 {
			t.Errorf("%s: %v allocations in about 1,000 steps, %d in all; want those of Run itself only, some tens", text, n, ran)
		}
	}
}

func TestChoicesAreTheBytes(t *testing.T) {
	for bytes, want := range map[string]string{
		"": "abcB", "\x00\x00\x00\x00": "abcB", "\x02\x01\x01": "cbBa", "\x01": "bacB", "\x04\x00": "bacB", "\xff\xff\xff\xff\xff": "acbB",
	} {
		w := sim.New(sim.Config{Seed: 1, Strategy: explore.Choices([]byte(bytes))})
		if got := orderIn(t, w); got != want {
			t.Errorf("%q: %s, want %s", bytes, got, want)
		}
		_ = w.Close()
	}
}

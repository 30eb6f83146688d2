package simtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim/explore"
	"pgregory.net/rapid"
)

// Check runs scenarios that rapid draws, as many as its flags say, and fails the test
// unless all pass. rapid then shrinks what failed: the test ends with the smallest
// scenario that it found, as YAML for simrun --scenario. draw may be Draw, or change
// what Draw gives.
func Check(t *testing.T, draw func(t *rapid.T) scenarios.Scenario, programs ...scenarios.Program) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		seed := rapid.Uint64Range(0, 1<<32).Draw(t, "seed")
		r, err := scenarios.Run(s, scenarios.Options{Seed: seed, Programs: programs, HangLimit: cmp.Or(*hangFlag, -1)})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != scenarios.Pass {
			t.Fatalf("%s", failure(r, s))
		}
	})
}

// failure tells how a run failed, and how to see it again.
func failure(r scenarios.Result, s scenarios.Scenario) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s with seed %d", r.Verdict, r.Seed)
	for _, v := range r.Violations {
		fmt.Fprintf(&text, "\n%s", v)
	}
	if r.Inconclusive != "" {
		fmt.Fprintf(&text, "\n%s", r.Inconclusive)
	}
	fmt.Fprintf(&text, "\nscenario:\n%s", s.Format())
	return text.String()
}

// Draw draws a small scenario: 2 to 5 hosts, one or two streams, up to four faults. Every
// draw shrinks towards less: fewer hosts and faults, shorter times, the plainest
// strategy. Its recovery ends early, once all was well for ten seconds.
func Draw(t *rapid.T) scenarios.Scenario {
	ms := func(label string, low, high int) time.Duration {
		return time.Duration(rapid.IntRange(low, high).Draw(t, label)) * time.Millisecond
	}
	s := scenarios.Scenario{Name: "drawn", Duration: ms("duration", 1000, 15000), Calm: 10 * time.Second, Latency: ms("latency", 1, 60), Jitter: ms("jitter", 0, 30)}
	s.Buggify = rapid.Bool().Draw(t, "buggify")
	s.Strategy = rapid.SampledFrom([]string{"", "fifo", "lifo", "pct:3", "delay:8", "starve:5ms", "lag:2ms", "lag:5ms+pct:2"}).Draw(t, "strategy")
	for i := range rapid.IntRange(2, 5).Draw(t, "hosts") {
		s.Hosts = append(s.Hosts, scenarios.Host{Name: fmt.Sprintf("h%d", i+1), Offset: ms("offset", -2000, 2000)})
	}
	host := func(label string) string {
		return s.Hosts[rapid.IntRange(0, len(s.Hosts)-1).Draw(t, label)].Name
	}
	for i := range rapid.IntRange(1, 2).Draw(t, "streams") {
		st := scenarios.Stream{
			Name:         fmt.Sprintf("s%d", i+1),
			Lag:          rapid.SampledFrom([]string{"disconnect", "block"}).Draw(t, "lag"),
			Queue:        rapid.SampledFrom([]int{0, 16, 64}).Draw(t, "queue"),
			MaxConsumers: rapid.IntRange(0, 3).Draw(t, "max consumers"),
		}
		s.Streams = append(s.Streams, st)
		s.Workload = append(s.Workload, scenarios.Work{Host: host("producer"), Program: scenarios.Produce, Stream: st.Name, Every: ms("every", 10, 500), Burst: rapid.IntRange(0, 7).Draw(t, "burst"), Size: rapid.IntRange(0, 2000).Draw(t, "size")})
		for range rapid.IntRange(1, 4).Draw(t, "consumers") {
			s.Workload = append(s.Workload, scenarios.Work{Host: host("consumer"), Program: scenarios.Consume, Stream: st.Name, StallFor: ms("stall", 0, 3000)})
		}
	}
	for range rapid.IntRange(0, 4).Draw(t, "faults") {
		a := rapid.IntRange(0, len(s.Hosts)-1).Draw(t, "a")
		b := (a + rapid.IntRange(1, len(s.Hosts)-1).Draw(t, "b")) % len(s.Hosts)
		text := rapid.SampledFrom(faults(s.Hosts[a].Name, s.Hosts[b].Name)).Draw(t, "fault")
		s.Faults = append(s.Faults, scenarios.Fault{At: ms("at", 0, 15000), For: ms("for", 1, 15000), Fault: text})
	}
	return s
}

// faults are what may happen to two hosts.
func faults(x, y string) []string {
	return []string{
		"partition " + x + " | " + y, "cut " + x + " -> " + y, "crash " + x, "reset " + x + " | " + y, "hold " + x + " -> " + y,
		"isolate " + x, "step " + x + " -3s", "step " + y + " 3s", "slow " + x + " -> " + y + " 300ms", "loss " + x + " -> " + y + " 100000ppm",
		"pause " + x, "restart " + x,
	}
}

// Fuzz makes a fuzz target of a scenario: the bytes are the decisions of a run, as Decide
// reads them. Its invariants are judged as ever. An input that fails is kept by go test
// in testdata, and runs with every later go test.
func Fuzz(f *testing.F, base scenarios.Scenario, programs ...scenarios.Program) {
	f.Add([]byte(nil))
	f.Add([]byte{2, 2, 0, 1, 40, 20, 5, 1, 0, 90, 60, 1, 0, 2, 1, 3, 1})
	f.Fuzz(func(t *testing.T, decisions []byte) {
		s, turns := Decide(base, decisions)
		r, err := scenarios.Run(s, scenarios.Options{Seed: 1, Programs: programs, HangLimit: cmp.Or(*hangFlag, -1), Strategy: explore.Choices(turns)})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != scenarios.Pass {
			t.Fatalf("%s\nThe order of turns is in the bytes: without them the scenario may pass.", failure(r, s))
		}
	})
}

// maxFaults bounds the faults of Decide.
const maxFaults = 4

// Decide reads the decisions of a run from bytes: which faults strike base, when and for how
// long, and whose turn it is. The first byte is how many faults there are, up to 4, and
// five are for each: the class, two hosts, and the begin and the length in 256ths of the
// scenario's duration. turns is the rest, for explore.Choices. All bytes are
// valid, and what is missing is 0.
func Decide(base scenarios.Scenario, decisions []byte) (s scenarios.Scenario, turns []byte) {
	next := func() int {
		if len(decisions) == 0 {
			return 0
		}
		b := decisions[0]
		decisions = decisions[1:]
		return int(b)
	}
	s = base
	s.Faults = slices.Clone(base.Faults)
	for range next() % (maxFaults + 1) {
		class, a, b := next(), next()%len(s.Hosts), next()
		if len(s.Hosts) == 1 {
			break // they take two
		}
		b = (a + 1 + b%(len(s.Hosts)-1)) % len(s.Hosts)
		list := faults(s.Hosts[a].Name, s.Hosts[b].Name)
		part := s.Duration / 256
		s.Faults = append(s.Faults, scenarios.Fault{At: time.Duration(next()) * part, For: time.Duration(1+next()) * part, Fault: list[class%len(list)]})
	}
	return s, decisions
}

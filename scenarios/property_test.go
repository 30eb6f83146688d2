package scenarios_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/smalti/smalti/scenarios"
	"pgregory.net/rapid"
)

// drawScenario draws small scenarios by hand, so that rapid can shrink them.
func drawScenario(t *rapid.T) scenarios.Scenario {
	ms := func(label string, low, high int) time.Duration {
		return time.Duration(rapid.IntRange(low, high).Draw(t, label)) * time.Millisecond
	}
	s := scenarios.Scenario{Name: "drawn", Duration: ms("duration", 1000, 15000), Latency: ms("latency", 1, 60), Jitter: ms("jitter", 0, 30)}
	s.Buggify = rapid.Bool().Draw(t, "buggify")
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
		x, y := s.Hosts[a].Name, s.Hosts[b].Name
		text := rapid.SampledFrom([]string{
			"partition " + x + " | " + y, "cut " + x + " -> " + y, "crash " + x, "reset " + x + " | " + y, "hold " + x + " -> " + y,
			"isolate " + x, "step " + x + " -3s", "step " + y + " 3s", "slow " + x + " -> " + y + " 300ms", "loss " + x + " -> " + y + " 100000ppm",
		}).Draw(t, "fault")
		s.Faults = append(s.Faults, scenarios.Fault{At: ms("at", 0, 15000), For: ms("for", 1, 15000), Fault: text})
	}
	return s
}

// TestEveryDrawnScenarioPasses is the whole product as one property: whatever
// happens, no invariant breaks.
func TestEveryDrawnScenarioPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		r, err := scenarios.Run(s, scenarios.Options{Seed: rapid.Uint64().Draw(t, "seed")})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != scenarios.Pass {
			t.Fatalf("%s: %v %s\n%s", r.Verdict, r.Violations, r.Inconclusive, s.Format())
		}
	})
}

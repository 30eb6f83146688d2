package scenarios_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim/explore"
	"github.com/smalti/smalti/sim/fault"
)

func TestLibraryPasses(t *testing.T) {
	for _, s := range scenarios.Library() {
		seeds := uint64(3)
		if len(s.Hosts) >= 100 {
			seeds = 1
		}
		for seed := range seeds {
			r, err := scenarios.Run(s, scenarios.Options{Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			if r.Verdict != scenarios.Pass || r.Delivered < 100 {
				t.Errorf("%s, seed %d: %s, %d delivered, %v %s", s.Name, seed, r.Verdict, r.Delivered, r.Violations, r.Inconclusive)
			}
		}
	}
}

func TestScenariosSurviveYAML(t *testing.T) {
	list := scenarios.Library()
	for seed := range uint64(200) {
		list = append(list, scenarios.Swarm(seed))
	}
	for _, s := range list {
		back, err := scenarios.Parse(s.Format())
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		if diff := cmp.Diff(s, back); diff != "" {
			t.Errorf("%s (-before +after):\n%s", s.Name, diff)
		}
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestScenarioFromItsTextRunsToTheSameHash(t *testing.T) {
	for seed := range uint64(5) {
		s := scenarios.Swarm(seed)
		s.Duration = min(s.Duration, 15*time.Second)
		back, err := scenarios.Parse(s.Format())
		if err != nil {
			t.Fatal(err)
		}
		one, err := scenarios.Run(s, scenarios.Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		two, err := scenarios.Run(back, scenarios.Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		if one.Stats != two.Stats {
			t.Errorf("seed %d: %+v, then %+v", seed, one.Stats, two.Stats)
		}
	}
}

func TestParseRefusesWhatNobodyMeant(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key":   "name: x\nduration: 1s\nhots: []\n",
		"two documents": "name: x\n---\nname: y\n",
		"no YAML":       "{",
		"bad duration":  "name: x\nduration: soon\n",
		"too large":     strings.Repeat("#", scenarios.MaxFile+1),
	} {
		if _, err := scenarios.Parse([]byte(text)); !errors.Is(err, scenarios.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}

func TestValidateTellsEveryFault(t *testing.T) {
	s := scenarios.Scenario{
		Duration: -1,
		Calm:     1,
		Marks:    []string{"m", "m"},
		Hosts:    []scenarios.Host{{Name: "a"}, {Name: "a", Bootstrap: []string{"b"}, Next: -1}},
		Streams:  []scenarios.Stream{{Name: "s", Lag: "sometimes"}},
		Strategy: "quick",
		Workload: []scenarios.Work{{Host: "c", Program: "dance"}, {Host: "a", Program: scenarios.Produce, Stream: "s"}},
		Faults:   []scenarios.Fault{{Fault: "crash z"}, {Fault: "quake"}},
	}
	err := s.Validate()
	for _, want := range []string{"no name", "duration", `no "quick"`, `host "a"`, "host a: next version from boot -1", `mark "m"`, "calm and marks", `"b", which is none`, "sometimes", `no program "dance"`, `no host "c"`, "never end", `no host "z"`, `no class "quake"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error says nothing of %q:\n%v", want, err)
		}
	}
}

func TestSwarmDrawsEveryClassOftenAndNoneAlways(t *testing.T) {
	const seeds = 1000
	on := map[string]int{}
	two := 0
	for seed := range uint64(seeds) {
		s := scenarios.Swarm(seed)
		var classes []string
		for _, f := range s.Faults {
			class, _, _ := strings.Cut(f.Fault, " ")
			if !slices.Contains(classes, class) {
				classes = append(classes, class)
				on[class]++
			}
		}
		if len(classes) >= 2 {
			two++
		}
		if len(s.Hosts) < 2 || len(s.Hosts) > 12 || len(s.Streams) < 1 || len(s.Streams) > 4 || s.Duration < 10*time.Second || s.Duration > 120*time.Second {
			t.Errorf("seed %d: %d hosts, %d streams, %s", seed, len(s.Hosts), len(s.Streams), s.Duration)
		}
	}
	for _, c := range fault.Classes() {
		if n := on[c.Name]; n < seeds*30/100 || n > seeds*70/100 {
			t.Errorf("%s is on in %d of %d seeds, want 30 to 70 %%", c.Name, n, seeds)
		}
	}
	if two < seeds/2 {
		t.Errorf("%d of %d seeds have two classes of fault, want half", two, seeds)
	}
}

func TestMedianSwarmSeedDeliversDatums(t *testing.T) {
	var delivered []int64
	for seed := range uint64(21) {
		r, err := scenarios.Run(scenarios.Swarm(seed), scenarios.Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != scenarios.Pass {
			t.Errorf("seed %d: %s %v %s", seed, r.Verdict, r.Violations, r.Inconclusive)
		}
		delivered = append(delivered, r.Delivered)
	}
	slices.Sort(delivered)
	if median := delivered[len(delivered)/2]; median < 100 {
		t.Errorf("the median seed delivers %d datums, want 100", median)
	}
}

func TestSwarmSpreadsStrategies(t *testing.T) {
	const seeds = 1000
	drawn := map[string]int{}
	for seed := range uint64(seeds) {
		s := scenarios.Swarm(seed)
		p, err := explore.Parse(s.Strategy)
		if err != nil {
			t.Fatal(err)
		}
		drawn[p.String()]++
		for _, k := range explore.List() {
			if slices.ContainsFunc(strings.Split(p.String(), "+"), func(part string) bool { return strings.HasPrefix(part, k.Name) }) {
				drawn["with "+k.Name]++
			}
		}
	}
	if n := drawn["random"]; n < seeds*45/100 || n > seeds*55/100 {
		t.Errorf("%d of %d seeds are random, want half", n, seeds)
	}
	for _, k := range explore.List() {
		if n := drawn["with "+k.Name]; n < seeds*5/100 {
			t.Errorf("%d of %d seeds have %s, want 5 %%", n, seeds, k.Name)
		}
	}
}

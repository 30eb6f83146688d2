package scenarios_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/scenarios"
)

// recovery is how long the nodes of a run that passes had to recover, until they were closed.
func recovery(t *testing.T, s scenarios.Scenario, seed uint64) (d time.Duration) {
	t.Helper()
	r, err := scenarios.Run(s, scenarios.Options{Seed: seed, Observe: func(r *event.Record) {
		if r.Kind == event.ConsumerClosed && r.At > int64(s.Duration) {
			d = time.Duration(r.At) - s.Duration
		}
	}})
	if err != nil || r.Verdict != scenarios.Pass {
		t.Errorf("%v, %s, %v", err, r.Verdict, r.Violations)
	}
	return d
}

func TestRecoveryEndsEarlyWhenAllWasWellForAWhile(t *testing.T) {
	calm := func(text string, d time.Duration) scenarios.Scenario {
		s := stage(text, 5*time.Second)
		s.Calm = d
		return s
	}
	const most = scenarios.DefaultQuiesce
	offset := calm("pause c", 7*time.Second)
	offset.Hosts[0].Offset = 5 * time.Minute
	for name, x := range map[string]struct {
		scenario    scenarios.Scenario
		least, most time.Duration
	}{
		"nothing is wrong any more":  {calm("pause c", 7*time.Second), 7 * time.Second, 8 * time.Second},
		"nothing is expected":        {offset, most, most},
		"calm is asked for too long": {calm("pause c", 2*most), most, most},
		"no calm is asked for":       {calm("pause c", 0), most, most},
	} {
		if got := recovery(t, x.scenario, 1); got < x.least || got > x.most {
			t.Errorf("%s: nodes are closed after %s, want %s to %s", name, got, x.least, x.most)
		}
	}
}

func TestRecoveryWaitsForWhatIsWrongStill(t *testing.T) {
	s := stage("partition p | c", 5*time.Second)
	s.Faults[0].For, s.Calm = s.Duration, 7*time.Second // until the faults end
	longest := time.Duration(0)
	for seed := range uint64(5) {
		got := recovery(t, s, seed)
		if got < s.Calm || got > 40*time.Second {
			t.Errorf("seed %d: nodes are closed after %s, want %s to 40s", seed, got, s.Calm)
		}
		longest = max(longest, got)
	}
	if longest < s.Calm+time.Second {
		t.Errorf("the longest recovery took %s, as if all had been well at once", longest)
	}
}

func TestRunStopsWhereItIsAskedToInItsRecovery(t *testing.T) {
	s := stage("pause c", 5*time.Second)
	s.Calm = 7 * time.Second
	for _, until := range []time.Duration{s.Duration + time.Second, s.Duration + 7*time.Second - 1} {
		r, err := scenarios.Run(s, scenarios.Options{Seed: 1, Until: until})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != scenarios.Pass || r.Stats.Now != until {
			t.Errorf("%s at %s, want a pass at %s", r.Verdict, r.Stats.Now, until)
		}
	}
}

package simtest_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim/simtest"
	"pgregory.net/rapid"
)

// TestEveryDrawnScenarioPasses is the whole product as one property: whatever
// happens, no invariant breaks.
func TestEveryDrawnScenarioPasses(t *testing.T) { simtest.Check(t, simtest.Draw) }

// fragile fails on a host that is up for long; it has nothing to do with faults.
var fragile = scenarios.Program{Name: "fragile", Start: func(ctx context.Context, n *node.Node) error {
	if err := n.Env().Sleep(ctx, 2*time.Second); err != nil {
		return err
	}
	return errors.New("broken after two seconds")
}}

func TestShrinks(t *testing.T) {
	if os.Getenv(broken) == "" {
		return
	}
	simtest.Check(t, func(t *rapid.T) scenarios.Scenario {
		s := simtest.Draw(t)
		s.Workload = append(s.Workload, scenarios.Work{Host: s.Hosts[0].Name, Program: fragile.Name})
		return s
	}, fragile)
}

func TestAFailingDrawIsShrunkToWhatItTakes(t *testing.T) {
	out, failed := child(t, broken+"=1", "-test.run=^TestShrinks$", "-rapid.nofailfile")
	i := strings.LastIndex(out, "name: drawn")
	if !failed || i < 0 || !strings.Contains(out, "broken after two seconds") {
		t.Fatalf("failed %t, want it to, with a scenario:\n%s", failed, out)
	}
	smallest := out[i:]
	if strings.Contains(smallest, "fault:") || strings.Contains(smallest, "h3") || strings.Contains(smallest, "strategy") {
		t.Errorf("what is left has more than it takes:\n%s", smallest)
	}
}

// pair is a scenario of two hosts, cheap enough for fuzzing.
func pair() scenarios.Scenario {
	return scenarios.Scenario{
		Name: "pair", Duration: 3 * time.Second, Calm: 5 * time.Second,
		Hosts:   []scenarios.Host{{Name: "a"}, {Name: "b"}},
		Streams: []scenarios.Stream{{Name: "s"}},
		Workload: []scenarios.Work{
			{Host: "a", Program: scenarios.Produce, Stream: "s", Every: 300 * time.Millisecond},
			{Host: "b", Program: scenarios.Consume, Stream: "s"},
		},
	}
}

func FuzzDecisions(f *testing.F) {
	base := pair()
	if os.Getenv(broken) != "" {
		base.Workload = append(base.Workload, scenarios.Work{Host: "a", Program: fragile.Name})
	}
	simtest.Fuzz(f, base, fragile)
}

func TestAFailingInputTellsTheScenario(t *testing.T) {
	out, failed := child(t, broken+"=1", "-test.run=^FuzzDecisions$")
	for _, want := range []string{"safety with seed 1", "broken after two seconds", "scenario:\n", "name: pair", "The order of turns is in the bytes"} {
		if !failed || !strings.Contains(out, want) {
			t.Errorf("failed %t, want it to, with %q\n%s", failed, want, out)
		}
	}
}

func TestDecisionsAreFaultsThenTurns(t *testing.T) {
	part := pair().Duration / 256
	for name, test := range map[string]struct {
		bytes []byte
		want  []scenarios.Fault
		turns []byte
	}{
		"nothing": {nil, nil, nil},
		"turns":   {[]byte{0, 7, 8}, nil, []byte{7, 8}},
		"a crash": {[]byte{1, 2, 1, 9, 10, 20, 5}, []scenarios.Fault{{At: 10 * part, For: 21 * part, Fault: "crash b"}}, []byte{5}},
		"cut off": {[]byte{7, 14}, []scenarios.Fault{{For: part, Fault: "crash a"}, {For: part, Fault: "partition a | b"}}, nil},
	} {
		s, turns := simtest.Decide(pair(), test.bytes)
		if diff := cmp.Diff(s.Faults, test.want); diff != "" || string(turns) != string(test.turns) {
			t.Errorf("%s: turns %v, want %v; faults (-got +want):\n%s", name, turns, test.turns, diff)
		}
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
	}
}

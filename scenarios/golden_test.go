package scenarios_test

import (
	"fmt"
	"testing"

	"github.com/smalti/smalti/internal/golden"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim/explore"
)

// reviewHashes is what a failing TestGoldenHashes says.
const reviewHashes = `A seed gives another run than it did. After a change that was not to alter what runs do, such as one for speed
or order in the code, that is a fault: look for it with simrun --events of both versions. If only one machine or
GOARCH has other hashes, it is one as well: simrun verify. After a change of the product, of a scenario or of
what swarm draws it is what must happen. Then write the file anew with

	go test ./scenarios -run '^TestGoldenHashes$' -update

and commit it with that change, whose message says why runs are different. Changing these hashes is a reviewed act:
who reviews asks for each line whether the change explains it.`

// TestGoldenHashes holds some runs to the hashes in testdata/golden/hashes.txt: the same on
// every machine, and after every change that does not mean to alter runs. The gate
// runs it under GOARCH=386 too.
func TestGoldenHashes(t *testing.T) {
	type run struct {
		scenario, strategy string
		seed               uint64
	}
	var runs []run
	for seed := range uint64(6) {
		runs = append(runs, run{scenarios.SwarmName, "", seed})
	}
	for _, name := range []string{"bridge", "herd", "capacity-race", "mixed-versions", "partition-heal", "revocation", "rolling-restart", "slow-consumer", "ticket-expiry"} {
		runs = append(runs, run{name, "", 42})
	}
	for _, k := range explore.List() {
		runs = append(runs, run{"hello", k.Usage, 42})
	}
	var got []string
	for _, r := range runs {
		s, ok := scenarios.Named(r.scenario, r.seed)
		if !ok {
			t.Fatalf("no scenario %q", r.scenario)
		}
		if r.strategy != "" {
			s.Strategy = r.strategy
		}
		result, err := scenarios.Run(s, scenarios.Options{Seed: r.seed})
		if err != nil {
			t.Fatal(err)
		}
		strategy := s.Strategy
		if strategy == "" {
			strategy = "random"
		}
		got = append(got, fmt.Sprintf("%s %s seed %d: hash %016x, %d steps, %d events, %s", r.scenario, strategy, r.seed, result.Stats.Hash, result.Stats.Steps, result.Stats.Events, result.Verdict))
	}
	golden.Lines(t, "hashes.txt", got, reviewHashes)
}

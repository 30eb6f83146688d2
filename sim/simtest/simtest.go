package simtest

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim"
)

// DefaultSeeds is how many seeds a test runs when neither Config nor a flag
// says otherwise.
const DefaultSeeds = 10

// The flags of go test. They have a prefix, so that they meet no one else's.
var (
	seedFlag  = flag.String("smalti.seed", "", "run simulations with this seed only, decimal or 0x")
	hangFlag  = flag.Duration("smalti.hang-limit", sim.DefaultHangLimit, "end the process when a step of a simulation takes so long in real time; 0 for ever, as for a debugger")
	seedsFlag = flag.String("smalti.seeds", "", "run simulations with these seeds, A-B inclusive")
)

// Config says how many worlds a test runs and how they are made.
type Config struct {
	Seeds int        // 1 to Seeds are run; 0: DefaultSeeds
	World sim.Config // Seed is replaced by the seed of the run
}

// Run calls body with a world for each seed, each in a subtest of its own. body
// makes hosts and runs the world. A world that fails, or that leaves goroutines
// behind, fails the test.
func Run(t *testing.T, config Config, body func(t testing.TB, w *sim.World)) {
	t.Helper()
	each(t, config.Seeds, func(t *testing.T, seed uint64) {
		config.World.Seed = seed
		w := sim.New(config.World)
		defer func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}()
		body(t, w)
	})
}

// Scenario runs a scenario with each seed, and fails the test unless it passes.
// make gives the scenario of a seed; the programs that it names besides the
// package's own are given too.
func Scenario(t *testing.T, seeds int, make func(seed uint64) scenarios.Scenario, programs ...scenarios.Program) {
	t.Helper()
	each(t, seeds, func(t *testing.T, seed uint64) {
		r, err := scenarios.Run(make(seed), scenarios.Options{Seed: seed, Programs: programs, HangLimit: cmp.Or(*hangFlag, -1)})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range r.Violations {
			t.Errorf("%s", v)
		}
		if r.Verdict != scenarios.Pass && len(r.Violations) == 0 {
			t.Errorf("%s: %s", r.Verdict, r.Inconclusive)
		}
	})
}

// each runs the chosen seeds as subtests.
func each(t *testing.T, count int, run func(t *testing.T, seed uint64)) {
	t.Helper()
	from, to, err := chosen(count)
	if err != nil {
		t.Fatal(err)
	}
	for seed := from; ; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("run it again: %s", again(t.Name(), seed))
				}
			}()
			run(t, seed)
		})
		if seed == to {
			return
		}
	}
}

// chosen gives the range of seeds to run.
func chosen(count int) (from, to uint64, err error) {
	if count == 0 {
		count = DefaultSeeds
	}
	switch {
	case count < 0:
		return 0, 0, fmt.Errorf("%d seeds: want 0 or more", count)
	case *seedFlag != "" && *seedsFlag != "":
		return 0, 0, errors.New("both -smalti.seed and -smalti.seeds: want one of them")
	case *seedFlag != "":
		from, err = parse(*seedFlag)
		return from, from, err
	case *seedsFlag == "":
		return 1, uint64(count), nil
	}
	first, last, isRange := strings.Cut(*seedsFlag, "-")
	if !isRange {
		last = first
	}
	if from, err = parse(first); err == nil {
		to, err = parse(last)
	}
	if err == nil && to < from {
		err = fmt.Errorf("seeds %s run backwards: want the smaller one first", *seedsFlag)
	}
	return from, to, err
}

func parse(text string) (uint64, error) {
	base, digits := 10, text
	if rest, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		base, digits = 16, rest
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no seed: want a number from 0 to 18446744073709551615, decimal or 0x", text)
	}
	return n, nil
}

// again is the command that runs one seed of a test again. name is that of the
// seed's subtest. The package is named because only packages that import this
// one have the flag.
func again(name string, seed uint64) string {
	levels := strings.Split(name, "/")
	for i, level := range levels {
		levels[i] = "^" + regexp.QuoteMeta(level) + "$"
	}
	command := "go test"
	if info, ok := debug.ReadBuildInfo(); ok {
		if path, isTest := strings.CutSuffix(info.Path, ".test"); isTest {
			command += " " + path
		}
	}
	return fmt.Sprintf("%s -run '%s' -smalti.seed=%d", command, strings.Join(levels[:len(levels)-1], "/"), seed)
}

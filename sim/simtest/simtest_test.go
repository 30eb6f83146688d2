package simtest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim"
	"github.com/smalti/smalti/sim/simtest"
)

// broken in the environment makes the tests below fail, each in its way.
const broken = "SIMTEST_BROKEN"

func TestWorlds(t *testing.T) {
	simtest.Run(t, simtest.Config{Seeds: 4}, func(t testing.TB, w *sim.World) {
		var slept time.Duration
		w.Host("a").Boot(func(ctx context.Context, env *runtime.Env) {
			_ = env.Sleep(ctx, time.Second)
			slept = env.Clock.Mono()
		})
		if err := w.Run(time.Minute); err != nil {
			t.Fatal(err)
		}
		if slept != time.Second || os.Getenv(broken) != "" {
			t.Errorf("slept %s, want 1s", slept)
		}
	})
}

func TestNested(t *testing.T) {
	t.Run("in one", func(t *testing.T) {
		simtest.Scenario(t, 2, func(seed uint64) scenarios.Scenario {
			s, _ := scenarios.Named("hello", seed)
			if os.Getenv(broken) != "" {
				s.Duration = 0
			}
			return s
		})
	})
}

// child runs a test of this program again, and gives what it says.
func child(t *testing.T, env string, args ...string) (output string, failed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"-test.v", "-test.timeout=60s"}, args...)...)
	cmd.Env = append(os.Environ(), env)
	out, err := cmd.CombinedOutput()
	return string(out), err != nil
}

// seedsOf lists the seeds that a verbose test ran.
func seedsOf(output string) []string {
	var seeds []string
	for line := range strings.Lines(output) {
		if _, seed, ok := strings.Cut(line, "=== RUN   TestWorlds/seed="); ok {
			seeds = append(seeds, strings.TrimSpace(seed))
		}
	}
	return seeds
}

func TestFlagsChooseTheSeeds(t *testing.T) {
	for _, test := range []struct {
		flag string
		want []string
	}{
		{"-smalti.seed=", []string{"1", "2", "3", "4"}},
		{"-smalti.seed=42", []string{"42"}},
		{"-smalti.seed=0x2A", []string{"42"}},
		{"-smalti.seed=010", []string{"10"}},
		{"-smalti.seed=18446744073709551615", []string{"18446744073709551615"}},
		{"-smalti.seeds=7-9", []string{"7", "8", "9"}},
		{"-smalti.seeds=5", []string{"5"}},
		{"-smalti.seeds=0-0", []string{"0"}},
	} {
		out, failed := child(t, broken+"=", "-test.run=^TestWorlds$", test.flag)
		if got := seedsOf(out); failed || !slices.Equal(got, test.want) {
			t.Errorf("%s: got seeds %q, failed %t, want %q\n%s", test.flag, got, failed, test.want, out)
		}
	}
}

func TestBadFlagsFailTheTestAndSayWhy(t *testing.T) {
	for _, test := range []struct {
		flags []string
		want  string
	}{
		{[]string{"-smalti.seed=x"}, `"x" is no seed: want a number`},
		{[]string{"-smalti.seed=1-3"}, `"1-3" is no seed`},
		{[]string{"-smalti.seed=-1"}, `"-1" is no seed`},
		{[]string{"-smalti.seeds=9-7"}, "seeds 9-7 run backwards"},
		{[]string{"-smalti.seeds=1-"}, `"" is no seed`},
		{[]string{"-smalti.seed=1", "-smalti.seeds=1-2"}, "want one of them"},
	} {
		out, failed := child(t, broken+"=", append(test.flags, "-test.run=^TestWorlds$")...)
		if !failed || !strings.Contains(out, test.want) || len(seedsOf(out)) > 0 {
			t.Errorf("%v: failed %t, want it to, with %q\n%s", test.flags, failed, test.want, out)
		}
	}
}

func TestFailingSeedPrintsTheLineThatRunsItAgain(t *testing.T) {
	for test, want := range map[string]string{
		"TestWorlds": "run it again: go test github.com/smalti/smalti/sim/simtest -run '^TestWorlds$' -smalti.seed=%d\n",
		"TestNested": "run it again: go test github.com/smalti/smalti/sim/simtest -run '^TestNested$/^in_one$' -smalti.seed=%d\n",
	} {
		out, failed := child(t, broken+"=1", "-test.run=^"+test+"$", "-smalti.seeds=6-7")
		if !failed {
			t.Errorf("%s passes", test)
		}
		for _, seed := range []int{6, 7} {
			if line := fmt.Sprintf(want, seed); !strings.Contains(out, line) {
				t.Errorf("got no line %q in\n%s", line, out)
			}
		}
	}
}

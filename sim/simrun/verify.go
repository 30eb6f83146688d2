package simrun

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/smalti/smalti/internal/wall"
	"github.com/spf13/cobra"
)

// variants are what must not matter to a run: how many threads run Go code, and
// how often the collector does.
var variants = [][]string{
	{"GOMAXPROCS=1", "GOGC=50"},
	{"GOMAXPROCS=2", "GOGC=400"},
	{"GOMAXPROCS=8", "GOGC=off", "GOMEMLIMIT=2GiB"},
}

// retries is how often two runs that differed are run again with a trace, until
// they differ again.
const retries = 5

// verify runs each seed in fresh processes that differ in everything that must
// not matter, and compares.
func (a *app) verify() *cobra.Command {
	var seeds seedsFlag
	var jobs int
	c := &cobra.Command{
		Use:   "verify --seed N | --seeds A-B",
		Short: "Run each seed three times, in processes with different schedulers and collectors, and compare",
		Long: `Runs each seed in three fresh processes, with GOMAXPROCS 1, 2 and 8 and different
settings of the collector, and compares hashes, steps, events and verdicts. When two
differ, both are run again with a trace, and the first line in which the traces differ
is printed with 20 lines of context of each side. Exit code 4 then.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case cmd.Flags().Changed("seeds") && cmd.Flags().Changed("seed"):
				return errors.New("both --seed and --seeds: want one of them")
			case cmd.Flags().Changed("seeds"):
			case cmd.Flags().Changed("seed"):
				seeds = seedsFlag{uint64(a.seed), uint64(a.seed)}
			default:
				return errors.New("neither --seed nor --seeds: say which runs, for example --seed 42")
			}
			if jobs < 1 || jobs > maxJobs {
				return fmt.Errorf("-j %d: want 1 to %d", jobs, maxJobs)
			}
			if _, err := a.find(seeds.from); err != nil {
				return err
			}
			return a.compare(seeds, jobs)
		},
	}
	c.Flags().Var(&a.seed, "seed", "the run")
	c.Flags().Var(&seeds, "seeds", "runs, inclusive")
	c.Flags().IntVarP(&jobs, "jobs", "j", min(maxJobs, wall.Cores()), "processes at a time; one a core unless given")
	a.common(c)
	return c
}

// compare verifies seeds, some at a time, and stops after a difference.
func (a *app) compare(seeds seedsFlag, jobs int) error {
	const each = 8 // seeds of a process's place before those of all are compared
	for from := seeds.from; ; {
		to := seeds.to
		if to-from >= uint64(jobs)*each {
			to = from + uint64(jobs)*each - 1
		}
		runs := make([]map[uint64]report, len(variants))
		for i, env := range variants {
			var err error
			if runs[i], err = a.children(seedsFlag{from, to}, jobs, env); err != nil {
				return err
			}
		}
		for seed := from; ; seed++ {
			one := runs[0][seed]
			for i := 1; i < len(variants); i++ {
				if two := runs[i][seed]; outcome(one) != outcome(two) {
					a.code = ExitNondeterminism
					fmt.Fprintf(a.out, "seed %d differs: %s with %s, but %s with %s\n", seed, outcome(one), strings.Join(variants[0], " "), outcome(two), strings.Join(variants[i], " "))
					return a.explainDifference(seed, variants[0], variants[i])
				}
			}
			fmt.Fprintf(a.out, "seed %d agrees: hash %s, %d steps, %s\n", seed, one.Hash, one.Steps, one.Verdict)
			if seed == to {
				break
			}
		}
		if to == seeds.to {
			return nil
		}
		from = to + 1
	}
}

// outcome is what must be the same in all runs of a seed.
func outcome(r report) string {
	return fmt.Sprintf("hash %s, %d steps, %d events, %s", r.Hash, r.Steps, r.Events, r.Verdict)
}

// children runs seeds, each in a process of its own.
func (a *app) children(seeds seedsFlag, jobs int, env []string, args ...string) (map[uint64]report, error) {
	command := a.workerCommand(env...)
	command.Fresh = true
	command.Args = append(command.Args, args...)
	found, next, more := map[uint64]report{}, seeds.from, true
	var failed error
	err := wall.Workers(jobs, command,
		func() (string, bool) {
			if !more {
				return "", false
			}
			seed := next
			more = seed != seeds.to
			next++
			return fmt.Sprint(seed), true
		},
		func(request, reply string, err error) bool {
			seed, _ := parseSeed(request)
			r, err := parseAnswer(reply, err)
			if err != nil {
				failed = a.lost(seed, err)
				return false
			}
			found[seed] = r
			return true
		})
	if err != nil {
		return nil, &toolError{err}
	}
	return found, failed
}

// explainDifference runs a seed that differed with traces, and prints where
// these part.
func (a *app) explainDifference(seed uint64, one, two []string) error {
	dir, err := os.MkdirTemp("", "simrun-verify-")
	if err != nil {
		return &toolError{err}
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what stays is in the system's place for it
	paths := []string{filepath.Join(dir, "one"), filepath.Join(dir, "two")}
	for range retries {
		for i, env := range [][]string{one, two} {
			if _, err := a.children(seedsFlag{seed, seed}, 1, env, "--trace", paths[i]); err != nil {
				return err
			}
		}
		d, err := compareFiles(paths[0], paths[1])
		if err != nil {
			return &toolError{err}
		}
		if d.line > 0 {
			fmt.Fprintf(a.out, "\nThe traces differ from line %d on. Before it both have:\n", d.line)
			a.lines(d.before)
			for i, env := range [][]string{one, two} {
				fmt.Fprintf(a.out, "\nWith %s it goes on:\n", strings.Join(env, " "))
				a.lines(d.after[i])
			}
			return nil
		}
	}
	fmt.Fprintf(a.out, "\nRun again with traces, it did not differ in %d attempts: where the difference begins is not known. It may depend on something\nthat a trace changes, such as real time, memory or arguments, or be rare.\n", retries)
	return nil
}

// lines prints lines of a trace.
func (a *app) lines(list []string) {
	if len(list) == 0 {
		list = []string{"(nothing)"}
	}
	for _, text := range list {
		fmt.Fprintf(a.out, "  %s\n", text)
	}
}

func compareFiles(one, two string) (divergence, error) {
	var files []io.Reader
	for _, path := range []string{one, two} {
		f, err := os.Open(path)
		if err != nil {
			return divergence{}, err
		}
		defer f.Close() //nolint:errcheck // only read
		files = append(files, f)
	}
	return diverge(files[0], files[1])
}

// workerCommand is this program as a worker for the same scenario.
func (a *app) workerCommand(env ...string) wall.Command {
	args := []string{"worker", "--scenario", a.scenario, "--budget", fmt.Sprint(a.budget)}
	if a.strategy != "" {
		args = append(args, "--strategy", string(a.strategy))
	}
	return wall.Command{Args: slices.Clip(args), Env: env}
}

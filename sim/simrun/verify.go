package simrun

import (
	"errors"
	"fmt"

	"github.com/smalti/smalti/internal/wall"
	"github.com/spf13/cobra"
)

// verify runs each seed in two fresh processes that differ in everything that
// must not matter, and compares.
func (a *app) verify() *cobra.Command {
	var seeds seedsFlag
	c := &cobra.Command{
		Use:   "verify --seed N | --seeds A-B",
		Short: "Run seeds twice, in processes with different schedulers and collectors, and compare",
		Args:  cobra.NoArgs,
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
			if _, err := a.find(seeds.from); err != nil {
				return err
			}
			return a.compare(seeds)
		},
	}
	c.Flags().Var(&a.seed, "seed", "the run")
	c.Flags().Var(&seeds, "seeds", "runs, inclusive")
	a.common(c)
	return c
}

func (a *app) compare(seeds seedsFlag) error {
	for seed := seeds.from; ; seed++ {
		one, err := a.child(seed, "GOMAXPROCS=1", "GOGC=50")
		if err != nil {
			return err
		}
		two, err := a.child(seed, "GOMAXPROCS=4", "GOGC=off", "GOMEMLIMIT=2GiB")
		if err != nil {
			return err
		}
		if one.Hash != two.Hash || one.Steps != two.Steps || one.Events != two.Events || one.Verdict != two.Verdict {
			fmt.Fprintf(a.out, "seed %d differs: hash %s, %d steps, %d events, %s; then hash %s, %d steps, %d events, %s\n",
				seed, one.Hash, one.Steps, one.Events, one.Verdict, two.Hash, two.Steps, two.Events, two.Verdict)
			a.code = ExitNondeterminism
			return nil
		}
		fmt.Fprintf(a.out, "seed %d agrees: hash %s, %d steps, %s\n", seed, one.Hash, one.Steps, one.Verdict)
		if seed == seeds.to {
			return nil
		}
	}
}

// child runs one seed in a process of its own.
func (a *app) child(seed uint64, env ...string) (report, error) {
	var r report
	var failed error
	asked := false
	err := wall.Workers(1, a.workerCommand(env...),
		func() (string, bool) {
			if asked {
				return "", false
			}
			asked = true
			return fmt.Sprint(seed), true
		},
		func(_, reply string, err error) bool {
			r, failed = parseAnswer(reply, err)
			return true
		})
	if err == nil {
		err = failed
	}
	if err != nil {
		return r, a.lost(seed, err)
	}
	return r, nil
}

// workerCommand is this program as a worker for the same scenario.
func (a *app) workerCommand(env ...string) wall.Command {
	args := []string{"worker", "--scenario", a.scenario, "--budget", fmt.Sprint(a.budget)}
	if a.strategy != "" {
		args = append(args, "--strategy", string(a.strategy))
	}
	return wall.Command{Args: args, Env: env}
}

package simrun

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/smalti/smalti/internal/suggest"
	"github.com/smalti/smalti/internal/wall"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim"
	"github.com/spf13/cobra"
)

// Exit codes of the command.
const (
	ExitPass           = 0
	ExitSafety         = 1 // something happened that must not
	ExitUsage          = 2 // usage or bad input
	ExitLiveness       = 3 // something did not happen that must
	ExitNondeterminism = 4 // one seed gave two different runs
	ExitInconclusive   = 5 // a budget ended the run, or a checker gave up
	ExitTool           = 6 // the tool itself failed
)

// Main runs the command with the process's arguments and exits. programs can be
// named in scenario files; without a scenario they are what swarm runs.
func Main(programs ...scenarios.Program) {
	wall.Exit(Command(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, programs...))
}

// Command runs the command with args and gives its exit code.
func Command(args []string, in io.Reader, out, errs io.Writer, programs ...scenarios.Program) int {
	checked := &output{to: out}
	a := &app{hang: sim.DefaultHangLimit, in: in, out: checked, errs: errs, programs: programs}
	root := a.root()
	root.SetArgs(args)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: %s", err, suggest.FlagHint(cmd, err))
	})
	root.SetOut(checked)
	root.SetErr(errs)
	err := root.Execute()
	if err == nil && checked.err != nil {
		err = &toolError{fmt.Errorf("write output: %w", checked.err)}
	}
	if err == nil {
		return a.code
	}
	if _, ok := errors.AsType[*toolError](err); ok {
		fmt.Fprintf(errs, "simrun: %v\n", err)
		return ExitTool
	}
	text := err.Error()
	if !strings.HasSuffix(text, " --help") && !strings.HasSuffix(text, "?") {
		text += "; see simrun --help"
	}
	fmt.Fprintf(errs, "simrun: %s\n", text)
	return ExitUsage
}

// output remembers the first error of a writer, so that a result that nobody
// got is no success.
type output struct {
	to  io.Writer
	err error
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.to.Write(b)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// toolError is an error that is not the user's.
type toolError struct{ err error }

func (e *toolError) Error() string { return e.err.Error() }
func (e *toolError) Unwrap() error { return e.err }

// app is one call of the command.
type app struct {
	in       io.Reader
	out      io.Writer
	errs     io.Writer // progress
	programs []scenarios.Program
	code     int

	seed     seedFlag
	scenario string
	strategy strategyFlag
	json     bool
	until    durationFlag
	budget   uint64
	hang     time.Duration
	events   bool
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "simrun --seed N",
		Short: "Run smalti in a simulated world, reproducibly",
		Long: `simrun runs nodes, their network and their faults in one process, in virtual
time, and checks that nothing happens that must not. A seed gives the same run
on every machine: what it prints first is all that is needed to see it again.

Exit codes: 0 pass, 1 safety violation, 2 usage or bad input, 3 liveness
violation, 4 non-determinism, 5 inconclusive, 6 the tool itself failed.`,
		Example: "  simrun --seed 42\n  simrun --seed 7 --scenario partition-heal --json\n  simrun sweep --seeds 1-500 -j 2",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no command %q: %s", args[0], suggest.Hint(cmd, args[0]))
			}
			return nil
		},
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("seed") {
				return errors.New("no --seed: say which run, for example --seed 42")
			}
			return a.runOne()
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.Flags().Var(&a.seed, "seed", "the run: any unsigned 64-bit number, decimal or 0x")
	a.common(root)
	root.Flags().Var(&a.until, "until", "stop at this virtual time and judge safety only, for example 30s")
	root.Flags().BoolVar(&a.json, "json", false, "print one JSON object and nothing else")
	root.Flags().BoolVar(&a.events, "events", false, "print every event, one a line")
	root.AddCommand(a.list(), a.explain(), a.verify(), a.sweep(), a.planted(), a.bench(), a.worker())
	return root
}

// common adds the flags that say what is run.
func (a *app) common(c *cobra.Command) {
	c.Flags().StringVar(&a.scenario, "scenario", scenarios.SwarmName, "what is run: a `name` (simrun list) or the path of a YAML file")
	c.Flags().Var(&a.strategy, "strategy", "whose turn it is, such as pct:3 or starve+lag:2ms (simrun list), whatever the scenario says")
	c.Flags().DurationVar(&a.hang, "hang-limit", sim.DefaultHangLimit, "end the process when a step takes so long in real time; 0 for ever, as for a debugger")
	c.Flags().Uint64Var(&a.budget, "budget", sim.DefaultBudget, "end a run after so many `steps`, without a verdict")
}

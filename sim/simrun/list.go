package simrun

import (
	"errors"
	"fmt"
	"strings"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim/explore"
	"github.com/smalti/smalti/sim/fault"
	"github.com/spf13/cobra"
)

func (a *app) list() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List scenarios, kinds of fault, invariants and programs",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return a.emit(map[string]any{"list": 1, "scenarios": scenarios.Names(), "faults": faultNames(), "invariants": invariants.Names(), "strategies": strategyNames(), "programs": a.names()})
			}
			fmt.Fprintln(a.out, "Scenarios (--scenario):")
			for _, s := range scenarios.Library() {
				a.item(s.Name, s.Doc)
			}
			a.item(scenarios.SwarmName, "Another scenario for each seed: hosts, streams, workload and faults are drawn from it. The default.")
			fmt.Fprintln(a.out, "\nFaults (in scenario files):")
			for _, f := range fault.Classes() {
				a.item(f.Usage, f.Doc)
			}
			fmt.Fprintln(a.out, "\nInvariants:")
			for _, i := range invariants.List() {
				a.item(i.Name, fmt.Sprintf("%s: %s", i.Kind, i.Doc))
			}
			fmt.Fprintln(a.out, "\nStrategies (--strategy, and in scenario files; join an order with starve and lag by +):")
			for _, k := range explore.List() {
				a.item(k.Usage, k.Doc)
			}
			fmt.Fprintln(a.out, "\nPrograms (in scenario files):")
			a.item(scenarios.Produce, "Sends datums on a stream.")
			a.item(scenarios.Consume, "Receives the datums of a stream.")
			for _, p := range a.programs {
				a.item(p.Name, p.Doc)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print names as one JSON object")
	return c
}

// item prints a name and what it is, wrapped beside it.
func (a *app) item(name, doc string) {
	const indent = 28
	line := fmt.Sprintf("  %-*s", indent-3, name)
	for word := range strings.FieldsSeq(doc) {
		if len(line)+1+len(word) > maxLine {
			fmt.Fprintln(a.out, line)
			line = strings.Repeat(" ", indent-1)
		}
		line += " " + word
	}
	fmt.Fprintln(a.out, line)
}

func faultNames() []string {
	var names []string
	for _, f := range fault.Classes() {
		names = append(names, f.Name)
	}
	return names
}

func strategyNames() []string {
	var names []string
	for _, k := range explore.List() {
		names = append(names, k.Name)
	}
	return names
}

func (a *app) explain() *cobra.Command {
	c := &cobra.Command{
		Use:   "explain --seed N",
		Short: "Print the scenario of a seed as YAML, to be edited and given to --scenario",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("seed") {
				return errors.New("no --seed: say which run, for example --seed 42")
			}
			s, err := a.find(uint64(a.seed))
			if err != nil {
				return err
			}
			_, _ = a.out.Write(s.Format()) // output remembers the error
			return nil
		},
	}
	c.Flags().Var(&a.seed, "seed", "the run")
	c.Flags().Var(&a.strategy, "strategy", "the strategy that is printed, whatever the scenario says")
	c.Flags().StringVar(&a.scenario, "scenario", scenarios.SwarmName, "what is printed: a `name` (simrun list) or the path of a YAML file")
	return c
}

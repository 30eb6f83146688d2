package simrun

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// bench is the parent of the measurements.
func (a *app) bench() *cobra.Command {
	c := &cobra.Command{
		Use:   "bench WHAT",
		Short: "Measure how the product does at size, and how fast the simulator is",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.benchDiscovery(), a.benchKernel(), a.benchFanout())
	return c
}

// maxCrowd bounds the nodes of one measurement.
const maxCrowd = 50_000

// benchDiscovery measures discovery in networks of several sizes.
func (a *app) benchDiscovery() *cobra.Command {
	sizes := []int{10, 100, 1000, 10000}
	c := &cobra.Command{
		Use:   "discovery",
		Short: "Measure how networks of several sizes find together",
		Long: `Measures, in virtual time, how long n nodes take to know each other when all
start at once (storm), when one joins (join), when one changes its entry (spread)
and when one loses power (crash), and what a node sends meanwhile. Links take
50 ms one way. What is under way is told on standard error. The same seed gives the same
figures on every machine, save those of memory and real time. 10,000 nodes take some
twelve minutes and up to 18 GiB.`,
		Example: "  simrun bench discovery --nodes 10,100\n  simrun bench discovery --nodes 10000 --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			for _, n := range sizes {
				if n < 4 || n > maxCrowd {
					return fmt.Errorf("--nodes %d: want 4 to %d", n, maxCrowd)
				}
			}
			if len(sizes) == 0 {
				return errors.New("--nodes: no size")
			}
			return a.measureCrowds(sizes)
		},
	}
	c.Flags().IntSliceVar(&sizes, "nodes", sizes, "sizes of the networks")
	a.seed = 1
	c.Flags().Var(&a.seed, "seed", "the run")
	c.Flags().BoolVar(&a.json, "json", false, "print one JSON object for each size, one a line")
	return c
}

// crowdReport is a line of bench discovery --json. Times are nanoseconds of virtual
// time, -1 where what is measured did not happen in time.
type crowdReport struct {
	Bench       string `json:"bench"`
	Nodes       int    `json:"nodes"`
	Storm       int64  `json:"storm_ns"`
	StormBytes  int64  `json:"storm_bytes_per_node_s"`
	StormMsgs   int64  `json:"storm_msgs_per_node_s"`
	Join        int64  `json:"join_ns"`
	JoinBytes   int64  `json:"join_bytes_per_node_s"`
	JoinMsgs    int64  `json:"join_msgs_per_node_s"`
	Spread      int64  `json:"spread_ns"`
	Crash       int64  `json:"crash_noticed_ns"`
	SteadyBytes int64  `json:"steady_bytes_per_node_s"`
	SteadyMsgs  int64  `json:"steady_msgs_per_node_s"`
	False       int64  `json:"false_departures"`
	Heap        uint64 `json:"heap_bytes"`
	StormWall   int64  `json:"storm_wall_ns"`
	Wall        int64  `json:"wall_ns"`
	Verifies    uint64 `json:"verifies"`
	Steps       uint64 `json:"steps"`
}

func (a *app) measureCrowds(sizes []int) error {
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if !a.json {
		fmt.Fprintln(table, "nodes\tstorm\tB/node/s\tmsg/node/s\tjoin\tB/node/s\tmsg/node/s\tspread\tcrash\tsteady B/node/s\tmsg/node/s\tfalse\tKiB/node\tverified\tsteps\twall\t")
	}
	for _, n := range sizes {
		r, err := measureCrowd(uint64(a.seed), n, a.errs)
		if err != nil {
			return &toolError{err}
		}
		if a.json {
			line, err := json.Marshal(r)
			if err != nil {
				return &toolError{err}
			}
			fmt.Fprintf(a.out, "%s\n", line)
			continue
		}
		fmt.Fprintf(table, "%d\t%s\t%d\t%d\t%s\t%d\t%d\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n",
			r.Nodes, span(r.Storm), r.StormBytes, r.StormMsgs, span(r.Join), r.JoinBytes, r.JoinMsgs, span(r.Spread), span(r.Crash),
			r.SteadyBytes, r.SteadyMsgs, r.False, r.Heap>>10/uint64(n), r.Verifies, r.Steps, time.Duration(r.Wall).Round(100*time.Millisecond))
	}
	return table.Flush()
}

// span prints a time of a report.
func span(ns int64) string {
	if ns < 0 {
		return "never"
	}
	return time.Duration(ns).Round(time.Millisecond).String()
}

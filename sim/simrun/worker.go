package simrun

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// answer is what a worker says to a seed: a report, or why there is none.
type answer struct {
	report
	Error string `json:"error,omitempty"`
}

// parseAnswer reads what a worker said, unless there was an error before that.
func parseAnswer(reply string, err error) (report, error) {
	var r answer
	if err == nil {
		err = json.Unmarshal([]byte(reply), &r)
	}
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	return r.report, err
}

// lost tells that a seed has no verdict, because its process ended without one.
func (a *app) lost(seed uint64, err error) error {
	return &toolError{fmt.Errorf("seed %d has no verdict; alone it runs with: %s: %w", seed, a.again(seed), err)}
}

// worker runs the seeds that it reads from standard input, one a line, and
// answers each with one line.
func (a *app) worker() *cobra.Command {
	var trace string
	c := &cobra.Command{
		Use:    "worker",
		Short:  "Run the seeds on standard input, one a line",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			lines := bufio.NewScanner(a.in)
			for lines.Scan() {
				seed, err := parseSeed(lines.Text())
				if err != nil {
					return err
				}
				var out answer
				r, took, err := a.traced(seed, trace)
				if err != nil {
					out.Error = err.Error()
				} else {
					out.report = newReport(r, took)
				}
				line, err := json.Marshal(out)
				if err != nil {
					return &toolError{err}
				}
				if _, err := fmt.Fprintf(a.out, "%s\n", line); err != nil {
					return &toolError{err}
				}
			}
			return lines.Err()
		},
	}
	c.Flags().StringVar(&trace, "trace", "", "a file for a trace of the last seed")
	a.common(c)
	return c
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newRun() *cobra.Command {
	var flags nodeFlags
	cmd := &cobra.Command{
		Use:   "run --network NAME",
		Short: "Run a node that others can begin with",
		Long: `Run a node that others can begin with. It prints what another node needs to
find it, --bootstrap PEER@HOST:PORT, and then runs until a signal.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.withNode(cmd, nil, func(ctx context.Context, p *process) error {
				if err := printEndpoint(cmd.OutOrStdout(), p); err != nil {
					return err
				}
				if len(flags.bootstrap) > 0 {
					go explain(ctx, cmd.ErrOrStderr(), p.health, p.health.why)
				}
				<-ctx.Done()
				return ending(ctx)
			})
		},
	}
	flags.register(cmd)
	return cmd
}

// ending is the outcome of a command whose context ended: a signal is what an
// operator ends it with, everything else is a fault.
func ending(ctx context.Context) error {
	if interrupted(ctx) {
		return nil
	}
	return context.Cause(ctx)
}

// printEndpoint prints the line that another node needs.
func printEndpoint(w io.Writer, p *process) error {
	endpoint := p.Endpoint()
	if len(endpoint.Addrs) == 0 {
		return badInput("give --advertise IP:PORT", "this machine has no address that others could reach")
	}
	if _, err := fmt.Fprintln(w, "--bootstrap", endpoint); err != nil {
		return failed("see where the output goes", "print address: %w", err)
	}
	return nil
}

package main

import (
	"crypto/rand"
	"fmt"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/spf13/cobra"
)

func newKeygen() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "keygen --out FILE",
		Short: "Make the key of a node and print its peer id",
		Long: `Make the key of a node and print its peer id.

The file gets mode 0600 and is never overwritten. Whoever can read it can pass
for the node, so give each node one of its own and copy it nowhere.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return badInput("give --out FILE", "no file for the key")
			}
			key, err := ident.GenerateKey(rand.Reader)
			if err != nil {
				return err
			}
			if err := writeKey(out, key); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), key.PeerID()); err != nil {
				return failed("the key itself is in "+out, "print peer id: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write the key to")
	return cmd
}

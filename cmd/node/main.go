package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"unicode"

	"github.com/smalti/smalti/internal/suggest"
	"github.com/spf13/cobra"
)

func main() { os.Exit(command(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// command runs one command line and returns its exit code. It ends in bounded time after
// a signal even if its input never ends and nothing takes its output.
func command(args []string, stdin io.Reader, stdout, terminal io.Writer) int {
	stderr := newConsole(terminal)
	defer stderr.flush()
	ctx, stop := onSignals(context.Background(), stderr)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(newOutlet(ctx, stdout))
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "node:", oneLine(err.Error()))
	if f, ok := errors.AsType[*fault](err); ok {
		return f.code
	}
	return codeFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "node COMMAND",
		Short: "Run nodes of a smalti network",
		Long: `Run nodes of a smalti network: make a key for each, let them find each other,
and send lines from one to many.

  node keygen --out a.key
  node produce lines --network n1 --key a.key --listen 127.0.0.1:4701 --wait 1 <file.txt
  node consume lines --network n1 --bootstrap PEER@127.0.0.1:4701

The first SIGINT, SIGTERM or SIGHUP ends a command in order, the second at once.
Exit codes: 0 done, 1 failed, 2 usage or bad input, 130 second signal.`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return badInput(suggest.Hint(cmd, args[0]), "there is no command %q", args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			return badInput("see node --help", "no command given")
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return badInput(suggest.FlagHint(cmd, err), "%w", err)
	})
	root.AddCommand(newKeygen(), newRun(), newProduce(), newConsume(), newDemo(), newBench())
	return root
}

// version says of what this binary was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "smalti node, built without module information"
	}
	parts := []string{"smalti node", info.Main.Version, info.GoVersion}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			parts = append(parts, "commit "+s.Value[:min(len(s.Value), 12)])
		case s.Key == "vcs.modified" && s.Value == "true":
			parts = append(parts, "changed since")
		}
	}
	return strings.Join(parts, " ")
}

// takes checks the arguments of a subcommand: as many as names has, none empty.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		hint := "see " + cmd.CommandPath() + " --help"
		if len(names) == 0 && len(args) > 0 {
			return badInput(hint, "%s takes no arguments, not %q", cmd.Name(), args[0])
		}
		if len(args) > len(names) {
			return badInput(hint, "%s takes %s and nothing more, not %q", cmd.Name(), strings.Join(names, " "), args[len(names)])
		}
		for i, name := range names {
			switch {
			case i >= len(args):
				return badInput(hint, "%s needs %s", cmd.Name(), name)
			case args[i] == "":
				return badInput("give a name of one character or more, the same for produce and consume", "%s: %s is empty", cmd.Name(), name)
			}
		}
		return nil
	}
}

// oneLine keeps what others have a say in, such as file names and addresses,
// from breaking the line or the terminal.
func oneLine(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

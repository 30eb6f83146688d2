package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim/simrun"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"simrun": main,
		"badrun": func() { simrun.Main(badPrograms...) },
	})
}

// badPrograms each end a run in a way of their own.
var badPrograms = []scenarios.Program{
	{Name: "panics", Doc: "Panics.", Start: func(context.Context, *node.Node) error {
		panic("the bug")
	}},
	{Name: "fails", Doc: "Returns an error.", Start: func(context.Context, *node.Node) error {
		return errors.New("the bug")
	}},
	{Name: "lingers", Doc: "Leaves a timer behind.", Start: func(_ context.Context, n *node.Node) error {
		n.Env().Clock.AfterFunc(n.Env().Scheduler.Strand("late"), time.Hour, func() {})
		return nil
	}},
	{Name: "stays", Doc: "Goes on after its node has closed.", Start: func(ctx context.Context, n *node.Node) error {
		for {
			_ = n.Env().Sleep(ctx, time.Second)
		}
	}},
	{Name: "spins", Doc: "Never sleeps long.", Start: func(ctx context.Context, n *node.Node) error {
		for {
			if err := n.Env().Sleep(ctx, time.Microsecond); err != nil {
				return err
			}
		}
	}},
	{Name: "jitters", Doc: "Reads the machine's clock.", Start: jitters},
	{Name: "shuffles", Doc: "Depends on the order of a map.", Start: func(_ context.Context, n *node.Node) error {
		set := map[int]bool{}
		for i := range 30 {
			set[i] = true
		}
		for i := range set {
			n.Env().Mark(fmt.Sprint("number ", i))
		}
		return nil
	}},
	{Name: "shies", Doc: "Reads the machine's clock unless there is a trace.", Start: func(ctx context.Context, n *node.Node) error {
		if slices.Contains(os.Args, "--trace") {
			return nil
		}
		return jitters(ctx, n)
	}},
	{Name: "exits", Doc: "Takes its process away.", Start: func(context.Context, *node.Node) error {
		fmt.Fprintln(os.Stderr, "last words")
		os.Exit(9)
		return nil
	}},
}

// jitters sleeps for times of which the seed does not decide the last.
func jitters(ctx context.Context, n *node.Node) error {
	for i := range 40 {
		d := time.Millisecond
		if i >= 20 {
			d += time.Duration(time.Now().UnixNano() % 1_000_000)
		}
		if err := n.Env().Sleep(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// scriptMax bounds the scripts, which run side by side, and with the race detector on take
// ten times as long.
const scriptMax = 5 * time.Minute

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(scriptMax),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ends":   ends,
			"usage":  usage,
			"keys":   keys,
			"hashes": hashes,
			"line":   line,
		},
	})
}

// ends runs a command that must end with a code, and leaves its output to
// stdout and stderr of testscript:
//
//	ends CODE COMMAND [ARGS...]
func ends(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: ends CODE COMMAND [ARGS...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("run: %v", err)
	}
	if got := fmt.Sprint(code); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// usage runs a command with bad input: it must say so in one line on standard
// error, which contains TEXT, print nothing else, and exit with 2:
//
//	usage TEXT COMMAND [ARGS...]
func usage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: usage TEXT COMMAND [ARGS...]")
	}
	ends(ts, false, append([]string{"2"}, args[1:]...))
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("standard output: got %q, want nothing", out)
	}
	said := ts.ReadFile("stderr")
	if !strings.HasPrefix(said, "simrun: ") || !strings.HasSuffix(said, "\n") || strings.Count(said, "\n") != 1 {
		ts.Fatalf("standard error: got %q, want one line that begins with simrun:", said)
	}
	if !strings.Contains(said, args[0]) {
		ts.Fatalf("standard error: got %q, want it to contain %q", said, args[0])
	}
}

// objects decodes the JSON objects in a file, one a line.
func objects(ts *testscript.TestScript, file string) []map[string]any {
	var list []map[string]any
	for line := range strings.Lines(ts.ReadFile(file)) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			ts.Fatalf("%q is no JSON object: %v", line, err)
		}
		list = append(list, o)
	}
	return list
}

// keys checks that line N, counted from 1, of the JSON lines in a file has
// exactly these keys, and that there are COUNT lines:
//
//	keys FILE N/COUNT KEY...
func keys(ts *testscript.TestScript, neg bool, args []string) {
	var n, count int
	if neg || len(args) < 3 {
		ts.Fatalf("usage: keys FILE N/COUNT KEY...")
	}
	if _, err := fmt.Sscanf(args[1], "%d/%d", &n, &count); err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	list := objects(ts, args[0])
	if len(list) != count {
		ts.Fatalf("got %d lines, want %d", len(list), count)
	}
	var got []string
	for key := range list[n-1] {
		got = append(got, key)
	}
	want := slices.Sorted(slices.Values(args[2:]))
	if slices.Sort(got); !slices.Equal(got, want) {
		ts.Fatalf("keys of line %d: got %v, want %v", n, got, want)
	}
}

// line copies line N, counted from 1, of a file to another:
//
//	line FILE N OUT
func line(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: line FILE N OUT")
	}
	n := 0
	for text := range strings.Lines(ts.ReadFile(args[0])) {
		if n++; fmt.Sprint(n) == args[1] {
			ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text), 0o600))
			return
		}
	}
	ts.Fatalf("%s has %d lines, want %s", args[0], n, args[1])
}

// hashes checks that the runs in the files have one hash and one count of
// steps:
//
//	hashes FILE FILE...
func hashes(ts *testscript.TestScript, neg bool, args []string) {
	var first string
	for i, file := range args {
		list := objects(ts, file)
		if len(list) != 1 {
			ts.Fatalf("%s: got %d lines, want 1", file, len(list))
		}
		got := fmt.Sprint(list[0]["hash"], " ", list[0]["steps"])
		if i == 0 {
			first = got
		}
		if (got == first) == neg && i > 0 {
			ts.Fatalf("%s has hash and steps %s, %s has %s", args[0], first, file, got)
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"node": nodeOrRole,
		"emit": emit,
	})
}

// scriptMax bounds one script: a starved link would show as a hang.
const scriptMax = 90 * time.Second

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(scriptMax),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fails":  fails,
			"port":   port,
			"setenv": setenv,
		},
	})
}

// fails runs a command that must end with a code, in one line on standard error
// that begins with "node: ", and with nothing on standard output:
//
//	fails CODE REGEXP node ARGS...
//
// The regular expression stands for standard error; see stderr of testscript.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: fails CODE REGEXP COMMAND [ARGS...]")
	}
	err := ts.Exec(args[2], args[3:]...)
	var code int
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("run: %v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
	stderr := ts.ReadFile("stderr")
	if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "node: ") || strings.Contains(stderr, "goroutine") {
		ts.Fatalf("standard error is not one line that begins with \"node: \": %.300q", stderr)
	}
	if stdout := ts.ReadFile("stdout"); stdout != "" {
		ts.Fatalf("standard output %q, want none", stdout)
	}
	matched, err := regexp.MatchString(args[1], stderr)
	ts.Check(err)
	if !matched {
		ts.Fatalf("standard error %q does not match %q", stderr, args[1])
	}
}

// port puts a free UDP port of loopback into an environment variable.
func port(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: port NAME")
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	ts.Check(err)
	defer socket.Close()
	ts.Setenv(args[0], strconv.Itoa(socket.LocalAddr().(*net.UDPAddr).Port))
}

// setenv puts the content of a file, without white space around it, into an
// environment variable.
func setenv(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: setenv NAME FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// emit writes test data that a script cannot hold:
//
//	emit lines N       N different lines
//	emit wide N        N different lines of 1,000 bytes
//	emit long N        a line of N bytes
//	emit bytes FORMAT  the bytes of a Go string literal without its quotes
//	emit get URL       what is there
func emit() {
	out := &strings.Builder{}
	switch kind, arg := os.Args[1], os.Args[2]; kind {
	case "lines":
		n, _ := strconv.Atoi(arg)
		for i := range n {
			fmt.Fprintf(out, "%d %x the quick brown fox\r\n", i, uint32(i)*2654435761)
		}
	case "get":
		r, err := http.Get(arg)
		if err == nil && r.StatusCode != http.StatusOK {
			err = errors.New(r.Status)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		_, _ = io.Copy(out, r.Body)
	case "wide":
		n, _ := strconv.Atoi(arg)
		for i := range n {
			fmt.Fprintf(out, "%01000d\n", i)
		}
	case "long":
		n, _ := strconv.Atoi(arg)
		out.WriteString(strings.Repeat("x", n) + "\n")
	case "bytes":
		text, err := strconv.Unquote(`"` + arg + `"`)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		out.WriteString(text)
	}
	_, _ = os.Stdout.WriteString(out.String())
}

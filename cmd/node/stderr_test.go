package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// valve is a writer that takes nothing until it is opened.
type valve struct {
	said
	open chan struct{}
}

func (v *valve) Write(b []byte) (int, error) {
	<-v.open
	return v.said.Write(b)
}

func TestConsoleIsNotHeldUpAndCountsWhatItLeavesOut(t *testing.T) {
	const excess = 5
	v := &valve{open: make(chan struct{})}
	c := newConsole(v)
	began := time.Now()
	for i := range consoleQueue + excess {
		if _, err := fmt.Fprintln(c, "line", i); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > 10*consoleMax {
		t.Errorf("lines took %s, want about %s for all of them", took, consoleMax)
	}
	close(v.open)
	c.flush()
	if _, err := fmt.Fprintln(c, "later"); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(v.String()), "\n")
	if len(lines) != consoleQueue+2 {
		t.Fatalf("%d lines, want %d", len(lines), consoleQueue+2)
	}
	for at, want := range map[int]string{
		0:                "line 0",
		consoleQueue - 1: fmt.Sprint("line ", consoleQueue-1),
		consoleQueue:     fmt.Sprintf("node: standard error was full: %d lines were left out here", excess),
		consoleQueue + 1: "later",
	} {
		if lines[at] != want {
			t.Errorf("line %d is %q, want %q", at, lines[at], want)
		}
	}
}

func TestConsoleReturnsWhenTheLineIsWritten(t *testing.T) {
	out := &said{}
	c := newConsole(out)
	for i := range 100 {
		if _, err := fmt.Fprintln(c, i); err != nil || !strings.HasSuffix(out.String(), fmt.Sprintln(i)) {
			t.Fatalf("after line %d there is %q, %v", i, out, err)
		}
	}
}

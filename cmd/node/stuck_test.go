//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// endMax is how soon a command ends at a signal although nothing takes its output:
// outletMax, consoleEnd, the end of its node and what a busy machine adds.
const endMax = 15 * time.Second

// fullPipe returns a pipe that takes nothing more and is read by nothing.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close() // nothing was read
		_ = w.Close()
	})
	if err := w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = w.Write(make([]byte, 4<<10))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return w
}

// child is a command that was started.
type child struct {
	*exec.Cmd
	said *said // standard error
	done chan struct{}
}

// begin starts the command, and kills it with the test. Its standard error is kept unless
// the command has one.
func begin(t *testing.T, set func(*exec.Cmd), args ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command("node", args...), said: &said{}, done: make(chan struct{})}
	c.Stderr = c.said
	if set != nil {
		set(c.Cmd)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = c.Wait() // ProcessState has the code
		close(c.done)
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill() // it may have ended
		<-c.done
	})
	return c
}

// says waits until standard error has a text, and returns what follows it in its line.
func (c *child) says(t *testing.T, text string) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, after, ok := strings.Cut(c.said.String(), text); ok {
			line, _, _ := strings.Cut(after, "\n")
			return line
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v does not say %q: %s", c.Args, text, c.said)
		}
	}
}

// ends waits for the end and returns the exit code, -1 if there is none within the time.
func (c *child) ends(within time.Duration) int {
	select {
	case <-c.done:
		return c.ProcessState.ExitCode()
	case <-time.After(within):
		return -1
	}
}

func TestConsumeEndsAtASignalWhileNothingTakesItsOutput(t *testing.T) {
	t.Parallel()
	producer := begin(t, func(c *exec.Cmd) { c.Stdin = strings.NewReader("one\ntwo\nthree\n") },
		"produce", "s", "--network", "stuck", "--listen", "127.0.0.1:0", "--drain", "1s")
	addr := producer.says(t, "--bootstrap ")
	full := fullPipe(t)
	consumer := begin(t, func(c *exec.Cmd) { c.Stdout = full },
		"consume", "s", "--network", "stuck", "--bootstrap", addr, "--log-level", "info")
	if producer.ends(20*time.Second) < 0 { // now the consumer has what there is
		t.Fatalf("the producer does not end: %s", producer.said)
	}
	if err := consumer.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	const lost = "node: nothing took the output for 5s after the signal: 3 datums were not written: "
	if code := consumer.ends(endMax); code != codeFailed || !strings.Contains(consumer.said.String(), lost) {
		t.Errorf("exit code %d, want %d and %q: %s", code, codeFailed, lost, consumer.said)
	}
	if !strings.Contains(consumer.said.String(), "node.stopped") {
		t.Errorf("the node did not end in order: %s", consumer.said)
	}
}

func TestConsumeCountsTheDatumsThatItsOutputDidNotTake(t *testing.T) {
	t.Parallel()
	const (
		datums = 300
		size   = 1001 // with the \n
	)
	lines := strings.Repeat(strings.Repeat("x", size-1)+"\n", datums)
	producer := begin(t, func(c *exec.Cmd) { c.Stdin = strings.NewReader(lines) },
		"produce", "s", "--network", "stuck", "--listen", "127.0.0.1:0", "--drain", "1s")
	addr := producer.says(t, "--bootstrap ")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	consumer := begin(t, func(c *exec.Cmd) { c.Stdout = w }, "consume", "s", "--network", "stuck", "--bootstrap", addr)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if producer.ends(20*time.Second) < 0 { // now the consumer has what there is
		t.Fatalf("the producer does not end: %s", producer.said)
	}
	if err := consumer.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := consumer.ends(endMax); code != codeFailed {
		t.Errorf("exit code %d, want %d: %s", code, codeFailed, consumer.said)
	}
	written, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	whole := len(written) / size
	lost := fmt.Sprintf("%s not written", was(datums-whole, "datum"))
	if whole == 0 || whole == datums || !strings.Contains(consumer.said.String(), lost) {
		t.Errorf("%d of %d datums are in the pipe, want some, and %q: %s", whole, datums, lost, consumer.said)
	}
}

func TestCommandsEndAtASignalWhateverIsStuck(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		stuck func(*exec.Cmd, *os.File)
		args  []string
		code  int
	}{
		"run, standard output": {
			func(c *exec.Cmd, f *os.File) { c.Stdout = f }, []string{"run", "--network", "n"}, codeFailed,
		},
		"run, standard error": {
			func(c *exec.Cmd, f *os.File) { c.Stderr = f }, []string{"run", "--network", "n", "--log-level", "debug"}, 0,
		},
		"consume, standard error": {
			func(c *exec.Cmd, f *os.File) { c.Stderr = f }, []string{"consume", "s", "--network", "n"}, 0,
		},
		"produce, standard error": {
			func(c *exec.Cmd, f *os.File) { c.Stderr = f }, []string{"produce", "s", "--network", "n"}, codeFailed,
		},
		"demo, standard output": {
			func(c *exec.Cmd, f *os.File) { c.Stdout = f },
			[]string{"demo", "--nodes", "2", "--messages", "1", "--json"},
			codeFailed,
		},
		"help, standard output": {
			func(c *exec.Cmd, f *os.File) { c.Stdout = f }, []string{"produce", "--help"}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			full := fullPipe(t)
			c := begin(t, func(c *exec.Cmd) { x.stuck(c, full) }, x.args...)
			if code := c.ends(3 * time.Second); code >= 0 { // until all there is to write was tried
				t.Fatalf("it ended with %d before the signal: %s", code, c.said)
			}
			if err := c.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if code := c.ends(endMax); code != x.code {
				t.Errorf("exit code %d, want %d: %s", code, x.code, c.said)
			}
		})
	}
}

// TestProduceEndsAtASignalWhileItReads reads a pipe that never ends and brings nothing.
func TestProduceEndsAtASignalWhileItReads(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	defer func() { _ = r.Close() }()
	producer := begin(t, func(c *exec.Cmd) { c.Stdin = r },
		"produce", "s", "--network", "stuck", "--listen", "127.0.0.1:0", "--log-level", "info")
	addr := producer.says(t, "--bootstrap ")
	begin(t, nil, "consume", "s", "--network", "stuck", "--bootstrap", addr)
	producer.says(t, "sub.accepted")
	if err := producer.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	const cut = "interrupted after 0 datums"
	if code := producer.ends(endMax); code != codeFailed || !strings.Contains(producer.said.String(), cut) {
		t.Errorf("exit code %d, want %d and %q: %s", code, codeFailed, cut, producer.said)
	}
}

// A reader that goes on and is slow holds up the end of produce for the time of a node's end
// after a signal, and not for as long as it likes.
func TestProduceEndsAtASignalThoughAReaderIsSlow(t *testing.T) {
	t.Parallel()
	lines, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	producer := begin(t, func(c *exec.Cmd) { c.Stdin = lines }, "produce", "late", "--network", "late", "--listen", "127.0.0.1:0")
	lines.Close()
	go func() {
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(feed, "%-999d\n", i); err != nil {
				return
			}
		}
	}()
	addr := producer.says(t, "--bootstrap ")
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	begin(t, func(c *exec.Cmd) { c.Stdout = in }, "consume", "late", "--network", "late", "--bootstrap", addr)
	in.Close()
	go func() {
		for r := bufio.NewReader(out); ; time.Sleep(300 * time.Millisecond) {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
		}
	}()
	time.Sleep(3 * time.Second) // the reader is far behind
	began := time.Now()
	if err := producer.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-producer.done:
	case <-time.After(closeMax + 10*time.Second):
		t.Fatalf("produce runs %s after the signal: %s", time.Since(began), producer.said)
	}
	if code := producer.ProcessState.ExitCode(); code != codeFailed || !strings.Contains(producer.said.String(), "not drained") {
		t.Errorf("code %d, want %d, and to be told what was not drained: %s", code, codeFailed, producer.said)
	}
}

//go:build unix

package main

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// noReaderMax is how soon consume ends after its output has lost its reader: readerPoll,
// the end of its node and what a busy machine adds. No datum arrives meanwhile.
const noReaderMax = 15 * time.Second

func TestConsumeEndsWhenItsOutputLosesItsReaderAndNothingArrives(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]func() (r, w *os.File, err error){"pipe": os.Pipe, "socket": socketPair} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines, feed, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer feed.Close()
			producer := begin(t, func(c *exec.Cmd) { c.Stdin = lines },
				"produce", "s", "--network", "reader", "--listen", "127.0.0.1:0")
			lines.Close()
			if _, err := feed.WriteString("1\n2\n3\n4\n5\n"); err != nil { // and then it is silent
				t.Fatal(err)
			}
			addr := producer.says(t, "--bootstrap ")
			r, w, err := connect()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			consumer := begin(t, func(c *exec.Cmd) { c.Stdout = w }, "consume", "s", "--network", "reader", "--bootstrap", addr)
			w.Close()
			got := make(chan int, 1)
			go func() { // as head -5
				n := 0
				for in := bufio.NewScanner(r); n < 5 && in.Scan(); {
					n++
				}
				got <- n
			}()
			select {
			case n := <-got:
				if n != 5 {
					t.Fatalf("got %d lines, want 5: %s", n, consumer.said)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("no 5 lines arrive: %s", consumer.said)
			}
			if code := consumer.ends(2 * time.Second); code >= 0 {
				t.Fatalf("it ended with %d while its output had a reader: %s", code, consumer.said)
			}
			r.Close()
			if code := consumer.ends(noReaderMax); code != 0 {
				t.Fatalf("exit code %d, want 0: %s", code, consumer.said)
			}
			if said := consumer.said.String(); strings.Contains(said, "pipe") || strings.Contains(said, "signal") {
				t.Errorf("it does not end quietly: %s", said)
			}
		})
	}
}

// socketPair returns the two ends of a Unix stream socket.
func socketPair() (r, w *os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, fd := range fds {
		syscall.CloseOnExec(fd)
	}
	return os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer"), nil
}

func TestReaderIsWatchedOnlyOfPipesAndSockets(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	for name, stream := range map[string]any{
		"file": file, "null device": null, "buffer": &strings.Builder{}, "pipe in memory": a,
	} {
		if awaitNoReader(t.Context(), stream) { // it returns, although the context goes on
			t.Errorf("%s: has no reader", name)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*readerPoll)
	defer cancel()
	if awaitNoReader(ctx, w) || ctx.Err() == nil {
		t.Errorf("a pipe with a reader: got no reader, or no wait for the end of the context")
	}
	r.Close()
	if !awaitNoReader(t.Context(), w) {
		t.Errorf("a pipe without a reader: got a reader")
	}
	w.Close()
	if awaitNoReader(t.Context(), w) {
		t.Errorf("a closed file: got no reader")
	}
}

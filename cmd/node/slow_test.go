package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// said keeps what a process writes.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// launch starts the command with arguments, and ends it with the test.
func launch(t *testing.T, stdin io.Reader, args ...string) (stdout io.Reader, stderr *said) {
	t.Helper()
	cmd := exec.Command("node", args...)
	stderr = &said{}
	cmd.Stdin, cmd.Stderr = stdin, stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return stdout, stderr
}

// What consume writes goes into its output a page at a time, so that a reader of a pipe that
// takes 20 lines a second is seen to go on, and not to rest until a whole buffer has room.
func TestReaderOfAPipeThatGoesOnIsNotCut(t *testing.T) {
	t.Parallel()
	const (
		blockMax = 5 * time.Second
		lasts    = 4 * blockMax
		pause    = 50 * time.Millisecond // for each line
	)
	var sizes sync.WaitGroup
	for _, size := range []int{100, 1000} {
		sizes.Go(func() {
			name := fmt.Sprint("slow", size)
			lines, feed := io.Pipe()
			_, producer := launch(t, lines, "produce", name, "--network", name, "--listen", "127.0.0.1:0", "--block-max", blockMax.String())
			go func() {
				for i := 1; ; i++ {
					if _, err := fmt.Fprintf(feed, "%-*d\n", size-1, i); err != nil {
						return
					}
				}
			}()
			t.Cleanup(func() { lines.Close() })
			const prefix = "--bootstrap "
			for deadline := time.Now().Add(20 * time.Second); !strings.Contains(producer.String(), prefix); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Errorf("%s: the producer says no address: %s", name, producer)
					return
				}
			}
			_, after, _ := strings.Cut(producer.String(), prefix)
			addr, _, _ := strings.Cut(after, "\n")
			out, consumer := launch(t, nil, "consume", name, "--network", name, "--bootstrap", addr)
			reader := bufio.NewReaderSize(out, 4<<10)
			begin := time.Now()
			for want := 1; time.Since(begin) < lasts; want++ {
				line, err := reader.ReadString('\n')
				if got := strings.TrimSpace(line); err != nil || got != fmt.Sprint(want) {
					t.Errorf("%s: after %s line %q, %v; want %d", name, time.Since(begin), got, err, want)
					break
				}
				time.Sleep(pause)
			}
			if strings.Contains(producer.String(), "too-slow") || strings.Contains(consumer.String(), "missed") {
				t.Errorf("%s: cut off: the producer says %s; the consumer says %s", name, producer, consumer)
			}
		})
	}
	sizes.Wait()
}

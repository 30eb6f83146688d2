package wall

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// maxReply bounds what a worker answers to one request, in bytes.
const maxReply = 16 << 20

// Command says how this program is started again.
type Command struct {
	Args []string // without the program's name
	Env  []string // NAME=VALUE, added to this process's environment
	// Fresh gives each request a process of its own.
	Fresh bool
}

func (c Command) cmd() (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	return cmd, nil
}

// Workers runs requests in n processes of command. A process reads one line a
// request and answers with one line. next gives the requests, each is
// told the answers, as they come; both are called by one goroutine at a time.
// If each returns false, no further request is made. A process that ends or
// answers nothing is replaced, and each gets the end of what it wrote to
// standard error as an error.
func Workers(n int, command Command, next func() (request string, ok bool), each func(request, reply string, err error) bool) error {
	var (
		mu      sync.Mutex
		group   sync.WaitGroup
		stopped bool
		failed  error
	)
	take := func() (string, bool) {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return "", false
		}
		return next()
	}
	give := func(request, reply string, err error) {
		mu.Lock()
		defer mu.Unlock()
		if !stopped && !each(request, reply, err) {
			stopped = true
		}
	}
	for range n {
		group.Go(func() {
			w := &worker{command: command}
			defer w.close()
			for {
				request, ok := take()
				if !ok {
					return
				}
				reply, err := w.ask(request)
				if err != nil && w.broken {
					mu.Lock()
					stopped, failed = true, err
					mu.Unlock()
					return
				}
				give(request, reply, err)
			}
		})
	}
	group.Wait()
	return failed
}

// worker is one process, started at its first request.
type worker struct {
	command Command
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	errs    tail
	broken  bool // it could not even be started
}

func (w *worker) ask(request string) (string, error) {
	if w.cmd == nil {
		if err := w.start(); err != nil {
			w.broken = true
			return "", fmt.Errorf("start worker process: %w", err)
		}
	}
	if _, err := fmt.Fprintln(w.in, request); err == nil && w.out.Scan() {
		reply := w.out.Text()
		if w.command.Fresh {
			w.close()
			w.cmd = nil
		}
		return reply, nil
	}
	err := w.cmd.Wait()
	w.cmd = nil
	if err == nil {
		err = errors.New("it said nothing")
	}
	return "", fmt.Errorf("worker process ended: %w%s", err, w.errs.text())
}

func (w *worker) start() (err error) {
	cmd, err := w.command.cmd()
	if err != nil {
		return err
	}
	w.errs = tail{}
	cmd.Stderr = &w.errs
	if w.in, err = cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	w.out = bufio.NewScanner(out)
	w.out.Buffer(nil, maxReply)
	if err := cmd.Start(); err != nil {
		return err
	}
	w.cmd = cmd
	return nil
}

func (w *worker) close() {
	if w.cmd != nil {
		_ = w.in.Close()
		_ = w.cmd.Wait()
	}
}

// tail keeps the last 16 KiB that were written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(b)
	if over := t.buf.Len() - 16<<10; over > 0 {
		t.buf.Next(over)
	}
	return len(b), nil
}

// text begins on a line of its own.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buf.Len() == 0 {
		return ""
	}
	return "\n" + strings.TrimRight(t.buf.String(), "\n")
}

// Ran is a program that ended.
type Ran struct {
	Out  []byte // its standard output
	Code int
	CPU  time.Duration // of itself and of the processes that it waited for
}

// Run runs a program of the machine in a directory until it ends. A code that is not 0
// is no error of Run's: whoever asked knows what it means. errs is the end of what the
// program wrote to standard error.
func Run(dir, name string, args ...string) (r Ran, errs string, err error) {
	var out bytes.Buffer
	var end tail
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &end
	err = cmd.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		err = nil
	}
	if err != nil {
		return r, end.text(), fmt.Errorf("run %s: %w", name, err)
	}
	return Ran{out.Bytes(), cmd.ProcessState.ExitCode(), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, end.text(), nil
}

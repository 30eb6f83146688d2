package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// echo is how soon after the first signal another is the same one again: timeout
// of coreutils signals its child and then the whole process group, for example.
const echo = 20 * time.Millisecond

// errInterrupted is the cause of a context that the first signal ended.
var errInterrupted = errors.New("interrupted")

// onSignals gives a context that the first SIGINT, SIGTERM or SIGHUP ends; the second
// ends the process. A write to a closed pipe becomes an error instead of a
// signal.
func onSignals(parent context.Context, stderr io.Writer) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	done := make(chan struct{})
	signal.Ignore(syscall.SIGPIPE)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		select {
		case s := <-signals:
			fmt.Fprintf(stderr, "node: %s: ending in order, a second signal aborts\n", s) // before what it causes
			cancel(errInterrupted)
		case <-done:
			return
		}
		for first := time.Now(); ; {
			select {
			case <-signals:
				if time.Since(first) > echo {
					os.Exit(codeAborted)
				}
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// interrupted tells whether a signal ended ctx.
func interrupted(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), errInterrupted)
}

package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// consoleQueue is how many writes wait for a full standard error; further ones are
	// left out.
	consoleQueue = 1024
	// consoleMax bounds how long a write waits for one that is full. It is short, as a
	// signal is announced before it takes effect, and long for a terminal.
	consoleMax = 200 * time.Millisecond
	// consoleEnd bounds how long a command waits at its end until everything is written.
	consoleEnd = time.Second
)

// console writes to standard error and is never held up for long: a command must end at a
// signal and a node must go on although a full pipe takes nothing. Its methods may be
// called concurrently.
type console struct {
	to    io.Writer
	queue chan *note

	mu      sync.Mutex
	waiting int           // notes that are not written
	idle    chan struct{} // closed when waiting becomes 0
	stalled bool          // a write took longer than consoleMax, and not all is written since
	left    int           // lines that were left out and not reported
}

// note is one write.
type note struct {
	text []byte
	err  error
	done chan struct{}
}

// newConsole returns a console that writes to a writer until the end of the process.
func newConsole(to io.Writer) *console {
	return &console{to: to, queue: make(chan *note, consoleQueue)}
}

// Write implements io.Writer. It returns when text is written, or after consoleMax, or at
// once while what came before it waits. Text that waits or is left out is no error.
func (c *console) Write(text []byte) (int, error) {
	n := &note{text: bytes.Clone(text), done: make(chan struct{})}
	stalled, ok := c.enqueue(n)
	if !ok || stalled {
		return len(text), nil
	}
	select {
	case <-n.done:
		if n.err != nil {
			return 0, n.err
		}
	case <-time.After(consoleMax):
		c.mu.Lock()
		c.stalled = c.waiting > 0
		c.mu.Unlock()
	}
	return len(text), nil
}

// enqueue reports whether the console is stalled, and whether it took n.
func (c *console) enqueue(n *note) (stalled, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting >= consoleQueue {
		c.left += bytes.Count(n.text, []byte("\n"))
		return c.stalled, false
	}
	if c.waiting == 0 {
		c.idle = make(chan struct{})
		go c.run()
	}
	c.waiting++
	c.queue <- n // has room for consoleQueue
	return c.stalled, true
}

// run writes until nothing waits.
func (c *console) run() {
	for n := range c.queue {
		_, n.err = c.to.Write(n.text)
		close(n.done)
		if c.wrote() {
			return
		}
	}
}

// wrote notes that a note is written, and reports whether it was the last. What was left
// out before is said then.
func (c *console) wrote() (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting--
	if c.waiting > 0 {
		return false
	}
	if c.left > 0 {
		text := fmt.Appendf(nil, "node: standard error was full: %s left out here\n", was(c.left, "line"))
		c.left = 0
		c.waiting++
		c.queue <- &note{text: text, done: make(chan struct{})}
		return false
	}
	c.stalled = false
	close(c.idle)
	return true
}

// flush returns when everything is written, or after consoleEnd.
func (c *console) flush() {
	c.mu.Lock()
	waiting, idle := c.waiting, c.idle
	c.mu.Unlock()
	if waiting == 0 {
		return
	}
	select {
	case <-idle:
	case <-time.After(consoleEnd):
	}
}

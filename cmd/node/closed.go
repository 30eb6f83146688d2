package main

import (
	"errors"
	"fmt"
	"io"
)

// warnIfClosed says so if a standard stream was closed when the process began, and what
// follows from that. Instead of such a stream the Go runtime opens /dev/null for reading
// and writing. Some programs give their children just that on purpose, so it is no error.
func warnIfClosed(stderr io.Writer, stream any, name, effect string) {
	if o, ok := stream.(*outlet); ok {
		stream = o.to
	}
	if closed, err := isClosed(stream); err == nil && closed {
		fmt.Fprintf(stderr, "node: %s is closed, or /dev/null: %s\n", name, effect)
	}
}

// errNoFile: a stream is no file of the system.
var errNoFile = errors.New("no file")

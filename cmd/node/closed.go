package main

import "errors"

// notClosed refuses a standard stream that is closed. Instead of one, the Go runtime
// opens /dev/null for reading and writing, so that reads find the end at once and writes
// are lost.
func notClosed(stream any, name, hint string) error {
	if o, ok := stream.(*outlet); ok {
		stream = o.to
	}
	if closed, err := isClosed(stream); err != nil || !closed {
		return nil //nolint:nilerr // what cannot be found out is no reason to refuse
	}
	return badInput(hint, "%s is closed, or /dev/null that is open for reading and writing", name)
}

// errNoFile: a stream is no file of the system.
var errNoFile = errors.New("no file")

package main

import "fmt"

// Exit codes.
const (
	codeFailed   = 1
	codeBadInput = 2
	codeAborted  = 130 // 128 and SIGINT, as shells count
)

// fault is an error with what the operator can do about it, and the exit code
// that it leads to.
type fault struct {
	err  error
	hint string
	code int
}

func (f *fault) Error() string {
	if f.hint == "" {
		return f.err.Error()
	}
	return f.err.Error() + ": " + f.hint
}

// Unwrap gives the cause.
func (f *fault) Unwrap() error { return f.err }

// badInput is a fault of the command line, or of a file that it names.
func badInput(hint, format string, args ...any) error {
	return &fault{err: fmt.Errorf(format, args...), hint: hint, code: codeBadInput}
}

// failed is a fault of the world.
func failed(hint, format string, args ...any) error {
	return &fault{err: fmt.Errorf(format, args...), hint: hint, code: codeFailed}
}

// count writes a number with its noun: "1 datum", "2 datums".
func count[N ~int | ~int64 | ~uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

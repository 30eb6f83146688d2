// Command node runs real smalti nodes: it makes keys, runs a node, and turns
// lines into the datums of a stream and back.
//
// Each subcommand is one file. A fault is one line on standard error, "node:
// what is wrong: what to do", and the process ends with 0 when it did what it
// was asked to do, 1 when it failed, 2 when it was asked for something that
// cannot be, and 130 when a second signal aborted it.
//
// # Concurrency
//
// A command blocks in the calls of package stream. What it reads and writes
// itself, standard input and output, it reads on one goroutine and writes on
// one; while a pipe takes nothing, each write has a goroutine that can be given up.
// Events are logged by a goroutine of their own, and standard error is written by
// another, so that a stalled terminal never holds up a node.
//
// # Failure
//
// The first signal ends a command in order: what was accepted is delivered and
// the node's departure told, whatever takes the output, reads the input or shows
// standard error. The second ends the process at once.
package main

// Package clocktest is the conformance suite of runtime.Clock: one table of
// promises that the machine's clock and the simulated ones keep.
//
// A case runs as a task of a World, whose Env has the clock under test. It
// waits only through the Env, so that it runs in virtual and in real time
// alike. Worlds whose wall clock can be stepped run all cases; Run asserts that
// what the others leave out is what their harness declares.
//
// # Concurrency
//
// A case's body is one task; its timers fire on strands and hand what they saw
// to the body through a runtime.Watch.
package clocktest

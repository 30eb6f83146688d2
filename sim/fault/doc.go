// Package fault holds the faults that a simulated world can suffer, as values
// with a text form: what a scenario file says, a log prints and a shrinker
// takes away.
//
// A fault begins and ends. Those that are over at once end without effect. Each
// class names the marks that prove that it bit: a class that never does is a
// failure of the harness.
package fault

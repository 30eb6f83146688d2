// Package fault holds the faults that a simulated world can suffer, as values
// with a text form: what a scenario file says, a log prints and a shrinker
// takes away.
//
// A fault begins and ends. Those that are over at once end without effect. Each
// class names the marks that prove that it bit: a class that never does is a
// failure of the harness.
//
// Byzantine faults are attacks (attack.go): the node of the host goes on, and beside
// it a liar talks to other nodes with the same key, over links of its own (talk.go).
// Its mark says that another node took the lie, or hung up on it. What a liar
// sends is made here, as docs/wire.md has it, and not by the product.
package fault

// Package event is everything observable that a node does, as compact typed
// values. A node reports each thing once, in one place; metrics, logs, the
// status page, the simulator's timeline and its invariants are views of the
// same events. If an invariant needs to know something, an event says it, and
// then operators can see it too.
//
// Data-path events carry ranges of sequence numbers, one event per batch, so
// that a million datums a second cost thousands of events, not millions.
//
// # Concurrency
//
// Events are values. An observer is called on strands and on transport
// goroutines: it must be safe for concurrent use, must not block, must not
// allocate on the data path and must not call back into the node.
package event

// Package ticket holds credentials that a node carries in its entry and that
// others judge: opaque bytes of a class, validators for a class, and the time
// at which a right ends.
//
// A ticket is bound to one peer; its bytes are public, so a validator must
// refuse them from anybody else. A ticket is valid at t if t is before its
// end, by the wall clock of the node that enforces it.
//
// # Concurrency
//
// Tickets and expirations are values. A Validator must be safe for concurrent
// use, quick, and free of side effects.
package ticket

// Package lint holds the rules that keep this project's code replayable and
// its packages in layers, as a test: go test ./internal/lint.
//
// Import rules (layers.go): which package of the module may import which, and
// which dependency belongs to one package only. A package that is missing from
// the table fails, so that a new one gets a place by decision.
//
// Determinism rules (determinism.go, maprange.go): all code that runs in the
// simulator reaches time, randomness, concurrency and the machine only through
// a runtime.Env. Exempt are the packages that implement an Env or stand
// outside of it, each with its reason in the table.
//
// One escape exists. A loop over a map whose order can reach nothing carries,
// on its line or the line above,
//
//	//lint:ordered REASON
//
// It needs a reason, and an escape that excuses nothing fails too.
//
// # Failure
//
// Each finding is one line, "file:line:column: X is forbidden in PACKAGE: use
// Y". A package that does not type-check is a finding, as what cannot be read
// cannot be judged.
package lint

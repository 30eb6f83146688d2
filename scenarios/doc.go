// Package scenarios says what happens in a simulated world: which hosts there
// are, what runs on them, what goes wrong and when, and what must hold.
//
// A Scenario is data: it prints as YAML and parses back to the same. It comes
// from the library of named ones, from the swarm generator, which draws one for
// each seed, from a file, or from a property test; Run runs them all alike.
//
// What runs on a host is a Program. The workloads that produce and consume
// datums are programs of this package; a user's service is one more.
package scenarios

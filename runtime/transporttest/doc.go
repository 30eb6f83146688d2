// Package transporttest is the conformance suite of runtime.Transport: one
// table of behaviours that every transport passes, the simulated one and the
// real one, so that what was learnt in simulation holds in production.
//
// A case is a function that runs as a task. It starts nodes, dials, sends,
// pauses, cuts the network and looks at what handlers heard, and it waits only
// in ways that virtual and real time share: Env.Await and what is built on it.
// A Harness says how a world runs a case: on the simulation kernel, on
// loopback, or on a packet simulator inside testing/synctest.
//
//	func TestConformance(t *testing.T) {
//		transporttest.Run(t, transporttest.Harness{Name: "loopback", Can: ..., Run: ...})
//	}
//
// Not every world can do everything: nothing sends raw bytes into a simulated
// network that has no bytes. A case states what it needs, a harness what it
// can, and Run asserts that what is left out is exactly what the harness
// declares in Omits.
//
// Besides what a case asserts, every case asserts of every link that handlers
// ran one at a time, that OnOpen came first and only to the dialler, that
// nothing came while paused, and that OnClosed came exactly once and last.
//
// Script is a second kind of conformance: it records when the milestones of
// one long conversation were reached, so that two worlds with the same latency
// and bandwidth can be compared in time.
//
// # Concurrency
//
// A case's body is one task. What handlers note they note on their strand, and
// hand to the body as an immutable value through a runtime.Watch.
//
// # Failure
//
// Bed.Fatalf ends the body. Every wait ends with the deadline of the case and
// fails with what was waited for and what had been heard by then.
package transporttest

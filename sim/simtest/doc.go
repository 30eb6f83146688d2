// Package simtest runs simulated worlds under go test.
//
//	func TestService(t *testing.T) {
//		simtest.Run(t, simtest.Config{}, func(t testing.TB, w *sim.World) { ... })
//	}
//
// Each seed is a subtest. The flags choose which:
//
//	go test -run TestService -smalti.seed=42
//	go test -run TestService -smalti.seeds=1-1000
//
// A failing seed prints the line that runs it again.
//
// Check has rapid draw scenarios and shrink what fails; Fuzz is a native fuzz target
// whose bytes are the decisions of a run.
package simtest

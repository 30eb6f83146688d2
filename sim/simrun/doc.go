// Package simrun is the simrun command as a library: Main runs it, with further
// programs of the caller's, so that a user's own services get seeds, sweeps and
// verification too.
//
//	func main() { simrun.Main(myservice.Program) }
package simrun

package event

// Record is an event with its place in a run: what invariants, traces and the
// timeline read. A log of a real node is records of one host.
type Record struct {
	At   int64  // nanoseconds since the run began, on nobody's clock but the run's
	Host string // the machine that the node runs on
	Boot int    // how often that machine was started before
	Event
}

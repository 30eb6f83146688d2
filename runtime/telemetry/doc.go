// Package telemetry turns the events of a node into metrics for Prometheus.
//
//	metrics := telemetry.New()
//	env := &runtime.Env{Observer: metrics, ...}
//	http.Handle("/metrics", metrics.Handler())
//
// Each metric is one row of docs/metrics.md. Nothing is measured a second time:
// what a metric counts, an event has told. So the books balance, as those of the
// events do:
//
//   - consumers of a producer = admissions - ends
//   - enqueued = written - returned + dropped + what is queued
//   - producers of a consumer = subscriptions - ends
//
// Each node has a registry of its own; there is no global one. A series has the
// name of a stream, of which there are as many as the node opened, or a reason,
// of which there is a fixed list; peers are no labels, as anybody can make new
// ones. Of a node that opens more than MaxStreams streams in its life, the later
// ones are counted together.
//
// # Concurrency
//
// A Metrics may be used from any goroutine. Event neither blocks nor allocates
// on the data path.
package telemetry

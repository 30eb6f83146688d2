// Package node puts one node together: discovery and streams on one Env. It
// starts them in order and ends them in order.
//
// # Concurrency
//
// A Node may be used from any goroutine or task.
//
// # Failure
//
// Close is the orderly end: new subscriptions are refused, consumers closed,
// producers drained up to a deadline, the node's departure is told to its
// neighbours, and then its connections are closed. A node that just vanishes is
// noticed by its peers when their sessions fall silent.
package node

// Package live is the production half of the contract in package runtime:
// strands and tasks on goroutines, the machine's clock, a directory as store.
// Together with a transport such as quicnet it makes the Env of a real node.
//
// # Concurrency
//
// A strand is a queue under a mutex, drained by a goroutine that exists only
// while there is work. A task is a goroutine; Await parks it on a channel. The
// store writes on one goroutine of its own, likewise only while there is work.
// Everything exported here is safe for concurrent use.
//
// # Failure
//
// A panic in a posted function or a task crashes the process, since a worker
// that lost a step is in no known state, unless SchedulerConfig.OnPanic says
// otherwise. After Scheduler.Stop posted work is dropped, parked tasks wake
// with runtime.ErrStopped, and the contexts of tasks are cancelled with it.
//
// # Recording
//
// A strand's behaviour is a function of its inbox, its timers and its random
// streams. SchedulerConfig.Hook sees every entry of every inbox, timers
// included, in order; a Recorder keeps that order, so that the same sources
// can be run again elsewhere, one at a time, in the order that a race had
// produced.
package live

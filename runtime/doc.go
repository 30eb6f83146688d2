// Package runtime is the contract between smalti's parts and the world: time,
// concurrency, randomness, storage and the network, as a handful of small
// interfaces gathered in an Env.
//
// Code written against an Env runs unchanged in two worlds. Package live gives
// the production Env: strands on goroutines, the machine's clock, a directory,
// QUIC. Package sim gives a simulated one: everything on one seeded kernel,
// with a network in which partitions, lag and crashes replay exactly.
//
// # Concurrency
//
// A worker is a plain struct whose methods all run on one Strand. It has no
// locks, channels or goroutines: what would be a branch of a select is a
// method that is posted. Strands share nothing; one learns of another's state
// only by a posted, immutable value (Watch.Subscribe). So what a strand does
// is a function of its inbox, its timers and its random streams, which is what
// makes simulation faithful and recording possible.
//
// Application code may block, in a task (Scheduler.Go), and blocks only in
// Env.Await and what is built on it: Env.Sleep, Watch.Wait, and every call of
// the public API that takes a context. A mutex may guard the boundary where
// foreign goroutines enter a worker; it is held over no callback and no Await.
//
// # Failure
//
// An Env belongs to one incarnation of one node. When the node stops or its
// simulated host crashes, the Env is dead: timers do not fire, posted
// functions are dropped, calls return ErrCrashed or ErrStopped, nothing is
// sent and nothing is reported.
package runtime

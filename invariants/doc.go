// Package invariants judges runs: checkers that read events, and nothing but
// events, and say what a run broke. The same checkers judge a simulated world
// and the log of a real node.
//
//	set := invariants.New(invariants.Options{Expect: pairs})
//	world.Observe(set.Event)
//	... run ...
//	set.Settle(world.Now()) // the end of the liveness phase, before the world is closed
//	... close the nodes ...
//	set.Finish(world.Now())
//	for _, v := range set.Violations() { ... }
//
// A Set keeps one book of what the events said so far: which subscriptions a
// producer has, what was enqueued for them, what a consumer got, which entries
// a node knows. A checker is a rule over the book and the next event, so that a
// run of a million events costs one pass and no allocation per datum.
//
// # What is assumed of the records
//
// They begin with the start of each host and are in causal order: nothing is
// received in them before it was sent. One world's records are, and so is the
// log of one node. What only another node could have reported is not judged
// when that node reports nothing: the log of one consumer has no phantoms.
//
// A producer is named by (Node, Stream, Incarnation), its subscription by Sub, a
// consumer's side of it by (Host, Boot, Stream, Peer, Sub).
// Two consumers of one stream on one host may number their subscriptions alike;
// what cannot be told apart is not judged.
//
// # Concurrency
//
// A Set belongs to one goroutine. It never calls back, reads no clock, and two
// runs of the same records give the same violations in the same order.
//
// # Failure
//
// A Set does not fail. The first MaxViolations violations are kept and all are
// counted. Its memory grows with the number of hosts, producers, subscriptions
// and known entries, and by 32 bytes for each of the first maxFollowed datums
// that the application of one producer reports as sent.
package invariants

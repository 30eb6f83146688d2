// Package linear checks that what consumers and producers report together is
// what a simple object would have done, one operation at a time: the admission
// of a producer is a counter that never exceeds its capacity.
//
// # The object
//
// Each incarnation of a producer is one object. Its operations:
//
//   - subscribe, from the consumer's Subscribing to its Subscribed, takes a slot.
//     It is legal if one is free.
//   - refuse, from Subscribing to Unsubscribed with NoCapacity, is legal if no
//     slot is free at some moment in between. A producer also refuses with
//     NoCapacity a peer that holds too many of its slots already; a refusal
//     of a peer that holds any is therefore left out.
//   - leave, at the first of SubDraining and SubEnded, gives a slot back.
//
// The clock is the order of the records. Every operation contains the moment at
// which the producer reported it, SubAccepted or SubRefused, which it does in
// the turn that decides: so a correct producer is always linearizable, whatever
// consumers see. Admissions and refusals that no consumer confirmed, because
// the answer was lost, count at that moment alone. An end in order keeps its
// slot until the link is closed, which makes no difference: a producer that
// ends in order refuses for another reason.
//
// # Failure
//
// At most MaxOpen operations of an object may overlap and MaxOperations are
// kept. Beyond that the beginning is checked, and whether all of them are legal in
// the producer's own order, which proves it right; if not, the verdict is Illegal
// or Unknown. No verdict depends on how long the check takes.
//
// # Concurrency
//
// A Collector belongs to one goroutine.
package linear

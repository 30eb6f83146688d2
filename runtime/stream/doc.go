// Package stream fans typed datums out from producers to consumers.
//
// A Producer of a stream on one node serves every Consumer of that stream on
// every node that may have it. Send encodes a datum once; the fan-out worker
// copies a reference to each subscription, which has a bounded queue of its
// own, so that a slow consumer costs bounded memory and delays nobody, unless
// the producer chose to be paced by the slowest (lag policy Block).
//
// The promise: at most once per subscription, first in first out per producer
// incarnation, no replay. What a consumer missed it is told, in order, from its admission on,
// though it may not have heard of that: the producer remembers such admissions, the latest
// 1,024. What a producer sent to a consumer whose right ended before it heard of its admission
// is not told if the producer is closed before the consumer comes back.
//
// A node's own producers are among those of its consumers, reached without the network
// (package loopback) and under the same rules; ConsumerConfig.NoEcho leaves them out. Under
// Block a task that sends and receives in turn waits for itself.
//
// # Concurrency
//
// Producers and Consumers may be used from any goroutine or task. Each has a
// worker on a strand of its own: admission, queues, timers and links live
// there. The queues where the application's goroutines and the strand meet are
// guarded by a mutex that is held over no callback.
//
// # Failure
//
// Consumers come back by themselves: a subscription that ends is dialled again
// with back-off for as long as its producer stands in the catalog. A producer's
// Close delivers what was accepted, up to a deadline, and says what it could
// not deliver.
//
// # Wire
//
// On a link for protocol "smalti/stream/1" the consumer says Subscribe, the
// producer answers Start or closes with a reason; then only the producer
// speaks: datums with their sequence numbers, and gaps where it had to skip.
package stream

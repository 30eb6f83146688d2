// Package netsim is a runtime.Transport over a simulated network: seeded,
// single-threaded, on virtual time, in integers only.
//
// It models what a Session and its Links can show of QUIC, not packets:
// handshake round trips, latency and its distributions, bandwidth with a
// bounded queue, loss as the delay of a retransmission, stream and connection
// windows, keep-alive and idle time-out, half-open sessions, dials that nobody
// answers, close reasons that a partition holds back or swallows. Congestion
// control is left out on purpose.
//
// A Network is given the world's clock and one strand, on which everything
// that is "on the wire" happens. It knows neither nodes nor clock skew; each
// endpoint brings the name and the clock of its host. Endpoints are known by
// name and address and never by peer id, so one key may run in two places.
//
// # Order and determinism
//
// Everything that one end of a link, or of a session, sends travels in a lane
// of its own: a queue with one timer. Order is that of the queue and never
// rests on time. What chance decides (jitter, loss) is a keyed hash of the
// seed, the two hosts, the protocol, the bytes, and how often these bytes were
// seen before. So taking one fault out of a run leaves the fate of the other
// messages as it was, which shrinking depends on.
//
// # Concurrency
//
// None: a Network and its transports belong to one kernel and may be called
// from whatever it runs. A handler is never called from within a method of a
// Link; it is posted.
//
// # Failure
//
// Blocks, holds, resets and crashes are methods of Network and Transport. A
// block loses what is sent and what arrives while it lasts; QUIC's loss
// recovery brings stream data, resets of streams and hellos after it, at the
// next probe of an exponential back-off, and never brings the close of a
// connection. A hold loses nothing and releases everything at once. Blocks and
// holds are counted, so that overlapping faults compose. A Rule makes a path
// slower, narrower or lossy for a while, on top of what it is.
package netsim

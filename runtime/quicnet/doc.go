// Package quicnet is runtime.Transport over QUIC: one UDP socket per node, one
// connection per pair of peers, and on it a few streams, the lanes, that carry the
// links. A link that says nothing costs less than a KiB at each end, and no
// goroutine.
//
// # Concurrency
//
// A session has one goroutine that accepts streams and one for its own stream, a lane
// one that reads, and one that writes while there is something to write; each dial and
// each hello runs on one of its own. None of them ever waits for a strand: what a
// handler does not take is bounded by the window of its link, so a stalled handler
// stalls its own link only. Locks are taken in the order link, lane or Transport,
// session, and never held over a call of QUIC that may block, nor over a callback.
//
// # Failure
//
// A link ends with the reason of whoever ended it, which a frame or the code of the
// connection's close carries. What cannot arrive, after a crash or through a partition, is
// replaced by IdleTimeout.
//
// # Wire
//
// TLS 1.3 with ALPN "smalti/1"; both sides show a self-signed ed25519
// certificate whose key is the peer id. On the dialler's first stream follow
// four hellos, each a CBOR map in a message frame: the dialler's, the
// acceptor's with its proof, the dialler's proof, and the acceptor's empty
// last word, after which the session is up. A refusal is a close of the
// connection with the reason as its code.
//
// That stream stays, for pings. The later ones are lanes; docs/wire.md has their frames.
package quicnet

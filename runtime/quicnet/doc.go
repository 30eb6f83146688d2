// Package quicnet is runtime.Transport over QUIC: one UDP socket per node, one
// connection per pair of peers, one bidirectional stream per link.
//
// # Concurrency
//
// A session has one goroutine that accepts streams, a link one that reads and
// one that writes; each dial and each hello runs on one of its own. None of
// them ever waits for a strand, so a stalled handler stalls its own link only.
// Locks are taken in the order Transport, session, link, and never held over a
// call of QUIC that may block, nor over a callback.
//
// # Failure
//
// A link ends with the reason of whoever ended it: the code of a stream reset
// or of the connection's close is a wire.Reason. What cannot arrive, after a
// crash or through a partition, is replaced by IdleTimeout.
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
// Each later stream is a link: an open frame with the protocol's name, an
// accept frame in answer, then messages both ways. A side that drains sends
// goodbye after its last message. A side sends FIN when its handler took
// everything up to the other's goodbye; so a FIN that follows one's own
// goodbye is the proof of delivery, also when both drain at once. It is
// answered with FIN, and the stream is done.
package quicnet

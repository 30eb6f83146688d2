// Package wire is what two nodes agree on byte by byte: close reasons, size
// limits, the framing of messages on a stream, deterministic CBOR for control
// messages, and the hello that opens every session.
//
// Nothing here does I/O. Both transports use it, so that the simulated network
// refuses what the real one refuses, for the same reason.
//
// # Wire
//
// docs/wire.md in the repository shows every message with an example in hex.
package wire

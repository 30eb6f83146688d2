// Package ident holds the identities that smalti's parts name each other by:
// peers, networks, streams and tags, each 32 bytes, and the keys behind peers.
//
// A PeerID is an ed25519 public key (RFC 8032). The other three are names: the
// BLAKE3 hash of a text, so that two nodes that agree on a text agree on the
// id without asking anyone. A text of exactly 64 hexadecimal digits stands for
// the 32 bytes that it spells, which lets an id be copied from a log line back
// into a command.
//
// All types are comparable values, ordered by their bytes, and print as 64
// lower-case hexadecimal digits; Short gives the first ten for people.
//
// # Concurrency
//
// Everything here is immutable and safe for concurrent use.
package ident

// Package raw is plain QUIC without anything of smalti's on top: streams that
// carry bytes in large writes, as fast as quic-go goes on this machine. It is
// the yardstick that benchmarks hold the product against.
//
// # Concurrency
//
// A Bench belongs to one goroutine.
package raw

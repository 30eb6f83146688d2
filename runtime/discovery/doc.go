// Package discovery lets the nodes of a network find each other: each signs an
// entry that tells who it is, where it can be reached and what it offers, and
// all of them end up with every entry in their catalog.
//
// The layers, bottom up. Entry and Departure are what a node says, with the
// exact signed bytes (entry.go, departure.go). Catalog is an immutable
// snapshot of all entries that a node holds (catalog.go). The tracker smooths
// round trips (tracker.go). The worker merges what it hears, by one set of
// rules whichever way it came (merge.go), and publishes the own entry
// (own.go). Above it, dissemination decides when to talk to whom
// (disseminate.go), an exchange is one conversation (exchange.go) in which two
// catalogs are compared (reconcile.go), and a message is one frame of it
// (message.go).
//
// An entry stands until its node departs or publishes a newer one: nothing is
// kept alive by saying it again. Of two entries of a peer the strictly newer
// version wins; a departure ends every version of its run, and a tombstone
// keeps it ended wherever an old copy turns up.
//
// # Concurrency
//
// One strand, "discovery", owns everything. Methods of Discovery may be called
// from anywhere: they read an immutable snapshot, or post.
//
// # Failure
//
// A peer that is silent, slow or lies costs one of a bounded number of
// exchanges for SyncTimeout. What it says is checked entry by entry; what is
// refused is reported as event.EntryRefused. Failed contacts are retried with
// full jitter between nothing and a bound that doubles up to MaxBackoff.
//
// # Wire
//
// Protocol "smalti/sync/1" carries messages of at most wire.MaxControl bytes.
// Two catalogs are compared by ranges of peer ids, in turns: where fingerprints
// differ a range is cut, and where a part is small it is listed, so that what is
// equal costs one fingerprint and what differs little more than itself (span.go,
// reconcile.go). A link that begins with entries instead of a range is a push of
// news and gets no answer.
//
// A signed entry or departure is an ed25519 signature of 64 bytes followed by
// its body in deterministic CBOR. Receivers keep and forward these exact
// bytes, so that fields of later versions survive.
package discovery

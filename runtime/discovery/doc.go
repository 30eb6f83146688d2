// Package discovery lets the nodes of a network find each other: each signs an
// entry that tells who it is, where it can be reached and what it offers, and
// all of them end up with every entry in their catalog.
//
// The layers, bottom up. Entry, Departure and Suspicion are what a node says, with
// the exact signed bytes (entry.go, departure.go, suspicion.go). Catalog is an
// immutable snapshot of all entries that a node holds (catalog.go), and a draft the
// next one (draft.go). The tracker smooths round trips (tracker.go). The worker merges
// what it hears, by one set of rules whichever way it came (merge.go), and publishes
// the own entry (own.go). An exchange is one conversation (exchange.go) in which two
// catalogs are compared (reconcile.go), a message one frame of it (message.go).
// Neighbours are links that stay (neighbour.go), over which news goes (gossip.go,
// rumour.go). Above them, disseminate.go decides with whom catalogs are compared,
// detector.go who is gone, lost.go and bootstrap.go whom to look for. docs/discovery.md
// tells how these work together.
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
// Protocol "smalti/sync/1" carries messages of at most wire.MaxControl bytes, and
// GossipProtocol, "smalti/gossip/1", those of neighbours. Two catalogs are compared by ranges of peer ids, in turns: where fingerprints
// differ a range is cut, and where a part is small it is listed, so that what is
// equal costs one fingerprint and what differs little more than itself (span.go,
// reconcile.go).
//
// A signed entry, departure or suspicion is an ed25519 signature of 64 bytes followed by
// its body in deterministic CBOR. Receivers keep and forward these exact
// bytes, so that fields of later versions survive.
package discovery

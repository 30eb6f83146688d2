// Package jwt issues and judges tickets that are JSON Web Tokens (RFC 7519), signed
// as RFC 7515 and 7518 tell, with HMAC, ECDSA or Ed25519.
//
// A token is public once its holder is in the catalog, so it is bound to the
// holder: its subject is the peer id, in lower-case hex, or its confirmation claim
// (RFC 7800) is {"peer": "<peer id>"}. Whoever else presents it is refused.
//
// A key has one algorithm, and a token must name it: neither "none" nor a public
// key taken for an HMAC secret gets through. Dates are decimal integers, in Unix
// seconds up to the end of the year 9999. Signing is deterministic (RFC 6979 for
// ECDSA), so that a simulation replays.
//
// # Failure
//
// Refusals are *Error, which names the check that failed and wraps wire.Expired,
// wire.Revoked or wire.NotAllowed.
//
// # Concurrency
//
// Validators, key sets and deny-lists may be used from anywhere; keys are values.
package jwt

package wire

import "fmt"

// Reason says why a link or a session ended. It is one append-only list shared
// by the wire, errors, events and metrics: a code keeps its meaning for ever.
//
// A Reason is an error, so errors.Is(err, wire.TooSlow) works on everything
// that wraps one.
type Reason uint16

// The reasons. Codes below 100 are ends that nobody did wrong, 100 and up are
// faults of the transport, 200 and up refusals of a session, 300 and up
// refusals of a subscription, 400 and up fates of a datum.
const (
	// None is the zero value: no reason given.
	None Reason = 0
	// Cancelled: the local side gave the operation up.
	Cancelled Reason = 1
	// GracefulShutdown: the sender finished in order; nothing accepted was lost.
	GracefulShutdown Reason = 2
	// Finished: the protocol on this link is done.
	Finished Reason = 3

	// UnexpectedClose: the stream ended without a reason.
	UnexpectedClose Reason = 100
	// IdleTimeout: nothing was heard from the peer for the idle time-out.
	IdleTimeout Reason = 101
	// DialFailed: no address of the peer answered before the deadline.
	DialFailed Reason = 102
	// HandshakeTimeout: the peer connected and then said nothing in time.
	HandshakeTimeout Reason = 103
	// ProtocolViolation: the peer sent what the protocol does not allow.
	ProtocolViolation Reason = 104
	// TooLarge: a message exceeds the limit of its link.
	TooLarge Reason = 105
	// ConnectionLost: the network reset or lost the connection.
	ConnectionLost Reason = 106
	// UnknownProtocol: nobody listens for the link's protocol.
	UnknownProtocol Reason = 107
	// DialWithheld: this node does not dial the peer's addresses for a while, because
	// they failed or because it dials too many new ones.
	DialWithheld Reason = 108
	// DrainTimeout: the sender stopped before the peer had taken all that was sent; the
	// rest is lost.
	DrainTimeout Reason = 109

	// WrongIdentity: the peer proved another key than the one dialled, or lately did.
	WrongIdentity Reason = 200
	// DifferentNetwork: the peer belongs to another network.
	DifferentNetwork Reason = 201
	// NotMember: the peer could not prove that it knows the network secret.
	NotMember Reason = 202
	// VersionMismatch: no protocol version is spoken by both.
	VersionMismatch Reason = 203
	// Replaced: the same peer came back as a new instance.
	Replaced Reason = 204
	// IdentityInUse: one key runs in two places at once.
	IdentityInUse Reason = 205
	// Overloaded: a limit on sessions or links is reached; try later.
	Overloaded Reason = 206
	// Duplicate: another connection to the same instance stays.
	Duplicate Reason = 207

	// UnknownPeer: the producer does not have the consumer's entry yet.
	UnknownPeer Reason = 300
	// StreamNotFound: the peer does not produce the stream.
	StreamNotFound Reason = 301
	// NotAllowed: a requirement of the producer is not met.
	NotAllowed Reason = 302
	// Expired: the ticket's time is over.
	Expired Reason = 303
	// Revoked: the ticket was valid and was withdrawn.
	Revoked Reason = 304
	// Filtered: the peer is known and kept away by a local filter.
	Filtered Reason = 305
	// BadCriteria: the subscription's filter does not compile.
	BadCriteria Reason = 306
	// NoCapacity: the producer has all the consumers that it may have.
	NoCapacity Reason = 307
	// TooSlow: the consumer lagged behind further than the policy allows.
	TooSlow Reason = 308
	// CallbackPanic: an application callback panicked while deciding.
	CallbackPanic Reason = 309

	// NoConsumer: a datum found no subscription.
	NoConsumer Reason = 400
	// NoMatch: a datum matched the criteria of no subscription.
	NoMatch Reason = 401
	// Lagged: a datum was skipped because the consumer's queue was full.
	Lagged Reason = 402
)

// reasons is ordered by code. severity orders two reasons that compete for one
// close frame: the most severe wins, so that a peer that lost its right is not
// told to retry because it was also slow.
var reasons = []struct {
	code     Reason
	name     string
	severity int
}{
	{None, "none", 0},
	{Cancelled, "cancelled", 1},
	{GracefulShutdown, "graceful-shutdown", 1},
	{Finished, "finished", 1},
	{UnexpectedClose, "unexpected-close", 2},
	{IdleTimeout, "idle-timeout", 2},
	{DialFailed, "dial-failed", 2},
	{HandshakeTimeout, "handshake-timeout", 2},
	{ProtocolViolation, "protocol-violation", 5},
	{TooLarge, "too-large", 5},
	{ConnectionLost, "connection-lost", 2},
	{UnknownProtocol, "unknown-protocol", 3},
	{DialWithheld, "dial-withheld", 1},
	{DrainTimeout, "drain-timeout", 2},
	{WrongIdentity, "wrong-identity", 5},
	{DifferentNetwork, "different-network", 5},
	{NotMember, "not-member", 5},
	{VersionMismatch, "version-mismatch", 5},
	{Replaced, "replaced", 3},
	{IdentityInUse, "identity-in-use", 4},
	{Overloaded, "overloaded", 3},
	{Duplicate, "duplicate", 3},
	{UnknownPeer, "unknown-peer", 3},
	{StreamNotFound, "stream-not-found", 4},
	{NotAllowed, "not-allowed", 4},
	{Expired, "expired", 4},
	{Revoked, "revoked", 4},
	{Filtered, "filtered", 4},
	{BadCriteria, "bad-criteria", 4},
	{NoCapacity, "no-capacity", 3},
	{TooSlow, "too-slow", 3},
	{CallbackPanic, "callback-panic", 4},
	{NoConsumer, "no-consumer", 0},
	{NoMatch, "no-match", 0},
	{Lagged, "lagged", 1},
}

// Reasons lists every reason in order of code.
func Reasons() []Reason {
	list := make([]Reason, len(reasons))
	for i, r := range reasons {
		list[i] = r.code
	}
	return list
}

// String gives the stable name that logs and metric labels use, "reason(N)"
// for a code of a newer version.
func (r Reason) String() string {
	for i := range reasons {
		if reasons[i].code == r {
			return reasons[i].name
		}
	}
	return fmt.Sprintf("reason(%d)", uint16(r))
}

// Known reports whether this version has a name for the reason.
func (r Reason) Known() bool {
	for i := range reasons {
		if reasons[i].code == r {
			return true
		}
	}
	return false
}

// Error makes a Reason an error.
func (r Reason) Error() string { return r.String() }

// Severity orders reasons that compete for one close: higher wins. Unknown
// codes rank with the transport's faults.
func (r Reason) Severity() int {
	for i := range reasons {
		if reasons[i].code == r {
			return reasons[i].severity
		}
	}
	return 2
}

// Worst gives the more severe of two reasons, r when they rank alike.
func (r Reason) Worst(other Reason) Reason {
	if other.Severity() > r.Severity() {
		return other
	}
	return r
}

// ParseReason gives the reason called name, as String prints it.
func ParseReason(name string) (Reason, bool) {
	for i := range reasons {
		if reasons[i].name == name {
			return reasons[i].code, true
		}
	}
	return None, false
}

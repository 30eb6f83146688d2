package event

import "fmt"

// Kind says what happened. The list is append-only; names are stable.
type Kind uint16

// The kinds, by the part that reports them.
const (
	// KindNone is the zero value and is never reported.
	KindNone Kind = 0

	// NodeStarted and NodeStopped frame a node's life; NodeClosing is where it begins to end.
	NodeStarted Kind = 1
	NodeStopped Kind = 2
	NodeClosing Kind = 6
	// Mark: the rare place called Text was reached.
	Mark Kind = 3
	// CallbackPanicked: an application callback panicked; Text is its name and value.
	CallbackPanicked Kind = 4
	// CallbackSlow: the application callback called Text took N nanoseconds of a
	// strand that others wait for.
	CallbackSlow Kind = 5

	// SessionUp: a session with Peer passed its hello. SessionDown ends it.
	SessionUp   Kind = 10
	SessionDown Kind = 11
	// SessionRefused: a connection from or to Peer was refused for Reason. N is 1 if Peer
	// refused it.
	SessionRefused Kind = 12
	// Dialling: an address, Text, is dialled because Peer is expected there.
	// DialWithheld: it is not, for it failed lately or too many are new; Reason is that of
	// the refusal.
	Dialling     Kind = 13
	DialWithheld Kind = 14
	// SessionMeasured: the round trip to Peer was measured anew, because somebody asks for
	// it; it takes N nanoseconds.
	SessionMeasured Kind = 15
	// SocketFailed: reads of the node's socket fail, Text says why; it is opened again.
	// SocketReopened: that took N nanoseconds; Text is the address.
	SocketFailed   Kind = 16
	SocketReopened Kind = 17
	// SendFailed: N packets could not be sent since the last report; Text is the latest
	// error. They count as lost on the network.
	SendFailed Kind = 18
	// TransportFailed: the node has no socket any more, and ends; Text says why.
	TransportFailed Kind = 19

	// PeerDiscovered, PeerUpdated: Peer's entry came into the catalog or was
	// replaced by a newer one; From is its started, To its updated version.
	// PeerDeparted: it left. With a Reason it had been hidden before: IdleTimeout
	// if it is forgotten for that, GracefulShutdown if it turned out to have left.
	PeerDiscovered Kind = 20
	PeerUpdated    Kind = 21
	PeerDeparted   Kind = 22
	// EntryRefused: an entry of Peer was not taken; Text says why.
	EntryRefused Kind = 23
	// EntryPublished: the node signed its own entry anew, version From, To.
	EntryPublished Kind = 24
	// SyncStarted, SyncEnded frame an exchange of catalogs with Peer, From 1 if Peer
	// asked for it. N is how many nanoseconds before the start this node's catalog
	// was taken for it, and at the end the number of entries received.
	SyncStarted Kind = 25
	SyncEnded   Kind = 26
	// Pinged: Peer was asked for its entry; N is the round trip in nanoseconds, 0
	// if it was not measured, Reason why it failed.
	Pinged Kind = 27
	// PeerHidden: Peer, version From.To, does not answer, as N members say; it is
	// out of the catalog, and remembered. PeerReturned: it is back, as version
	// From.To. PeerSuspected: this node does not reach it, and said so.
	PeerHidden    Kind = 28
	PeerReturned  Kind = 29
	PeerSuspected Kind = 30

	// ProducerOpened, ProducerClosed frame a producer of Stream; Incarnation
	// names it; N is its capacity, 0 for none stated, Text the stream's name, From how
	// many datums may wait for one subscription, To how many of those one peer may have.
	ProducerOpened Kind = 40
	ProducerClosed Kind = 41
	// SubAccepted: the producer admitted Peer; N is how many subscriptions are
	// now active, From the next sequence number, To the Unix nanosecond at
	// which its right ends (0: never), Text its criteria.
	SubAccepted Kind = 42
	// SubRefused: the producer refused Peer for Reason.
	SubRefused Kind = 43
	// SubEnded: the subscription is over; N is how many of the datums that
	// were reported as written the transport gave back unsent.
	SubEnded Kind = 44
	// SubExpiry: the right of Sub now ends at Unix nanosecond To (0: never).
	SubExpiry Kind = 45
	// SubDraining: nothing more is enqueued for Sub, for Reason. What it still
	// holds is delivered if Reason is GracefulShutdown, dropped otherwise.
	SubDraining Kind = 46
	// Enqueued: N datums, From the first and To the last, were queued for Sub.
	// Written: the transport took them. Dropped: they will not be delivered,
	// for Reason; what the transport gave back is among them. At the end,
	// enqueued = written - given back + dropped.
	Enqueued Kind = 47
	Written  Kind = 48
	Dropped  Kind = 49
	// ProducerOnline, ProducerOffline: the producer's condition changed; N is
	// the number of its connected consumers.
	ProducerOnline  Kind = 50
	ProducerOffline Kind = 51
	// InputDropped: N datums From..To left the producer's input for nobody, for
	// Reason.
	InputDropped Kind = 52
	// EncodeFailed: a datum was refused by the codec, or is too large; it has no
	// number.
	EncodeFailed Kind = 53
	// CriteriaFailed: of the datums From..To, N could not be judged by the criteria
	// Text, and so did not match.
	CriteriaFailed Kind = 54
	// Unmatched: N datums, From the first and To the last, do not match the
	// criteria of Sub.
	Unmatched Kind = 55
	// ProducerClosing: nothing more is let in; what was is delivered.
	ProducerClosing Kind = 56
	// HandshakeRefused: Peer asked for a subscription, and was refused for Reason
	// before any producer could judge it; Stream is what it asked for, if it said.
	HandshakeRefused Kind = 57
	// HandshakeBegan: Peer opened a link to subscribe, the From-th of this node.
	// HandshakeEnded: it said what it wants, was refused, or went.
	HandshakeBegan Kind = 58
	HandshakeEnded Kind = 59

	// ConsumerOpened, ConsumerClosed frame a consumer of Stream; Sub names it, Text
	// is the stream's name, N how many datums its queue holds, From and To are its shortest
	// and its longest wait between two attempts, in nanoseconds.
	ConsumerOpened Kind = 60
	ConsumerClosed Kind = 61
	// Subscribing: the consumer dials the producer Peer; N is the attempt, Text its
	// criteria, From 1 if news of either side led to it, 0 if a Retrying did.
	Subscribing Kind = 62
	// Subscribed: Peer accepted; Incarnation is the producer's, From the next
	// sequence number, To the number of the first datum that was meant for the consumer
	// if it was accepted before and did not hear of it, 0 if not.
	Subscribed Kind = 63
	// Unsubscribed: the attempt to subscribe to Peer failed for Reason, or if N is
	// 1, the subscription ended for it.
	Unsubscribed Kind = 64
	// Received: N datums From..To of Peer arrived in the consumer's queue.
	Received Kind = 65
	// Skipped: the consumer was told that it misses N datums of From..To. Reason
	// is Lagged if the producer skipped them, None if they were sent while the
	// consumer was away: then N is an upper bound under criteria.
	Skipped Kind = 66
	// ConsumerOnline, ConsumerOffline: the consumer's condition changed; N is
	// the number of its connected producers.
	ConsumerOnline  Kind = 67
	ConsumerOffline Kind = 68
	// Discarded: N datums were in the consumer's queue when it closed.
	Discarded Kind = 69
	// DecodeFailed: the codec refused datum From of Peer; Text says why.
	DecodeFailed Kind = 70
	// Retrying: after an attempt, or a subscription, that ended for Reason, Peer is
	// dialled again in N nanoseconds, unless there is news before.
	Retrying Kind = 71

	// AppSent: the application's send of datum From returned; Incarnation and
	// From identify it, N is its checksum; To and Bytes describe it, so that criteria
	// can be judged. AppReceived: Peer's datum reached the application.
	AppSent     Kind = 80
	AppReceived Kind = 81
	// AppRevoked: the application's validators refuse Peer on Stream from now on, as
	// a consumer, or if N is 1, as a producer. AppAllowed: they do not any more.
	AppRevoked Kind = 82
	AppAllowed Kind = 83
	// AppIssued: a ticket was made out to Peer by the issuer that the application calls N.
	// It is valid from Unix nanosecond From to Unix nanosecond To (0: for ever). Text says
	// who got it instead of Peer.
	AppIssued Kind = 84
	// AppStatus: the status of the application's producer Incarnation, or where that is 0
	// of its consumer of Stream, has N subscriptions, over which From datums went. To is 1
	// if it is online.
	AppStatus Kind = 85

	// SubProgress: the application of Peer has taken everything of Sub up to number To, as
	// its node reports; or, while the producer closes, the link took more for it; or the
	// application waits for what is on its way, and a packet of Peer arrived. That was N
	// nanoseconds ago. From is 1 if something waits for the application, as its node
	// reported last, and 0 if the application waits for datums.
	SubProgress Kind = 90

	// MissedUnknown: the consumer may miss datums of Peer, and how many is not known. Peer
	// offers the stream no more, and Incarnation, from number From on, did not end in
	// order; or Incarnation is another one than the one before (From is 0).
	MissedUnknown Kind = 91
	// AppMissed: the application's consumer Sub was told that it misses N datums, From..To,
	// of Peer's Incarnation. Text is "at most" if N is an upper bound, and "unknown" if
	// an unknown number may be missing too.
	AppMissed Kind = 92
	// StoreFailed: a value was not kept. Text is the error, which names its file.
	StoreFailed Kind = 93

	// HostCrashed, HostRestarted, ClockStepped, FaultBegan, FaultEnded are
	// told by the simulated world, not by a node; Text is the fault's text
	// form, N a step in nanoseconds.
	HostCrashed   Kind = 100
	HostRestarted Kind = 101
	ClockStepped  Kind = 102
	FaultBegan    Kind = 103
	FaultEnded    Kind = 104
	// Quiesced: no new faults from here on.
	Quiesced Kind = 105
)

var kinds = map[Kind]string{
	KindNone: "none", NodeStarted: "node.started", NodeStopped: "node.stopped", NodeClosing: "node.closing", Mark: "mark", CallbackPanicked: "callback.panicked", CallbackSlow: "callback.slow",
	SessionUp: "session.up", SessionDown: "session.down", SessionRefused: "session.refused",
	Dialling: "dialling", DialWithheld: "dial.withheld", SessionMeasured: "session.measured",
	SocketFailed: "socket.failed", SocketReopened: "socket.reopened", SendFailed: "send.failed", TransportFailed: "transport.failed",
	PeerDiscovered: "peer.discovered", PeerUpdated: "peer.updated", PeerDeparted: "peer.departed",
	EntryRefused: "entry.refused", EntryPublished: "entry.published", SyncStarted: "sync.started", SyncEnded: "sync.ended", Pinged: "pinged",
	PeerHidden: "peer.hidden", PeerReturned: "peer.returned", PeerSuspected: "peer.suspected",
	ProducerOpened: "producer.opened", ProducerClosed: "producer.closed",
	SubAccepted: "sub.accepted", SubRefused: "sub.refused", SubEnded: "sub.ended", SubExpiry: "sub.expiry", SubDraining: "sub.draining",
	Enqueued: "enqueued", Written: "written", Dropped: "dropped",
	ProducerOnline: "producer.online", ProducerOffline: "producer.offline", InputDropped: "input.dropped",
	EncodeFailed: "encode.failed", CriteriaFailed: "criteria.failed", Unmatched: "unmatched", ProducerClosing: "producer.closing", SubProgress: "sub.progress", MissedUnknown: "missed.unknown", AppMissed: "app.missed", HandshakeRefused: "handshake.refused", HandshakeBegan: "handshake.began", HandshakeEnded: "handshake.ended",
	StoreFailed:    "store.failed",
	ConsumerOpened: "consumer.opened", ConsumerClosed: "consumer.closed", Subscribing: "subscribing", Subscribed: "subscribed", Unsubscribed: "unsubscribed",
	Received: "received", Skipped: "skipped", ConsumerOnline: "consumer.online", ConsumerOffline: "consumer.offline", Discarded: "discarded", DecodeFailed: "decode.failed", Retrying: "retrying",
	AppSent: "app.sent", AppReceived: "app.received", AppRevoked: "app.revoked", AppAllowed: "app.allowed", AppIssued: "app.issued", AppStatus: "app.status",
	HostCrashed: "host.crashed", HostRestarted: "host.restarted", ClockStepped: "clock.stepped", FaultBegan: "fault.began", FaultEnded: "fault.ended", Quiesced: "quiesced",
}

// String gives the stable name of the kind, "kind(N)" for one of a newer
// version.
func (k Kind) String() string {
	if s, ok := kinds[k]; ok {
		return s
	}
	return fmt.Sprintf("kind(%d)", uint16(k))
}

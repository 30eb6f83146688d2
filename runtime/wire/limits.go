package wire

import "time"

// Limits of the wire, in bytes unless said otherwise. They bound what one peer
// can make another allocate; each is also the size up to which fuzzing goes.
const (
	// MaxDatum is the hard limit of one datum; a stream's own limit defaults
	// to DefaultDatum. 16 MiB is 64 default stream windows.
	MaxDatum     = 16 << 20
	DefaultDatum = 1 << 20

	// MaxMessage is the largest message of any link: a datum and its header.
	MaxMessage = MaxDatum + 64

	// MaxControl bounds a control message; MaxHandshake what an unproven peer
	// may send first on a link; MaxHello what it may send before it is anyone.
	MaxControl   = 64 << 10
	MaxHandshake = 4 << 10
	MaxHello     = 1 << 10

	// MaxProtocol bounds the name of a link's protocol.
	MaxProtocol = 64
)

// Defaults of sessions and links.
const (
	// LinkWindow is what a peer may have sent on one link before the receiver's
	// handler took it. It bounds the lag that the network hides, and caps a link at
	// window / round trip: 5 MB/s at 50 ms. Where a session has many links, new ones
	// get less, see Window.
	LinkWindow = 256 << 10
	// MinLinkWindow is the least that a link gets; WindowBudget is what the links of a
	// session share while each has more.
	MinLinkWindow = 4 << 10
	WindowBudget  = 8 << 20
	// LargeBudget bounds what a peer may have sent, on all links of a session together, over
	// the windows of the links, which it must for messages that are larger. Up to
	// AdvanceBudget of it is given before it is asked for, and the rest is enough for one
	// more message.
	AdvanceBudget = 8 << 20
	LargeBudget   = AdvanceBudget + MaxMessage + MessageCost
	// MessageCost is what each message costs of a window besides its bytes: the
	// receiver's slice that refers to it.
	MessageCost = 24
	// LinksPerPeer is how many links of one protocol one side may open on a session:
	// one for each subscription, if the peer offers as many streams as it may.
	// StrangerLinks is how many of all protocols a peer may that the node does not know.
	// SpareLinks is how many more of all protocols together, so that subscriptions,
	// however many, leave room for discovery.
	LinksPerPeer  = 4096
	SpareLinks    = 64
	StrangerLinks = 16
	// SendMessages and SendBytes bound a link's send queue, whichever is met
	// first; one message always fits an empty queue.
	SendMessages = 256
	SendBytes    = 256 << 10

	// DefaultHandshakeTimeout bounds the TLS handshake, DefaultHelloTimeout the hello,
	// DefaultLinkTimeout the answer to opening a link on a live session.
	DefaultHandshakeTimeout = 5 * time.Second
	DefaultHelloTimeout     = 5 * time.Second
	DefaultLinkTimeout      = 5 * time.Second
	// DefaultIdleTimeout ends a session of which nothing is heard; DefaultKeepAlive is how
	// often a quiet one speaks: three may be lost.
	DefaultIdleTimeout = 15 * time.Second
	DefaultKeepAlive   = 5 * time.Second
	// DefaultLinger is how long a session without links stays open for the next.
	DefaultLinger = 10 * time.Second
	// EvictAfter is how long a session must be without links to make room for another
	// where there is none: several round trips, in which a new one opens its first.
	EvictAfter = time.Second
	// ConnectAttempts bounds the opens of one link that lose against a
	// simultaneous dial.
	ConnectAttempts = 5
)

// Window returns the window of a link that is the n-th of its session, given the largest
// one, in bytes.
func Window(largest, n int) int {
	return min(largest, max(WindowBudget/max(n, 1), MinLinkWindow))
}

// Versions of the session protocol that this build speaks, lowest and highest.
const (
	VersionMin = 1
	VersionMax = 1
)

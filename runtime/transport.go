package runtime

import (
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Transport connects nodes. Its methods may be called from any strand.
//
// Two nodes share at most one session, however both dial and however often one
// restarts; all links between them run on it. A session without links closes
// after a while.
type Transport interface {
	// Local is the identity that peers authenticate this node by.
	Local() ident.PeerID
	// Addrs lists the addresses at which peers can reach this node, best first.
	Addrs() []string
	// SetKnown tells the transport how to find out whether a peer is known to the node,
	// which is when its catalog has an entry of it. Until then every peer is unknown.
	// Unknown peers share a few sessions and get few links. known is called from anywhere,
	// must not block and must not call the transport.
	SetKnown(known func(ident.PeerID) bool)
	// Listen hands each link that a peer opens for proto to accept, on s. The
	// link is silent until it is bound, and not open before that for the peer. The
	// number of unbound links is bounded; further ones are refused with Overloaded. A
	// protocol has one listener at a time.
	Listen(proto Protocol, s Strand, accept func(Link)) (stop func(), err error)
	// Dial opens a link for proto to peer, which must prove that identity, at
	// the first of addrs that answers. It returns at once; OnOpen or OnClosed
	// of h follows on s within a deadline that covers connection, hello,
	// stream credit and the peer's answer. Send is allowed before OnOpen.
	// Without addrs only a live session serves.
	Dial(peer ident.PeerID, addrs []string, proto Protocol, s Strand, h Handler) Link
	// OnFailure has f called on s, at most once, when the transport ends by itself: it cannot
	// get back what it needs of the machine, such as its socket. Every link ends then.
	OnFailure(s Strand, f func(error))
	// Drain drains all links, for at most max, then closes the sessions, the
	// listener and the socket, and posts done on s. New links are refused from
	// its start on. If a link was not drained in time, what is left ends with
	// wire.DrainTimeout.
	Drain(r wire.Reason, max time.Duration, s Strand, done func())
	// Close ends everything at once, with Cancelled.
	Close()
}

// Protocol is what a link speaks. Who listens and who dials each say how large a message
// may be, so that no transport has to be told: what Send takes is never too large for
// the link, and a peer can make this node hold no more of one message.
type Protocol struct {
	// Name is 1 to wire.MaxProtocol bytes, for example "smalti/stream/1". Both ends know it.
	Name string
	// MaxMessage bounds a message of either side, in bytes; 0 or more than that:
	// wire.MaxMessage. Link.Send refuses a longer one, and one of the peer ends the
	// link with TooLarge.
	MaxMessage int
}

// Limit returns how large a message may be, in bytes.
func (p Protocol) Limit() int {
	if p.MaxMessage <= 0 {
		return wire.MaxMessage
	}
	return min(p.MaxMessage, wire.MaxMessage)
}

// Check reports what is wrong with the name.
func (p Protocol) Check() error {
	if p.Name == "" || len(p.Name) > wire.MaxProtocol {
		return fmt.Errorf("protocol name of %d bytes, want 1 to %d: %w", len(p.Name), wire.MaxProtocol, wire.ProtocolViolation)
	}
	return nil
}

// Session is what is known of the authenticated association under a link. Its
// methods may be called from anywhere.
type Session interface {
	Peer() ident.PeerID
	// Instance names the run of the peer's process.
	Instance() wire.Instance
	// Exporter derives 32 bytes that both ends of this session, and nobody
	// else, can compute for the same label and context (RFC 8446, 7.5).
	Exporter(label string, context []byte) ([]byte, error)
	// RTT returns the transport's measurements of the round trip. If the latest one is
	// older than RTTStale, the call has a new one made.
	RTT() RTT
	// Quiet returns for how long no packet has arrived from the peer, acknowledgements
	// included. It may be too low by the interval of keep-alive pings.
	Quiet() time.Duration
}

// RTTStale is after what time a measurement of the round trip is made anew for a caller of
// Session.RTT. A side that only receives measures nothing by itself.
const RTTStale = time.Second

// RTT is a reading of a session's round-trip time. The zero value says that
// nothing was measured yet.
type RTT struct {
	Latest time.Duration // the most recent sample
	Min    time.Duration // the smallest sample of the session
	At     time.Duration // Clock.Mono when Latest was taken, or first seen; another sample has another At
}

// Link is a reliable, ordered, bidirectional channel of messages, for one
// protocol. Peer, Protocol and Session may be called from anywhere, all other
// methods on the link's strand only.
type Link interface {
	Peer() ident.PeerID
	Protocol() string
	// Session is nil until the link is open.
	Session() Session
	// Bind names the strand and the handler of everything that follows. An
	// acceptor binds a link once to hear the first message and may bind it
	// again from a callback, to hand it over to a worker: nothing is delivered
	// to the old handler after that, and nothing is lost.
	Bind(s Strand, h Handler)
	// Send queues messages in order, as many as the bounds on messages and
	// bytes allow, what the writer holds included, and returns how many. If
	// not all, the error is ErrFull (OnWritable will follow), TooLarge (this
	// message can never be sent), or ErrClosed. The link shares the messages:
	// they must not be modified any more. Send never blocks and never calls
	// back.
	Send(messages ...[]byte) (n int, err error)
	// Pause stops OnMessage: none comes after it returned, even from within
	// one batch. The peer's queue fills through flow control. OnClosed still
	// comes.
	Pause()
	// Resume undoes Pause.
	Resume()
	// More tells, within OnMessage, whether another message follows in the same
	// turn, unless this callback pauses, closes or binds the link: what came
	// together can be worked on together. A goodbye is no message. If the link
	// ends first, OnClosed is next, in a turn of its own: what was collected is
	// to be worked on there.
	More() bool
	// Close ends the link at once, whatever a write is doing, and discards
	// messages that were not sent or not received, here and there. The peer
	// learns the reason. Of several reasons the most severe wins until one is
	// on the wire. An acceptor refuses a link with Close, bound or not.
	Close(r wire.Reason)
	// Drain lets nothing more be sent, delivers what was sent, says goodbye
	// with r, and calls OnClosed once the peer's handler took the last
	// message. After max it becomes Close(wire.DrainTimeout), so that a peer which hears r
	// knows that it got everything. Close overrides it. Drain of a link that is not bound
	// is Close.
	Drain(r wire.Reason, max time.Duration)
}

// Handler hears of a link. Its methods run on the link's strand, one at a time:
// OnOpen first (for a dialled link only), then OnMessage and OnWritable, then
// OnClosed.
type Handler interface {
	OnOpen()
	// OnMessage gives the next message, which is the handler's: it may be kept and modified.
	OnMessage(message []byte)
	// OnWritable follows each ErrFull, once, when the queue is down to half of
	// both its bounds.
	OnWritable()
	// OnClosed comes exactly once and last. It is always posted, for a local
	// Close too.
	OnClosed(c Closed)
}

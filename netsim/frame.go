package netsim

import (
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

type peerID = ident.PeerID

func nanoseconds(d int64) time.Duration { return time.Duration(max(0, d)) }

// kind is what a frame says.
type kind uint8

// The kinds. Those of a session travel in its lane, those of a link in the
// link's; a reset and credit belong to a session, because they overtake data.
const (
	kInitial      kind = iota // dialler: the client's part of TLS
	kServer                   // acceptor: the server's part, its certificate
	kHello                    // dialler: the rest of TLS and its hello
	kAnswer                   // acceptor: its hello, or a refusal
	kProof                    // dialler: its second hello
	kWelcome                  // acceptor: its last word, the session is up
	kClose                    // CONNECTION_CLOSE
	kPing                     // keep-alive
	kConnCredit               // the connection window's new limit
	kLinkCredit               // a stream window's new limit
	kStreamCredit             // one more link may be opened
	kReset                    // a link's end, both ways

	kOpen    // opener: the protocol
	kAccept  // acceptor: the link is up
	kPart    // a piece of a message
	kMessage // the last piece of a message, or all of it
	kGoodbye // nothing follows, and why
	kFin     // the handler took everything up to the goodbye
)

// frame is what travels in a lane.
type frame struct {
	arrive int64 // lost: it must be sent again
	sent   int64 // when first, 0 after a loss: no sample of the round trip
	kind   kind
	reason wire.Reason
	size   int   // bytes that count against windows
	limit  int64 // of credit
	link   *Link // the sender's end; of kLinkCredit the receiver's
	msg    []byte
	hello  *wire.Hello
}

// lost is the time of arrival of what a block took.
const lost = -1

// headerSize is the length of a frame's header on a stream.
func headerSize(payload int) int {
	switch {
	case payload < 1<<5:
		return 1
	case payload < 1<<12:
		return 2
	case payload < 1<<19:
		return 3
	}
	return wire.MaxFrameHeader
}

// Sizes of frames on a stream, in bytes.
const (
	acceptSize  = 1
	goodbyeSize = 3
)

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
	kInitial kind = iota // dialler: the client's part of TLS
	kServer              // acceptor: the server's part, its certificate
	kHello               // dialler: the rest of TLS and its hello
	kAnswer              // acceptor: its hello, or a refusal
	kProof               // dialler: its second hello
	kWelcome             // acceptor: its last word, the session is up
	kClose               // CONNECTION_CLOSE
	kPing                // keep-alive
	kCredit              // what a link may send in all
	kReset               // a link's end, both ways

	kOpen    // opener: the protocol and its window
	kAccept  // acceptor: the link is up, and its window
	kWant    // the cost of the next message, which does not fit the window
	kPart    // a piece of a message
	kMessage // the last piece of a message, or all of it
	kGoodbye // nothing follows, and why
	kFin     // the handler took everything up to the goodbye
)

// frame is what travels in a lane.
type frame struct {
	arrive int64 // lost: it must be sent again
	own    int64 // the same, if it need not wait for those before it
	left   int64 // when it leaves the queue for the line
	sent   int64 // when first, 0 after a loss: no sample of the round trip
	missed bool  // it is lost or very late, and arrive may be that of a later transmission
	first  int64 // of those that missed, when it was sent first
	kind   kind
	reason wire.Reason
	size   int   // of a link's frame, in bytes
	limit  int64 // of credit, a window or a cost
	link   *Link // the sender's end; of kCredit the receiver's
	msg    []byte
	hello  *wire.Hello
}

// lost is the time of arrival of what a block took.
const lost = -1

// headerSize is the length of a frame's header: the number of the link, which is taken to be
// small, and the length of the payload.
func headerSize(payload int) int {
	switch {
	case payload < 1<<7:
		return 2
	case payload < 1<<14:
		return 3
	}
	return 4
}

// Sizes of frames, in bytes.
const (
	windowSize  = 3 // a number as large as a window
	acceptSize  = 2 + windowSize
	wantSize    = 2 + windowSize
	goodbyeSize = 4
)

package event

import (
	"fmt"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Event is one thing that one node did or noticed. The meaning of From, To, N
// and Text depends on Kind and is told there. The zero value of a field means
// that the kind does not use it.
type Event struct {
	Kind   Kind
	Reason wire.Reason    // why, where a kind ends or refuses something
	Wall   int64          // the node's wall clock, Unix nanoseconds
	Mono   int64          // the node's monotonic clock, nanoseconds since its start
	Node   ident.PeerID   // who reports
	Peer   ident.PeerID   // about whom
	Stream ident.StreamID // on which stream
	// Sub is the subscription, a number that is unique for the reporting
	// worker's incarnation; 0 where there is none.
	Sub uint64
	// Incarnation is the producer's incarnation; 0 where there is none.
	Incarnation uint64
	// From and To are a range of sequence numbers, both inclusive.
	From, To uint64
	// N is a count or another integer.
	N int64
	// Bytes is the size of the datums From..To together, as they were encoded.
	Bytes int64
	Text  string // short, for a name or an error
}

// String gives a one-line form for people; it is not parsed by anything.
func (e Event) String() string {
	s := e.Kind.String()
	if !e.Peer.IsZero() {
		s += " peer=" + e.Peer.Short()
	}
	if !e.Stream.IsZero() {
		s += " stream=" + e.Stream.Short()
	}
	if e.Sub != 0 {
		s += fmt.Sprintf(" sub=%d", e.Sub)
	}
	if e.From != 0 || e.To != 0 {
		s += fmt.Sprintf(" [%d..%d]", e.From, e.To)
	}
	if e.N != 0 {
		s += fmt.Sprintf(" n=%d", e.N)
	}
	if e.Bytes != 0 {
		s += fmt.Sprintf(" bytes=%d", e.Bytes)
	}
	if e.Reason != wire.None {
		s += " reason=" + e.Reason.String()
	}
	if e.Text != "" {
		s += " " + e.Text
	}
	return s
}

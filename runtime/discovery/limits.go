package discovery

import (
	"errors"
	"fmt"

	"github.com/smalti/smalti/runtime/ticket"
)

// Errors that entries and departures are refused with.
var (
	// ErrMalformed: the bytes are no entry or departure that any node signs.
	ErrMalformed = errors.New("malformed entry")
	// ErrSignature: the signature is not the peer's over these bytes.
	ErrSignature = errors.New("forged entry")
	// ErrDrift: the version lies too far in the future.
	ErrDrift = errors.New("entry from the future")
	// ErrAddress: an address cannot be that of a node.
	ErrAddress = errors.New("address out of place")
	// ErrEquivocation: a peer signed two entries of one version. One of them stands, the
	// same one everywhere.
	ErrEquivocation = errors.New("two entries of one version")
	// ErrSource: one peer told of more new peers than it may.
	ErrSource = errors.New("too many new peers from one source")
	// ErrCatalogFull: the catalog holds as many entries as it may.
	ErrCatalogFull = errors.New("catalog full")
)

// LimitError says which limit an entry is over.
type LimitError struct {
	What      string // for example "streams"
	Have, Max int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("entry over its limit of %s: %d, at most %d allowed (discovery.Config.Limits)", e.What, e.Have, e.Max)
}

// Limits bound one entry. They hold for what a node publishes and for what it
// takes, so the nodes of a network should agree on them.
type Limits struct {
	// Bytes bounds a signed entry, at most 60 KiB, so that it fits into one
	// message; by default 8 KiB, and 8 bytes more for each stream above 256.
	Bytes int
	// Tags, Streams, Tickets and Addrs bound the lists: 64, 256, 8 and 8 by
	// default, 256, 4096, 32 and 16 at most.
	Tags, Streams, Tickets, Addrs int
	// Ticket bounds the data of one ticket, in bytes: 2 KiB, 8 KiB at most.
	Ticket int
}

// defaultLimits and hardLimits: a limit of a node lies between 1 and the hard one.
var (
	defaultLimits = Limits{Bytes: 8 << 10, Tags: 64, Streams: 256, Tickets: 8, Addrs: 8, Ticket: ticket.DefaultData}
	hardLimits    = Limits{Bytes: 60 << 10, Tags: 256, Streams: 4096, Tickets: 32, Addrs: 16, Ticket: ticket.MaxData}
)

// limit is one line of a Limits: its name, what is chosen and what may be.
type limit struct {
	name           string
	value          *int
	standard, hard int
}

func (l *Limits) each() []limit {
	return []limit{
		{"bytes", &l.Bytes, defaultLimits.Bytes, hardLimits.Bytes},
		{"tags", &l.Tags, defaultLimits.Tags, hardLimits.Tags},
		{"streams", &l.Streams, defaultLimits.Streams, hardLimits.Streams},
		{"tickets", &l.Tickets, defaultLimits.Tickets, hardLimits.Tickets},
		{"addresses", &l.Addrs, defaultLimits.Addrs, hardLimits.Addrs},
		{"ticket bytes", &l.Ticket, defaultLimits.Ticket, hardLimits.Ticket},
	}
}

func (l Limits) withDefaults() Limits {
	bytes := l.Bytes
	for _, line := range l.each() {
		if *line.value == 0 {
			*line.value = line.standard
		}
	}
	if bytes == 0 {
		l.Bytes += max(0, l.Streams-defaultLimits.Streams) * prefixSize
	}
	return l
}

// validate gives all faults, joined.
func (l Limits) validate() error {
	var faults []error
	for _, line := range l.each() {
		if *line.value < 0 || *line.value > line.hard {
			faults = append(faults, fmt.Errorf("limit of %s is %d: want 1 to %d", line.name, *line.value, line.hard))
		}
	}
	return errors.Join(faults...)
}

// check tells whether a signed entry of size bytes keeps within l.
func (l Limits) check(e *Entry, size int) error {
	longest := 0
	for _, t := range e.Tickets {
		longest = max(longest, len(t.Data))
	}
	lines := [...]LimitError{
		{"bytes", size, l.Bytes},
		{"tags", len(e.Tags), l.Tags},
		{"streams", len(e.Streams), l.Streams},
		{"tickets", len(e.Tickets), l.Tickets},
		{"addresses", len(e.Addrs), l.Addrs},
		{"ticket bytes", longest, l.Ticket},
	}
	for i := range lines {
		if x := lines[i]; x.Have > x.Max {
			return &LimitError{x.What, x.Have, x.Max}
		}
	}
	return nil
}

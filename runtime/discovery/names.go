package discovery

import (
	"encoding/binary"
	"fmt"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// holding is one version of one peer's entry.
type holding struct {
	Peer             ident.PeerID
	Started, Updated int64
}

func (p *Peer) holding() holding {
	return holding{p.Entry.Peer, p.Entry.Version.Started, p.Entry.Version.Updated}
}

func (h holding) version() Version { return Version{h.Started, h.Updated} }

// names are versions of entries as they are on the wire: nameSize bytes each, which
// are the peer id, then started and updated, 8 bytes each. There are many of them, and
// CBOR would take ten times as long to read.
type names []byte

const nameSize = ident.Size + 16

func (n names) add(h holding) names {
	n = append(n, h.Peer[:]...)
	n = binary.BigEndian.AppendUint64(n, uint64(h.Started))
	return binary.BigEndian.AppendUint64(n, uint64(h.Updated))
}

func (n names) check() error {
	if len(n)%nameSize != 0 {
		return fmt.Errorf("names of %d bytes: %w", len(n), wire.ErrDecode)
	}
	return nil
}

func (n names) len() int { return len(n) / nameSize }

func (n names) at(i int) holding {
	b := n[i*nameSize:][:nameSize]
	return holding{
		Peer:    ident.PeerID(b[:ident.Size]),
		Started: int64(binary.BigEndian.Uint64(b[ident.Size:])),
		Updated: int64(binary.BigEndian.Uint64(b[ident.Size+8:])),
	}
}

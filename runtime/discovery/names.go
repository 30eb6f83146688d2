package discovery

import (
	"cmp"
	"encoding/binary"
	"fmt"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// holding names one entry of a peer.
type holding struct {
	Peer ident.PeerID
	Version
	Sum uint64 // the beginning of the hash of the exact bytes: a liar may sign two entries of one version
}

func (p *Peer) holding() holding { return p.held }

// compare orders the entries of one peer. Of two with one version, which no honest peer
// signs, that with the larger sum stands, so that all nodes end up with the same.
func (h holding) compare(o holding) int {
	return cmp.Or(h.Version.Compare(o.Version), cmp.Compare(h.Sum, o.Sum))
}

// names are holdings as they are on the wire: nameSize bytes each, which are the peer
// id, then started, updated and the first bytes of the hash, 8 each. There are many of them, and
// CBOR would take ten times as long to read.
type names []byte

const nameSize = ident.Size + 24

func (n names) add(h holding) names {
	n = append(n, h.Peer[:]...)
	n = binary.BigEndian.AppendUint64(n, uint64(h.Started))
	n = binary.BigEndian.AppendUint64(n, uint64(h.Updated))
	return binary.LittleEndian.AppendUint64(n, h.Sum)
}

// UnmarshalCBOR implements cbor.Unmarshaler for what passed the decoder's checks: they are
// a piece of the message itself.
func (n *names) UnmarshalCBOR(data []byte) error {
	size, body, ok := cborHead(data, cborBytes)
	if !ok || size != uint64(len(body)) {
		return fmt.Errorf("names are no byte string: %w", wire.ErrDecode)
	}
	*n = names(body[:size:size])
	return nil
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
	v := Version{int64(binary.BigEndian.Uint64(b[ident.Size:])), int64(binary.BigEndian.Uint64(b[ident.Size+8:]))}
	return holding{ident.PeerID(b[:ident.Size]), v, binary.LittleEndian.Uint64(b[ident.Size+16:])}
}

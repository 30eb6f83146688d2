package discovery

import (
	"encoding/binary"
	"fmt"

	"github.com/smalti/smalti/runtime/wire"
)

// blobs is a list of byte strings in a message. Decoded ones are pieces of the message
// itself, and not copies: most of what a node hears it has already.
type blobs [][]byte

// CBOR's major types (RFC 8949, section 3.1) of what is in a list.
const (
	cborBytes = 2
	cborArray = 4
)

// UnmarshalCBOR implements cbor.Unmarshaler for what passed the decoder's checks.
func (l *blobs) UnmarshalCBOR(data []byte) error {
	n, rest, ok := cborHead(data, cborArray)
	if !ok || n > uint64(len(rest)) {
		return fmt.Errorf("no list of byte strings: %w", wire.ErrDecode)
	}
	list := make(blobs, n)
	for i := range list {
		size, body, ok := cborHead(rest, cborBytes)
		if !ok || size > uint64(len(body)) {
			return fmt.Errorf("item %d of a list is no byte string: %w", i, wire.ErrDecode)
		}
		list[i], rest = body[:size:size], body[size:]
	}
	*l = list
	return nil
}

// cborHead reads the head of a data item of a major type: its argument, and what
// follows.
func cborHead(b []byte, major byte) (argument uint64, rest []byte, ok bool) {
	if len(b) == 0 || b[0]>>5 != major {
		return 0, nil, false
	}
	short, b := b[0]&31, b[1:]
	switch {
	case short < 24:
		return uint64(short), b, true
	case short == 24 && len(b) >= 1:
		return uint64(b[0]), b[1:], true
	case short == 25 && len(b) >= 2:
		return uint64(binary.BigEndian.Uint16(b)), b[2:], true
	case short == 26 && len(b) >= 4:
		return uint64(binary.BigEndian.Uint32(b)), b[4:], true
	case short == 27 && len(b) >= 8:
		return binary.BigEndian.Uint64(b), b[8:], true
	}
	return 0, nil, false
}

package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// FrameKind tells what a frame on a link's byte stream carries.
type FrameKind uint8

// The kinds of frames. A link begins with one open from the dialler and one
// accept from the acceptor; then messages flow both ways; a goodbye says that
// nothing follows and why.
const (
	FrameMessage FrameKind = 0 // payload: the message
	FrameGoodbye FrameKind = 1 // payload: the reason, big-endian uint16
	FrameOpen    FrameKind = 2 // payload: the protocol's name
	FrameAccept  FrameKind = 3 // no payload
)

// MaxFrameHeader is the longest header, in bytes: a uvarint of
// length<<2 | kind, at most MaxMessage<<2, which takes four bytes.
const MaxFrameHeader = 4

// ErrFrame is wrapped by the errors of ParseFrameHeader.
var ErrFrame = errors.New("malformed frame")

// AppendFrameHeader appends the header of a frame with a payload of size bytes.
func AppendFrameHeader(b []byte, kind FrameKind, size int) []byte {
	return binary.AppendUvarint(b, uint64(size)<<2|uint64(kind))
}

// ParseFrameHeader reads a header from the start of b and gives how many bytes
// it took. n is 0 when b is too short to tell. A payload above limit is
// TooLarge, everything else that no correct peer sends is ErrFrame.
func ParseFrameHeader(b []byte, limit int) (kind FrameKind, size, n int, err error) {
	v, n := binary.Uvarint(b[:min(len(b), MaxFrameHeader+1)])
	switch {
	case n == 0 && len(b) <= MaxFrameHeader:
		return 0, 0, 0, nil
	case n <= 0 || n > MaxFrameHeader:
		return 0, 0, 0, fmt.Errorf("parse frame: length over %d bytes: %w", MaxFrameHeader, ErrFrame)
	}
	kind = FrameKind(v & 3)
	if v>>2 > uint64(limit) {
		return kind, 0, n, fmt.Errorf("parse frame: payload of %d bytes, at most %d allowed: %w", v>>2, limit, TooLarge)
	}
	return kind, int(v >> 2), n, nil
}

// AppendGoodbye appends a whole goodbye frame.
func AppendGoodbye(b []byte, r Reason) []byte {
	return binary.BigEndian.AppendUint16(AppendFrameHeader(b, FrameGoodbye, 2), uint16(r))
}

// ParseGoodbye reads the payload of a goodbye frame. Bytes after the code are
// for later versions.
func ParseGoodbye(payload []byte) (Reason, error) {
	if len(payload) < 2 {
		return None, fmt.Errorf("parse goodbye: %d bytes: %w", len(payload), ErrFrame)
	}
	return Reason(binary.BigEndian.Uint16(payload)), nil
}

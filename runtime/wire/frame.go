package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// FrameKind tells what a frame on a stream carries.
type FrameKind uint8

// The kinds of frames. A link begins with an open from one side and an accept from the
// other; then messages flow both ways. It ends with a reset from either side, at once, or
// in order: a goodbye says that nothing follows and why, and done that everything up to the
// other side's goodbye was taken.
const (
	FrameMessage FrameKind = 0  // the message
	FramePart    FrameKind = 1  // a part of a message; the first one begins with its length, a uvarint
	FrameOpen    FrameKind = 2  // the sender's window for the link, a uvarint, and the protocol's name
	FrameAccept  FrameKind = 3  // the sender's window, a uvarint
	FrameCredit  FrameKind = 4  // by how many bytes the window moves on, a uvarint
	FrameWant    FrameKind = 5  // the length of the next message, which is larger than the window, a uvarint
	FrameGoodbye FrameKind = 6  // the reason, a big-endian uint16
	FrameDone    FrameKind = 7  // nothing
	FrameReset   FrameKind = 8  // the reason, a big-endian uint16
	FramePing    FrameKind = 9  // up to MaxPing bytes, which the answer repeats
	FramePong    FrameKind = 10 // the same bytes
)

const (
	// MaxFrame bounds the payload of a frame: a datum of 64 KiB and its header. Longer
	// messages come in parts, so that other links have their turn in between.
	MaxFrame = 64<<10 + 64
	// MaxFrameHeader is the longest header, in bytes: the number of a link, of which
	// there are less than 2^38 in the life of a stream, with the kind in 4 bits, and the
	// length of the payload.
	MaxFrameHeader = 6 + 3
	// MaxPing bounds the payload of a ping, in bytes.
	MaxPing = 2 << 10
)

// ErrFrame is wrapped by the errors of ParseFrameHeader.
var ErrFrame = errors.New("malformed frame")

// AppendFrameHeader appends the header of a frame of a link with a payload of size bytes.
// Frames of the session itself have link 0.
func AppendFrameHeader(b []byte, link uint64, kind FrameKind, size int) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, link<<4|uint64(kind)), uint64(size))
}

// AppendFrame appends a whole frame.
func AppendFrame(b []byte, link uint64, kind FrameKind, payload []byte) []byte {
	return append(AppendFrameHeader(b, link, kind, len(payload)), payload...)
}

// AppendUvarintFrame appends a whole frame whose payload is a number.
func AppendUvarintFrame(b []byte, link uint64, kind FrameKind, n uint64) []byte {
	var payload [binary.MaxVarintLen64]byte
	return AppendFrame(b, link, kind, payload[:binary.PutUvarint(payload[:], n)])
}

// AppendReasonFrame appends a whole goodbye or reset.
func AppendReasonFrame(b []byte, link uint64, kind FrameKind, r Reason) []byte {
	return binary.BigEndian.AppendUint16(AppendFrameHeader(b, link, kind, 2), uint16(r))
}

// FrameHeader is what a frame begins with.
type FrameHeader struct {
	Link uint64
	Kind FrameKind
	Size int // of the payload
	Len  int // of the header itself; 0: the bytes end within it
}

// ParseFrameHeader reads a header from the start of b. A payload above limit is TooLarge,
// everything else that no correct peer sends is ErrFrame.
func ParseFrameHeader(b []byte, limit int) (h FrameHeader, err error) {
	first, n := binary.Uvarint(b[:min(len(b), MaxFrameHeader)])
	if n <= 0 || n > 6 {
		return h, short(b, n)
	}
	size, m := binary.Uvarint(b[n:min(len(b), MaxFrameHeader)])
	if m <= 0 || m > 3 {
		return h, short(b, m)
	}
	h = FrameHeader{Link: first >> 4, Kind: FrameKind(first & 15)}
	if size > uint64(limit) {
		return h, fmt.Errorf("parse frame: payload of %d bytes, at most %d allowed: %w", size, limit, TooLarge)
	}
	h.Size, h.Len = int(size), n+m
	return h, nil
}

// short returns the error of a number that did not end, nil if more bytes may follow.
func short(b []byte, n int) error {
	if n == 0 && len(b) < MaxFrameHeader {
		return nil
	}
	return fmt.Errorf("parse frame: header over %d bytes: %w", MaxFrameHeader, ErrFrame)
}

// ParseUvarint reads a number from the start of a frame's payload, and returns what follows.
func ParseUvarint(payload []byte) (n uint64, rest []byte, err error) {
	n, size := binary.Uvarint(payload)
	if size <= 0 {
		return 0, nil, fmt.Errorf("parse frame: no number in %d bytes: %w", len(payload), ErrFrame)
	}
	return n, payload[size:], nil
}

// ParseReasonPayload reads the payload of a goodbye or a reset. Bytes after the code are
// for later versions.
func ParseReasonPayload(payload []byte) (Reason, error) {
	if len(payload) < 2 {
		return None, fmt.Errorf("parse reason: %d bytes: %w", len(payload), ErrFrame)
	}
	return Reason(binary.BigEndian.Uint16(payload)), nil
}

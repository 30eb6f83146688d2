package stream

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Protocol is the name of the links of this package.
const Protocol = "smalti/stream/1"

// version is the highest version of this protocol that this build speaks, and the
// lowest.
const version = 1

// subscribe is the consumer's first message. Its version is the highest that the
// consumer speaks.
type subscribe struct {
	Version  uint16         `cbor:"1,keyasint"`
	Stream   ident.StreamID `cbor:"2,keyasint"`
	Criteria string         `cbor:"3,keyasint,omitempty"` // empty: every datum
	MaxDatum uint32         `cbor:"4,keyasint,omitempty"` // bytes that the consumer's node takes; 0: wire.DefaultDatum
	Consumer uint64         `cbor:"5,keyasint,omitempty"` // names the consumer among those of its node; 0: it has no name
}

// maxDatum returns the largest datum that the consumer takes, in bytes.
func (s subscribe) maxDatum() int {
	if s.MaxDatum == 0 {
		return wire.DefaultDatum
	}
	return int(min(s.MaxDatum, wire.MaxDatum))
}

// newSubscribe returns the message of a consumer that takes datums of maxDatum bytes.
func newSubscribe(id ident.StreamID, criteria string, maxDatum int, consumer uint64) subscribe {
	m := subscribe{Version: version, Stream: id, Criteria: criteria, Consumer: consumer}
	if maxDatum != wire.DefaultDatum {
		m.MaxDatum = uint32(maxDatum)
	}
	return m
}

// start is the producer's first message: the version that is spoken, the highest
// that both sides do, which incarnation speaks, the sequence number of the first
// datum that the consumer may get, how often, in milliseconds, the consumer
// reports its progress (0: never), which incarnation was the one before on this
// node (0: none, or it is not known), and the sequence number of the first datum that
// was meant for the consumer, if it was admitted before and may not have heard of it (0:
// that is Next).
type start struct {
	Version       uint16 `cbor:"1,keyasint"`
	Incarnation   uint64 `cbor:"2,keyasint"`
	Next          uint64 `cbor:"3,keyasint"`
	ProgressEvery uint32 `cbor:"4,keyasint,omitempty"`
	Before        uint64 `cbor:"5,keyasint,omitempty"`
	First         uint64 `cbor:"6,keyasint,omitempty"`
}

// lastNumber is the largest sequence number, so that a count of datums fits the N of an event.
const lastNumber = math.MaxInt64

// The first byte of the producer's messages. Sequence numbers are big-endian
// and begin with 1; lastNumber is the largest. Further kinds are of later versions
// and passed over, so whoever sends one must not count on its being read.
const (
	frameStart = 0 // CBOR of start
	frameDatum = 1 // sequence number, then the payload
	frameGap   = 2 // the first and the last sequence number of a gap, and how many datums are missing there
)

// frameProgress is the first byte of the consumer's messages after subscribe. It says
// that the application took something, and in 8 bytes the sequence number of the last
// datum or gap of this subscription that it took. A number that does not grow means
// that it took what stands before the subscription's datums in the consumer's queue.
// Further kinds belong to later versions and are ignored.
const (
	frameProgress = 1 // nothing of the producer waits for the application
	frameWaiting  = 2 // something does
)

// progressSize is the length of a progress message, in bytes.
const progressSize = 1 + 8

// datumHeader is how many bytes stand before a datum's payload, gapSize how
// many a gap has.
const (
	datumHeader = 1 + 8
	gapSize     = 1 + 8 + 8 + 8
)

// report is what a consumer tells of its application: the number of the last datum or gap
// that it took, and whether it has not taken all that has arrived.
type report struct {
	consumed uint64
	waits    bool
}

func (r report) encode() []byte {
	kind := byte(frameProgress)
	if r.waits {
		kind = frameWaiting
	}
	return binary.BigEndian.AppendUint64([]byte{kind}, r.consumed)
}

// decodeReport decodes a message of a consumer. known is false for a kind of message of a
// later version.
func decodeReport(b []byte) (r report, known bool, err error) {
	known = len(b) > 0 && (b[0] == frameProgress || b[0] == frameWaiting)
	switch {
	case known && len(b) == progressSize:
		return report{binary.BigEndian.Uint64(b[1:]), b[0] == frameWaiting}, true, nil
	case !known && len(b) > 0 && len(b) <= wire.MaxHandshake:
		return report{}, false, nil
	default:
		return report{}, false, fmt.Errorf("decode progress: %d bytes: %w", len(b), wire.ErrDecode)
	}
}

func encodeStart(s start) []byte {
	return append([]byte{frameStart}, wire.MustMarshal(s)...)
}

// frameSeq gives the sequence number of a datum's frame.
func frameSeq(frame []byte) uint64 { return binary.BigEndian.Uint64(frame[1:datumHeader]) }

// lastSeq returns the number of a datum's frame, or the last one of a gap's.
func lastSeq(frame []byte) uint64 {
	if frame[0] == frameGap {
		return readGap(frame).to
	}
	return frameSeq(frame)
}

// payloadBytes is the size of what frames of datums carry.
func payloadBytes(frames [][]byte) (n int64) {
	for _, f := range frames {
		n += int64(len(f) - datumHeader)
	}
	return n
}

// framePayload gives the encoding that a datum's frame carries.
func framePayload(frame []byte) []byte { return frame[datumHeader:] }

// message is a producer's message, decoded. The payload aliases the frame. Of an
// unknown kind nothing more is known.
type message struct {
	kind    byte
	start   start
	gap     // of a datum, its number and a count of 1
	payload []byte
}

// unknown tells whether the message is of a kind of later versions.
func (m *message) unknown() bool { return m.kind > frameGap }

func decodeSubscribe(b []byte) (subscribe, error) {
	var s subscribe
	err := wire.Unmarshal(b, wire.MaxHandshake, &s)
	return s, err
}

func decodeMessage(b []byte) (message, error) {
	if len(b) == 0 {
		return message{}, fmt.Errorf("decode stream message: empty: %w", wire.ErrDecode)
	}
	m := message{kind: b[0]}
	switch m.kind {
	case frameStart:
		var s start // of its own: a pointer into m would put every message on the heap
		err := wire.Unmarshal(b[1:], wire.MaxHandshake, &s)
		m.start = s
		return m, err
	case frameDatum:
		if len(b) < datumHeader {
			return m, fmt.Errorf("decode datum: %d bytes: %w", len(b), wire.ErrDecode)
		}
		m.gap = gap{frameSeq(b), frameSeq(b), 1}
		m.payload = framePayload(b)
	case frameGap:
		if len(b) != gapSize {
			return m, fmt.Errorf("decode gap: %d bytes: %w", len(b), wire.ErrDecode)
		}
		m.gap = readGap(b)
	default:
		return m, nil
	}
	if m.from == 0 || m.from > m.to || m.to > lastNumber || m.count == 0 || m.count > m.to-m.from+1 {
		return m, fmt.Errorf("decode stream message: %d datums of numbers %d to %d: %w", m.count, m.from, m.to, wire.ErrDecode)
	}
	return m, nil
}

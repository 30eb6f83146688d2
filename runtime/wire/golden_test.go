package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/internal/golden"
	"github.com/smalti/smalti/internal/next"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

func TestHellosKeepTheirBytes(t *testing.T) {
	dialler, acceptor := ident.KeyFromSeed([32]byte{1}).PeerID(), ident.KeyFromSeed([32]byte{2}).PeerID()
	hello := wire.Hello{VersionMin: 1, VersionMax: 1, Network: ident.Network("golden"), Instance: wire.Instance{3, 15: 4}}
	proven, refused, offering := hello, hello, hello
	proven.Proof = wire.Secret{5}.Proof(wire.Acceptor, dialler, acceptor, hello.Network, bytes.Repeat([]byte{6}, 32))
	refused.Refused = wire.Overloaded
	offering.VersionMax = next.VersionMax
	golden.Covered(t, hello, proven, refused)
	reads := func(want wire.Hello) func(*testing.T, []byte) {
		return func(t *testing.T, b []byte) {
			got, err := wire.ParseHello(b)
			if diff := cmp.Diff(got, want); diff != "" || err != nil {
				t.Errorf("%v (-got +want):\n%s", err, diff)
			}
			if v, err := wire.Negotiate(hello, got); v != 1 || err != nil {
				t.Errorf("agreed on version %d, %v; want 1", v, err)
			}
		}
	}
	framed := func(link uint64, kind wire.FrameKind, payload []byte) func(*testing.T, []byte) {
		return func(t *testing.T, b []byte) {
			h, err := wire.ParseFrameHeader(b, wire.MaxFrame)
			if want := (wire.FrameHeader{Link: link, Kind: kind, Size: len(payload), Len: len(b) - len(payload)}); err != nil || h != want || !bytes.Equal(b[h.Len:], payload) {
				t.Errorf("got %+v, %q, %v; want %+v, %q", h, b[h.Len:], err, want, payload)
			}
		}
	}
	reason := func(kind wire.FrameKind, want wire.Reason) func(*testing.T, []byte) {
		return func(t *testing.T, b []byte) {
			h, err := wire.ParseFrameHeader(b, wire.MaxFrame)
			if err != nil || h.Kind != kind || h.Len+h.Size != len(b) {
				t.Fatalf("got %+v, %v; want kind %d", h, err, kind)
			}
			if r, err := wire.ParseReasonPayload(b[h.Len:]); r != want || err != nil {
				t.Errorf("got %s, %v; want %s", r, err, want)
			}
		}
	}
	number := func(kind wire.FrameKind, want uint64) func(*testing.T, []byte) {
		return func(t *testing.T, b []byte) {
			h, err := wire.ParseFrameHeader(b, wire.MaxFrame)
			n, rest, nerr := wire.ParseUvarint(b[h.Len:])
			if err != nil || nerr != nil || h.Kind != kind || n != want || len(rest) != 0 {
				t.Errorf("got %+v, %d, %v, %v; want kind %d, %d", h, n, err, nerr, kind, want)
			}
		}
	}
	open := append(binary.AppendUvarint(nil, wire.LinkWindow), "smalti/stream/1"...)
	const added wire.Reason = 0xfff0 // by a later version
	golden.Check(t,
		golden.Message{Name: "hello", Bytes: wire.MustMarshal(hello), Read: reads(hello)},
		golden.Message{Name: "hello-proof", Bytes: wire.MustMarshal(proven), Read: reads(proven)},
		golden.Message{Name: "hello-refused", Bytes: wire.MustMarshal(refused), Read: reads(refused)},
		golden.Message{Name: "hello-next", Bytes: next.Extend(wire.MustMarshal(offering)), Read: reads(offering)},
		golden.Message{Name: "frame-message", Bytes: wire.AppendFrame(nil, 3, wire.FrameMessage, []byte("message")), Read: framed(3, wire.FrameMessage, []byte("message"))},
		golden.Message{Name: "frame-part", Bytes: wire.AppendFrame(nil, 3, wire.FramePart, []byte("part")), Read: framed(3, wire.FramePart, []byte("part"))},
		golden.Message{Name: "frame-open", Bytes: wire.AppendFrame(nil, 3, wire.FrameOpen, open), Read: framed(3, wire.FrameOpen, open)},
		golden.Message{Name: "frame-accept", Bytes: wire.AppendUvarintFrame(nil, 3, wire.FrameAccept, wire.LinkWindow), Read: number(wire.FrameAccept, wire.LinkWindow)},
		golden.Message{Name: "frame-credit", Bytes: wire.AppendUvarintFrame(nil, 3, wire.FrameCredit, 70_000), Read: number(wire.FrameCredit, 70_000)},
		golden.Message{Name: "frame-want", Bytes: wire.AppendUvarintFrame(nil, 3, wire.FrameWant, 1<<20), Read: number(wire.FrameWant, 1<<20)},
		golden.Message{Name: "frame-goodbye", Bytes: wire.AppendReasonFrame(nil, 3, wire.FrameGoodbye, wire.TooSlow), Read: reason(wire.FrameGoodbye, wire.TooSlow)},
		golden.Message{Name: "frame-goodbye-next", Bytes: wire.AppendFrame(nil, 3, wire.FrameGoodbye, []byte{0xff, 0xf0, 7, 7, 7}), Read: reason(wire.FrameGoodbye, added)},
		golden.Message{Name: "frame-done", Bytes: wire.AppendFrame(nil, 3, wire.FrameDone, nil), Read: framed(3, wire.FrameDone, nil)},
		golden.Message{Name: "frame-reset", Bytes: wire.AppendReasonFrame(nil, 3, wire.FrameReset, wire.Expired), Read: reason(wire.FrameReset, wire.Expired)},
		golden.Message{Name: "frame-reset-next", Bytes: wire.AppendFrame(nil, 3, wire.FrameReset, []byte{0xff, 0xf0, 7, 7, 7}), Read: reason(wire.FrameReset, added)},
		golden.Message{Name: "frame-ping", Bytes: wire.AppendFrame(nil, 0, wire.FramePing, []byte{1, 2, 3, 4, 5, 6, 7, 8}), Read: framed(0, wire.FramePing, []byte{1, 2, 3, 4, 5, 6, 7, 8})},
		golden.Message{Name: "frame-pong", Bytes: wire.AppendFrame(nil, 0, wire.FramePong, []byte{1, 2, 3, 4, 5, 6, 7, 8}), Read: framed(0, wire.FramePong, []byte{1, 2, 3, 4, 5, 6, 7, 8})},
		golden.Message{Name: "frame-header-largest", Bytes: wire.AppendFrameHeader(nil, 1<<38-1, wire.FrameReset, wire.MaxFrame), Read: func(t *testing.T, b []byte) {
			h, err := wire.ParseFrameHeader(b, wire.MaxFrame)
			if want := (wire.FrameHeader{Link: 1<<38 - 1, Kind: wire.FrameReset, Size: wire.MaxFrame, Len: wire.MaxFrameHeader}); err != nil || h != want {
				t.Errorf("got %+v, %v; want %+v", h, err, want)
			}
			if _, err := wire.ParseFrameHeader(b, wire.MaxFrame-1); !errors.Is(err, wire.TooLarge) {
				t.Errorf("over the limit: %v", err)
			}
		}},
	)
}

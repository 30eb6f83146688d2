package wire_test

import (
	"bytes"
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
	frame := func(kind wire.FrameKind, payload []byte) []byte {
		return append(wire.AppendFrameHeader(nil, kind, len(payload)), payload...)
	}
	framed := func(kind wire.FrameKind, payload string) func(*testing.T, []byte) {
		return func(t *testing.T, b []byte) {
			got, size, n, err := wire.ParseFrameHeader(b, wire.MaxMessage)
			if err != nil || got != kind || size != len(payload) || string(b[n:]) != payload {
				t.Errorf("got kind %d, %d bytes, %q, %v; want %d, %q", got, size, b[n:], err, kind, payload)
			}
		}
	}
	goodbye := func(want wire.Reason) func(*testing.T, []byte) {
		return func(t *testing.T, b []byte) {
			kind, size, n, err := wire.ParseFrameHeader(b, wire.MaxHello)
			if err != nil || kind != wire.FrameGoodbye || n+size != len(b) {
				t.Fatalf("got kind %d, %d bytes, %v; want a goodbye", kind, size, err)
			}
			if r, err := wire.ParseGoodbye(b[n:]); r != want || err != nil {
				t.Errorf("got %s, %v; want %s", r, err, want)
			}
		}
	}
	const added wire.Reason = 0xfff0 // by a later version
	golden.Check(t,
		golden.Message{Name: "hello", Bytes: wire.MustMarshal(hello), Read: reads(hello)},
		golden.Message{Name: "hello-proof", Bytes: wire.MustMarshal(proven), Read: reads(proven)},
		golden.Message{Name: "hello-refused", Bytes: wire.MustMarshal(refused), Read: reads(refused)},
		golden.Message{Name: "hello-next", Bytes: next.Extend(wire.MustMarshal(offering)), Read: reads(offering)},
		golden.Message{Name: "frame-message", Bytes: frame(wire.FrameMessage, []byte("message")), Read: framed(wire.FrameMessage, "message")},
		golden.Message{Name: "frame-open", Bytes: frame(wire.FrameOpen, []byte("smalti/stream/1")), Read: framed(wire.FrameOpen, "smalti/stream/1")},
		golden.Message{Name: "frame-accept", Bytes: frame(wire.FrameAccept, nil), Read: framed(wire.FrameAccept, "")},
		golden.Message{Name: "frame-goodbye", Bytes: wire.AppendGoodbye(nil, wire.TooSlow), Read: goodbye(wire.TooSlow)},
		golden.Message{Name: "frame-goodbye-next", Bytes: frame(wire.FrameGoodbye, []byte{0xff, 0xf0, 7, 7, 7}), Read: goodbye(added)},
		golden.Message{Name: "frame-header-largest", Bytes: wire.AppendFrameHeader(nil, wire.FrameMessage, wire.MaxMessage), Read: func(t *testing.T, b []byte) {
			kind, size, n, err := wire.ParseFrameHeader(b, wire.MaxMessage)
			if err != nil || kind != wire.FrameMessage || size != wire.MaxMessage || n != len(b) {
				t.Errorf("got kind %d, %d bytes, header of %d, %v", kind, size, n, err)
			}
			if _, _, _, err := wire.ParseFrameHeader(b, wire.MaxMessage-1); !errors.Is(err, wire.TooLarge) {
				t.Errorf("over the limit: %v", err)
			}
		}},
	)
}

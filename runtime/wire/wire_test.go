package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

func TestReasonsAreUniqueAndOrdered(t *testing.T) {
	names := map[string]bool{}
	last := -1
	for _, r := range wire.Reasons() {
		if int(r) <= last {
			t.Errorf("code %d follows %d: keep the list in order", r, last)
		}
		last = int(r)
		if names[r.String()] {
			t.Errorf("name %q stands twice", r)
		}
		names[r.String()] = true
		if back, ok := wire.ParseReason(r.String()); !ok || back != r {
			t.Errorf("ParseReason(%q) = %d, %v", r, back, ok)
		}
	}
}

// The codes are on the wire and in dashboards: this table is only ever added to.
func TestReasonCodesAreStable(t *testing.T) {
	for r, code := range map[wire.Reason]uint16{
		wire.Cancelled: 1, wire.GracefulShutdown: 2, wire.Finished: 3, wire.UnexpectedClose: 100, wire.IdleTimeout: 101,
		wire.ProtocolViolation: 104, wire.WrongIdentity: 200, wire.NotMember: 202, wire.Replaced: 204, wire.Duplicate: 207,
		wire.UnknownPeer: 300, wire.StreamNotFound: 301, wire.NotAllowed: 302, wire.Expired: 303, wire.NoCapacity: 307, wire.TooSlow: 308,
	} {
		if uint16(r) != code {
			t.Errorf("%s has code %d, want %d", r, uint16(r), code)
		}
	}
}

func TestMostSevereReasonWins(t *testing.T) {
	if got := wire.TooSlow.Worst(wire.NotAllowed); got != wire.NotAllowed {
		t.Errorf("TooSlow, then NotAllowed: %s", got)
	}
	if got := wire.NotAllowed.Worst(wire.TooSlow); got != wire.NotAllowed {
		t.Errorf("NotAllowed, then TooSlow: %s", got)
	}
	if !errors.Is(fmt.Errorf("send: %w", wire.TooSlow), wire.TooSlow) {
		t.Error("a wrapped reason is not found by errors.Is")
	}
}

func TestFrameHeaderRoundTrips(t *testing.T) {
	for _, size := range []int{0, 1, 127, 128, 1 << 14, wire.MaxFrame} {
		for _, link := range []uint64{0, 1, 7, 8, 1 << 20, 1<<38 - 1} {
			for kind := wire.FrameMessage; kind <= wire.FramePong; kind++ {
				b := wire.AppendFrameHeader(nil, link, kind, size)
				h, err := wire.ParseFrameHeader(b, wire.MaxFrame)
				if want := (wire.FrameHeader{Link: link, Kind: kind, Size: size, Len: len(b)}); err != nil || h != want {
					t.Errorf("got %+v, %v; want %+v", h, err, want)
				}
				for cut := range len(b) {
					if h, err := wire.ParseFrameHeader(b[:cut], wire.MaxFrame); h.Len != 0 || err != nil {
						t.Errorf("%d of %d header bytes: %+v, %v, want to be asked for more", cut, len(b), h, err)
					}
				}
			}
		}
	}
}

func TestFrameHeaderRefusesWhatNoPeerSends(t *testing.T) {
	if _, err := wire.ParseFrameHeader(wire.AppendFrameHeader(nil, 1, 0, 1001), 1000); !errors.Is(err, wire.TooLarge) {
		t.Errorf("payload over the limit: %v, want TooLarge", err)
	}
	for what, b := range map[string][]byte{
		"endless number": bytes.Repeat([]byte{0xff}, 11), "number of a link over its limit": wire.AppendFrameHeader(nil, 1<<38, 0, 0),
		"endless length": append([]byte{16}, bytes.Repeat([]byte{0xff}, 11)...), "length over three bytes": append([]byte{16}, 0x80, 0x80, 0x80, 0x01),
	} {
		if h, err := wire.ParseFrameHeader(b, 1<<30); !errors.Is(err, wire.ErrFrame) {
			t.Errorf("%s: %+v, %v, want ErrFrame", what, h, err)
		}
	}
}

func TestWindowsShrinkWithTheirNumber(t *testing.T) {
	for n, want := range map[int]int{0: wire.LinkWindow, 1: wire.LinkWindow, 32: wire.LinkWindow, 64: wire.LinkWindow / 2, 2048: wire.MinLinkWindow, 10_000: wire.MinLinkWindow} {
		if got := wire.Window(wire.LinkWindow, n); got != want {
			t.Errorf("link %d gets a window of %d, want %d", n, got, want)
		}
	}
	if got := wire.Window(100, 10_000); got != 100 {
		t.Errorf("a window of 100 became %d", got)
	}
	total := 0
	for n := range 2 * wire.LinksPerPeer {
		total += wire.Window(wire.LinkWindow, n+1)
	}
	if total > 66<<20 {
		t.Errorf("all windows of a session together are %d bytes, the documents say 66 MiB at most", total)
	}
}

func FuzzFrameHeader(f *testing.F) {
	f.Add([]byte{}, 10)
	f.Add(wire.AppendFrameHeader(nil, 5, wire.FrameGoodbye, 2), 10)
	f.Add(bytes.Repeat([]byte{0x80}, 12), 1<<20)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		limit = max(0, min(limit, wire.MaxMessage))
		h, err := wire.ParseFrameHeader(b, limit)
		if err == nil && (h.Size < 0 || h.Size > limit || h.Len < 0 || h.Len > len(b) || h.Len > wire.MaxFrameHeader || h.Kind > 15) {
			t.Fatalf("%+v of %d bytes under limit %d", h, len(b), limit)
		}
	})
}

func FuzzHello(f *testing.F) {
	f.Add(wire.MustMarshal(wire.Hello{VersionMin: 1, VersionMax: 2, Proof: []byte{1}}))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := wire.ParseHello(b)
		if err != nil {
			return
		}
		again, err := wire.ParseHello(wire.MustMarshal(h))
		if err != nil || again.Instance != h.Instance || again.Network != h.Network {
			t.Fatalf("decoded hello does not survive: %v", err)
		}
	})
}

func TestUnmarshalRefusesAmbiguousCBOR(t *testing.T) {
	var h wire.Hello
	for name, b := range map[string][]byte{
		"duplicate key":     {0xa2, 0x01, 0x01, 0x01, 0x02},
		"indefinite length": {0xbf, 0x01, 0x01, 0xff},
		"tag":               {0xa1, 0x01, 0xc1, 0x01},
		"unknown tag":       {0xa1, 0x18, 0x63, 0xc1, 0x01}, // in a field that is passed over
		"trailing bytes":    {0xa0, 0x00},
		"truncated":         {0xa1, 0x01},
		"nothing":           {},
	} {
		if err := wire.Unmarshal(b, 64, &h); !errors.Is(err, wire.ErrDecode) {
			t.Errorf("%s: %v, want ErrDecode", name, err)
		}
	}
	if err := wire.Unmarshal(make([]byte, 65), 64, &h); !errors.Is(err, wire.ErrDecode) {
		t.Errorf("over the limit: %v, want ErrDecode", err)
	}
}

func TestProofIsBoundToRolePeersNetworkAndConnection(t *testing.T) {
	secret := wire.Secret{1}
	a, b := ident.PeerID{1}, ident.PeerID{2}
	n := ident.Network("n")
	exporter := []byte("connection 1")
	proof := secret.Proof(wire.Dialler, a, b, n, exporter)
	rotated := []wire.Secret{{9}, secret}
	if !wire.CheckProof(rotated, proof, wire.Dialler, a, b, n, exporter) {
		t.Fatal("own proof refused while two secrets are accepted")
	}
	for name, ok := range map[string]bool{
		"other role":       wire.CheckProof(rotated, proof, wire.Acceptor, a, b, n, exporter),
		"swapped peers":    wire.CheckProof(rotated, proof, wire.Dialler, b, a, n, exporter),
		"other network":    wire.CheckProof(rotated, proof, wire.Dialler, a, b, ident.Network("m"), exporter),
		"other connection": wire.CheckProof(rotated, proof, wire.Dialler, a, b, n, []byte("connection 2")),
		"other secret":     wire.CheckProof([]wire.Secret{{9}}, proof, wire.Dialler, a, b, n, exporter),
		"no proof":         wire.CheckProof(rotated, nil, wire.Dialler, a, b, n, exporter),
	} {
		if ok {
			t.Errorf("%s: proof accepted", name)
		}
	}
}

func TestNegotiatePicksTheHighestCommonVersion(t *testing.T) {
	hello := func(low, high uint16) wire.Hello { return wire.Hello{VersionMin: low, VersionMax: high} }
	if v, err := wire.Negotiate(hello(1, 3), hello(2, 5)); v != 3 || err != nil {
		t.Errorf("1-3 with 2-5: %d, %v, want 3", v, err)
	}
	_, err := wire.Negotiate(hello(1, 1), hello(2, 2))
	if !errors.Is(err, wire.VersionMismatch) || !bytes.Contains([]byte(err.Error()), []byte("1 to 1")) {
		t.Errorf("1-1 with 2-2: %v, want VersionMismatch with both ranges", err)
	}
}

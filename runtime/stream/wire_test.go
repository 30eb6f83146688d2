package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

func FuzzDecodeMessage(f *testing.F) {
	skipped := gap{3, 5, 2}.frame()
	datum := append([]byte{frameDatum, 0, 0, 0, 0, 0, 0, 0, 1}, "datum"...)
	for _, seed := range [][]byte{encodeStart(start{Version: version, Incarnation: 1, Next: 1}), datum, skipped, nil, {3}} {
		f.Add(seed)
	}
	for _, wrong := range []gap{{0, 5, 5}, {7, 5, 1}, {3, math.MaxUint64, 1}, {3, 5, 0}, {3, 5, 4}} {
		f.Add(wrong.frame())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMessage(b)
		if err != nil {
			if !errors.Is(err, wire.ErrDecode) {
				t.Errorf("%v does not wrap ErrDecode", err)
			}
			return
		}
		switch m.kind {
		case frameStart:
			if again, err := decodeMessage(encodeStart(m.start)); err != nil || again.start != m.start {
				t.Errorf("%+v encodes to %+v, %v", m.start, again.start, err)
			}
		case frameDatum:
			again := append(binary.BigEndian.AppendUint64([]byte{frameDatum}, m.from), m.payload...)
			if m.from != m.to || !bytes.Equal(again, b) {
				t.Errorf("datum %d..%d does not give its bytes back", m.from, m.to)
			}
		case frameGap:
			if m.from == 0 || m.from > m.to || m.to == math.MaxUint64 || m.count == 0 || m.count > m.to-m.from+1 {
				t.Errorf("gap %+v", m.gap)
			}
			if !bytes.Equal(m.gap.frame(), b) {
				t.Errorf("gap %+v does not give its bytes back", m.gap)
			}
		default:
			if !m.unknown() || m.kind != b[0] || m.from != 0 || m.payload != nil {
				t.Errorf("kind %d gives %+v", b[0], m)
			}
		}
	})
}

func FuzzDecodeSubscribe(f *testing.F) {
	f.Add(wire.MustMarshal(subscribe{Version: version, Stream: ident.Stream("s")}))
	f.Add(wire.MustMarshal(subscribe{Version: version, Stream: ident.Stream("s"), Criteria: "a > 1"}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSubscribe(b)
		if err != nil {
			if !errors.Is(err, wire.ErrDecode) {
				t.Errorf("%v does not wrap ErrDecode", err)
			}
			return
		}
		if again, err := decodeSubscribe(wire.MustMarshal(s)); err != nil || again != s {
			t.Errorf("%+v encodes to %+v, %v", s, again, err)
		}
	})
}

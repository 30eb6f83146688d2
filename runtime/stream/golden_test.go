package stream

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/internal/golden"
	"github.com/smalti/smalti/internal/next"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

func TestMessagesKeepTheirBytes(t *testing.T) {
	asked := subscribe{Version: version, Stream: ident.Stream("prices")}
	later := subscribe{Version: version + 1, Stream: ident.Stream("prices")}
	some := subscribe{Version: version, Stream: ident.Stream("prices"), Criteria: `kind == "a"`}
	small := subscribe{Version: version, Stream: ident.Stream("prices"), MaxDatum: 64 << 10}
	named := subscribe{Version: version, Stream: ident.Stream("prices"), Consumer: 0x1122334455667788}
	first := start{Version: version, Incarnation: 0x123456789abcdef0, Next: 1000}
	asking := start{Version: version, Incarnation: 0x123456789abcdef0, Next: 1000, ProgressEvery: 250}
	follows := start{Version: version, Incarnation: 0x123456789abcdef0, Next: 1, Before: 0x1122334455667789}
	missed := start{Version: version, Incarnation: 0x123456789abcdef0, Next: 1000, First: 997}
	skipped := gap{1001, 1003, 2}
	datum := append(binary.BigEndian.AppendUint64([]byte{frameDatum}, 1004), "payload"...)
	golden.Covered(t, asked, some, small, named)
	golden.Covered(t, first, asking, follows, missed)

	asks := func(want subscribe) func(*testing.T, []byte) {
		return func(t *testing.T, b []byte) {
			got, err := decodeSubscribe(b)
			if diff := cmp.Diff(got, want); diff != "" || err != nil {
				t.Errorf("%v (-got +want):\n%s", err, diff)
			}
		}
	}
	says := func(want message) func(*testing.T, []byte) {
		return func(t *testing.T, b []byte) {
			got, err := decodeMessage(b)
			if diff := cmp.Diff(got, want, cmp.AllowUnexported(message{}, gap{})); diff != "" || err != nil {
				t.Errorf("%v (-got +want):\n%s", err, diff)
			}
		}
	}
	reports := func(want report) func(*testing.T, []byte) {
		return func(t *testing.T, b []byte) {
			if got, known, err := decodeReport(b); got != want || !known || err != nil {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		}
	}
	golden.Check(t,
		golden.Message{Name: "subscribe", Bytes: wire.MustMarshal(asked), Read: asks(asked)},
		golden.Message{Name: "subscribe-criteria", Bytes: wire.MustMarshal(some), Read: asks(some)},
		golden.Message{Name: "subscribe-max-datum", Bytes: wire.MustMarshal(small), Read: asks(small)},
		golden.Message{Name: "subscribe-consumer", Bytes: wire.MustMarshal(named), Read: asks(named)},
		golden.Message{Name: "subscribe-next", Bytes: next.Extend(wire.MustMarshal(later)), Read: asks(later)},
		golden.Message{Name: "start", Bytes: encodeStart(first), Read: says(message{kind: frameStart, start: first})},
		golden.Message{Name: "start-progress", Bytes: encodeStart(asking), Read: says(message{kind: frameStart, start: asking})},
		golden.Message{Name: "start-before", Bytes: encodeStart(follows), Read: says(message{kind: frameStart, start: follows})},
		golden.Message{Name: "start-first", Bytes: encodeStart(missed), Read: says(message{kind: frameStart, start: missed})},
		golden.Message{Name: "progress", Bytes: report{1003, false}.encode(), Read: reports(report{1003, false})},
		golden.Message{Name: "progress-waits", Bytes: report{1003, true}.encode(), Read: reports(report{1003, true})},
		golden.Message{Name: "start-next", Bytes: append([]byte{frameStart}, next.Extend(wire.MustMarshal(first))...), Read: says(message{kind: frameStart, start: first})},
		golden.Message{Name: "gap", Bytes: skipped.frame(), Read: says(message{kind: frameGap, gap: skipped})},
		golden.Message{Name: "datum", Bytes: datum, Read: says(message{kind: frameDatum, gap: gap{1004, 1004, 1}, payload: []byte("payload")})},
		golden.Message{Name: "unknown", Bytes: []byte{next.Kind, 1, 2, 3}, Read: says(message{kind: next.Kind})},
		golden.Message{Name: "datum-header", Bytes: datum[:datumHeader], Read: says(message{kind: frameDatum, gap: gap{1004, 1004, 1}, payload: []byte{}})},
	)
	if !bytes.Equal(framePayload(datum), []byte("payload")) || frameSeq(datum) != 1004 {
		t.Errorf("datum %d is %q", frameSeq(datum), framePayload(datum))
	}
}

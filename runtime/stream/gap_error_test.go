package stream_test

import (
	"testing"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
)

func TestGapSaysWhatIsMissing(t *testing.T) {
	who := ident.PeerID{0xab}
	for _, x := range []struct {
		gap   stream.Gap
		want  string
		known bool
	}{
		{stream.Gap{Producer: who, From: 5, To: 7, Count: 3}, "missed 3 datums, 5 to 7, of producer ab00000000", true},
		{stream.Gap{Producer: who, From: 5, To: 5, Count: 1}, "missed 1 datum, 5 to 5, of producer ab00000000", true},
		{stream.Gap{Producer: who, From: 5, To: 9, Count: 3}, "missed 3 of datums 5 to 9, of producer ab00000000", true},
		{stream.Gap{Producer: who, From: 5, To: 9, Count: 5, AtMost: true}, "missed at most 5 of datums 5 to 9, of producer ab00000000", false},
		{stream.Gap{Producer: who, From: 1, Unknown: true}, "missed an unknown number of datums of producer ab00000000", false},
		{stream.Gap{Producer: who, From: 5, To: 4, Unknown: true, Gone: true}, "missed an unknown number of datums of producer ab00000000, which is gone", false},
		{stream.Gap{Producer: who, From: 1, To: 2, Count: 2, Unknown: true}, "missed an unknown number of datums of producer ab00000000, and then 2 datums, 1 to 2", false},
		{
			stream.Gap{Producer: who, From: 1, To: 2, Count: 2, AtMost: true, Unknown: true},
			"missed an unknown number of datums of producer ab00000000, and then at most 2 of datums 1 to 2", false,
		},
	} {
		if got := x.gap.Error(); got != x.want || x.gap.Known() != x.known {
			t.Errorf("%+v:\ngot  %s, known %t\nwant %s, known %t", x.gap, got, x.gap.Known(), x.want, x.known)
		}
	}
}

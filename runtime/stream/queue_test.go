package stream

import (
	"testing"

	"github.com/smalti/smalti/runtime/ident"
)

// Gaps of one producer between two of its datums become at most two, whatever happens, and an
// unknown number that is not to be known stays unknown.
func TestGapsMergeAndDenyNothing(t *testing.T) {
	env := liveEnv(t)
	one, other := ident.PeerID{1}, ident.PeerID{2}
	at := func(incarnation, from, to, count uint64, kind arrivalKind) arrival {
		return arrival{origin: &origin{producer: one, incarnation: incarnation}, gap: gap{from, to, count}, kind: kind}
	}
	between := arrival{origin: &origin{producer: other, incarnation: 1}, gap: gap{1, 1, 1}}
	for name, x := range map[string]struct {
		pushed []arrival
		want   []arrival
	}{
		"adjacent":            {[]arrival{at(7, 1, 2, 2, arrivalGap), at(7, 3, 5, 3, arrivalGap)}, []arrival{at(7, 1, 5, 5, arrivalGap)}},
		"a bound":             {[]arrival{at(7, 1, 2, 2, arrivalGap), at(7, 3, 5, 3, arrivalGapAtMost)}, []arrival{at(7, 1, 5, 5, arrivalGapAtMost)}},
		"apart":               {[]arrival{at(7, 1, 2, 2, arrivalGap), at(7, 4, 5, 2, arrivalGap)}, []arrival{at(7, 1, 2, 2, arrivalGap), at(7, 4, 5, 2, arrivalGap)}},
		"gone and back":       {[]arrival{at(7, 4, 3, 0, arrivalGone), at(7, 4, 9, 6, arrivalGap)}, []arrival{at(7, 4, 9, 6, arrivalGap)}},
		"gone, and another":   {[]arrival{at(7, 4, 3, 0, arrivalGone), at(8, 1, 3, 3, arrivalGap)}, []arrival{at(8, 1, 3, 3, arrivalRestart)}},
		"a gap, and gone":     {[]arrival{at(7, 1, 3, 3, arrivalGap), at(7, 4, 3, 0, arrivalGone)}, []arrival{at(7, 1, 3, 3, arrivalGap), at(7, 4, 3, 0, arrivalGone)}},
		"a restart, and gone": {[]arrival{at(8, 1, 3, 3, arrivalRestart), at(8, 4, 3, 0, arrivalGone)}, []arrival{at(8, 4, 3, 0, arrivalRestart)}},
		"and back":            {[]arrival{at(8, 1, 3, 3, arrivalRestart), at(8, 4, 3, 0, arrivalGone), at(8, 4, 9, 6, arrivalGap)}, []arrival{at(8, 4, 9, 6, arrivalRestart)}},
		"with another between": {
			[]arrival{at(7, 4, 3, 0, arrivalGone), between, at(7, 4, 9, 6, arrivalGap)},
			[]arrival{between, at(7, 4, 9, 6, arrivalGap)},
		},
		"a gap, gone and back": {
			[]arrival{
				at(7, 1, 3, 3, arrivalGap), at(7, 4, 3, 0, arrivalGone), at(7, 4, 9, 6, arrivalGap),
				at(7, 10, 9, 0, arrivalGone), between, at(7, 10, 10, 1, arrivalGap),
			},
			[]arrival{at(7, 1, 10, 10, arrivalGap), between},
		},
		"again and again": {
			[]arrival{at(7, 1, 3, 3, arrivalGap), at(7, 4, 3, 0, arrivalGone), at(8, 1, 2, 2, arrivalGap), at(8, 3, 2, 0, arrivalGone), between, at(9, 1, 1, 1, arrivalRestart)},
			[]arrival{at(7, 1, 3, 3, arrivalGap), at(9, 1, 1, 1, arrivalRestart), between},
		},
	} {
		q := &queue{env: env, strand: env.Scheduler.Strand("test"), maxDatums: 100, maxBytes: 1 << 20}
		for _, a := range x.pushed {
			q.push([]arrival{a})
		}
		got := q.items.all()
		same := len(got) == len(x.want)
		for i := 0; same && i < len(got); i++ {
			same = got[i].producer == x.want[i].producer && got[i].incarnation == x.want[i].incarnation && got[i].gap == x.want[i].gap && got[i].kind == x.want[i].kind
		}
		if !same {
			t.Errorf("%s: queued %+v, want %+v", name, got, x.want)
		}
	}
}

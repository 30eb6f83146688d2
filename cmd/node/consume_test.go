package main

import (
	"errors"
	"testing"
)

func TestConsumeEndsWithOneIfAnythingIsMissing(t *testing.T) {
	for _, x := range []struct {
		sink sink
		want string // of the error; empty: none
	}{
		{sink{written: 5}, ""},
		{sink{written: 5, missed: 1}, "1 datum was missing: see the lines above for which"},
		{sink{written: 5, vague: true}, "an unknown number of datums is missing: see the lines above for which"},
		{sink{written: 5, missed: 2, vague: true}, "datums are missing, 2 or another number of them: see the lines above for which"},
	} {
		err := x.sink.outcome(errInterrupted)
		f, _ := errors.AsType[*fault](err)
		if (err == nil) != (x.want == "") || err != nil && (err.Error() != x.want || f == nil || f.code != codeFailed) {
			t.Errorf("%d missed, vague %t: got %v, want %q", x.sink.missed, x.sink.vague, err, x.want)
		}
	}
}

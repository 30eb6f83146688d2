package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func readAll(r io.Reader, maximum int) ([]string, error) {
	var all []string
	in := newLines(r, maximum)
	for {
		line, err := in.next()
		if err != nil {
			return all, err
		}
		all = append(all, string(line))
	}
}

func TestLinesAreTheBytesBeforeNewline(t *testing.T) {
	long := strings.Repeat("x", 200_000) // several buffers
	for _, test := range []struct {
		input string
		want  []string
	}{
		{"", nil},
		{"\n", []string{""}},
		{"a", []string{"a"}},
		{"a\n", []string{"a"}},
		{"a\n\n", []string{"a", ""}},
		{"\n\na\r\n\xff\x00\nlast", []string{"", "", "a\r", "\xff\x00", "last"}},
		{long + "\n" + long + "\n" + long, []string{long, long, long}},
	} {
		for name, r := range map[string]io.Reader{
			"at once":      strings.NewReader(test.input),
			"byte by byte": iotest.OneByteReader(strings.NewReader(test.input)),
			"with its end": iotest.DataErrReader(strings.NewReader(test.input)),
		} {
			got, err := readAll(r, len(long))
			if !errors.Is(err, io.EOF) || !slices.Equal(got, test.want) {
				t.Errorf("%.20q read %s: %.80q, %v; want %.80q", test.input, name, got, err, test.want)
			}
		}
	}
}

func TestLineOverTheLimitIsRefusedWhereverItStands(t *testing.T) {
	for _, size := range []int{4, 64 << 10, 100_000} {
		line := strings.Repeat("x", size)
		for _, end := range []string{"", "\n", "\nmore\n"} {
			if got, err := readAll(strings.NewReader("a\n"+line+end), size); !errors.Is(err, io.EOF) || got[1] != line {
				t.Errorf("line of exactly %d bytes: %v, want it whole", size, err)
			}
			got, err := readAll(strings.NewReader("a\n"+line+"x"+end), size)
			if !errors.Is(err, errLineTooLong) || !slices.Equal(got, []string{"a"}) {
				t.Errorf("line of %d bytes, limit %d: %.20q, %v; want the line before it and errLineTooLong", size+1, size, got, err)
			}
		}
	}
}

func TestEndlessLineIsReadNoFurtherThanTheLimit(t *testing.T) {
	endless := &endlessReader{}
	if _, err := readAll(endless, 1<<20); !errors.Is(err, errLineTooLong) {
		t.Fatalf("endless line: %v, want errLineTooLong", err)
	}
	if most := 1<<20 + 2*64<<10; endless.n > most {
		t.Errorf("read %d bytes of an endless line, want at most %d", endless.n, most)
	}
}

func TestFailedReadIsNotTheEnd(t *testing.T) {
	broken := errors.New("disk on fire")
	got, err := readAll(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), 10)
	if !errors.Is(err, broken) || !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %q, %v; want the whole line only, and the error", got, err)
	}
}

type endlessReader struct{ n int }

func (r *endlessReader) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	r.n += len(b)
	return len(b), nil
}
